"""The Python client of Regard: every service of the contract, typed, for programs and for the `regard` command.

    with Regard("http://localhost:8080", token=token) as regard:
        for group in regard.groups.ListMyGroups(ListMyGroupsRequest()).groups:
            print(group.name)

`AsyncRegard` is the same for asyncio. Both sign in, go on with a session by themselves, send back what makes a caller's
own writes visible, and raise RegardError, which carries the stable id, the sentence and the remedy.
"""

from regard_client.client import AsyncRegard, Regard
from regard_client.errors import RegardError, Violation
from regard_client.session import Session

__all__ = ["AsyncRegard", "Regard", "RegardError", "Session", "Violation"]
