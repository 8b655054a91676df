"""What is asked for over plain HTTP: the public keys, by whoever verifies access tokens, and SCIM."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from services.identity.scim.server import PATH
from services.identity.tokens import CACHED_S, SigningKeys


def application(keys: SigningKeys, scim: Starlette) -> Starlette:
    """Serves GET /.well-known/jwks.json (RFC 7517), and SCIM."""

    async def jwks(_request: Request) -> JSONResponse:
        cached = {"cache-control": f"public, max-age={CACHED_S}"}
        return JSONResponse({"keys": await keys.jwks()}, headers=cached, media_type="application/jwk-set+json")

    return Starlette(routes=[Route("/.well-known/jwks.json", jwks), Mount(PATH, scim)])
