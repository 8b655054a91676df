"""Headers that the border reads of every call."""

import atheris

import services.common.contracts  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz

with atheris.instrument_imports(include=["services.common.rpc.call"]):
    from services.common.errors import Refused
    from services.common.rpc import call


def one(data: bytes) -> None:
    text = data.decode("latin-1")
    names = ("accept-language", "x-request-id", "idempotency-key", "traceparent", "tracestate")
    arrived = call.arrived("/m", dict.fromkeys(names, text))
    assert arrived.language in ("fr", "en")
    assert arrived.request_id.isascii() and 0 < len(arrived.request_id) <= 64
    with call.acting(call.Caller("p"), {"idempotency-key": text}):
        try:
            first, second = call.command_context(), call.command_context()
        except Refused:
            return
    assert first.command_id == second.command_id


if __name__ == "__main__":
    trace = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    fuzz(one, [b"fr-CA;q=0.5, en;q=0.9", b"en;q=inf, fr;q=nan", trace, b"6b5f2d6e-0000-4000-8000-000000000000"])
