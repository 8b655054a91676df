"""Each connection between parts made slow, silent and cut under load: nothing is lost, doubled, or shown unrecorded."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from tests.faults.apart import SERVICES, Apart
from tests.faults.rounds import checked, rounds, seeded
from tests.faults.traffic import Traffic
from tests.faults.wire import wire
from tests.product import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


async def test_each_wire_is_slow_silent_and_cut_under_load(tmp_path: Path) -> None:
    draw = seeded()
    traffic = Traffic(draw)
    async with contextlib.AsyncExitStack() as stack:
        ports = {name: free_port() for name in ("eventstore", *SERVICES)}
        wires = {name: await stack.enter_async_context(wire(port)) for name, port in ports.items()}
        variables = {
            "REGARD_EVENTSTORE_URI": f"kurrentdb://127.0.0.1:{wires['eventstore'].port}?tls=false",
            **{f"REGARD_{name.upper()}_LISTEN": f"127.0.0.1:{ports[name]}" for name in SERVICES},
            **{f"REGARD_{name.upper()}_ADDRESS": f"127.0.0.1:{wires[name].port}" for name in SERVICES},
        }
        apart = Apart(tmp_path, ports["eventstore"], **variables)
        stack.callback(apart.close)
        url = await apart.start()
        await traffic.prepare(url, apart.anyone.code)
        faults = [(state, name) for name in wires for state in ("slow", "silent", "cut")]
        draw.shuffle(faults)
        for number in range(rounds(5, of=3 * len(faults))):
            state, name = faults[number % len(faults)]
            async with traffic.running(url):
                await asyncio.sleep(draw.uniform(0.2, 1.0))
                wires[name].set(state)
                await asyncio.sleep(draw.uniform(0.5, 4.0))
                wires[name].set("whole")
                await asyncio.sleep(0.5)
            await traffic.verify(url)
            await checked(apart.anyone)
            print(f"round {number}: {name} {state}: {traffic}")
