"""Work beside the block of an agent, as tasks."""

import asyncio
from collections.abc import Awaitable, Callable

Lock = asyncio.Lock
sleep = asyncio.sleep


class Event(asyncio.Event):
    """One for whose setting can be waited a limited time, as for that of a thread."""

    async def wait(self, timeout: float | None = None) -> bool:  # type: ignore[override]
        try:
            async with asyncio.timeout(timeout):
                await super().wait()
        except TimeoutError:
            pass
        return self.is_set()


class Background:
    """Functions that go on beside the block, each until `stopped` is set."""

    def __init__(self) -> None:
        self.stopped = Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, work: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            await work()

        self._tasks.append(asyncio.create_task(run()))

    async def stop(self) -> None:
        """Asks them to end, and waits for it."""
        self.stopped.set()
        await asyncio.gather(*self._tasks)
