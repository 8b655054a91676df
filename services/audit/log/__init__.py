"""The transparency log of accesses: rows become salted leaves, leaves become tiles. See docs/decisions/0005."""
