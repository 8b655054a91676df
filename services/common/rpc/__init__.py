"""Calls: the server's border, the clients of peers, and what code inside a call may know of it.

call.py         who calls, the command's context, the answer's consistency token
border.py       all that happens to a call before and after a service's code, in order
server.py       one gRPC server with health and reflection
client.py       stubs of the other services
tokens.py       ES256 tokens of people and of services
status.py       refusals as gRPC statuses, and back
"""

from services.common.rpc.border import Border
from services.common.rpc.call import Caller, acting, answer_token, caller, command_context, metadata
from services.common.rpc.client import Peers
from services.common.rpc.server import RpcServer, Servicers
from services.common.rpc.tokens import Jwks, ServiceTokens, TokenVerifier, role_name, roles_named

__all__ = [
    "Border",
    "Caller",
    "Jwks",
    "Peers",
    "RpcServer",
    "ServiceTokens",
    "Servicers",
    "TokenVerifier",
    "acting",
    "answer_token",
    "caller",
    "command_context",
    "metadata",
    "role_name",
    "roles_named",
]
