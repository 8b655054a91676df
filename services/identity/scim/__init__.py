"""SCIM 2.0 (RFC 7643, RFC 7644): how the company's identity provider says who works here.

resources.py    the user resource that is kept, and what it means in Regard
filters.py      filters, patches and bodies as they come in
server.py       the addresses under /scim/v2
"""

from services.identity.scim.server import scim

__all__ = ["scim"]
