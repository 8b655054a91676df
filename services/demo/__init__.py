"""The demonstration company: Atelier Mercier, sixty people who make machine parts, invented from beginning to end."""
