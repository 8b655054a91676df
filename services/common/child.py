"""A process that this one started, and ends."""

import asyncio
import subprocess


class Child:
    """Watches a process: whether it is over, when it ends, and how to end it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._end = asyncio.ensure_future(asyncio.to_thread(process.wait))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_over(self) -> bool:
        return self._process.returncode is not None

    async def ended(self) -> None:
        """Waits until it ends."""
        await asyncio.shield(self._end)

    async def stop(self, limit_s: float) -> None:
        """Asks it to end, and ends it by force when it takes longer than limit_s."""
        self._process.terminate()
        try:
            async with asyncio.timeout(limit_s):
                await self.ended()
        except TimeoutError:
            self._process.kill()
            await self._end
