"""Work beside the block of an agent, as threads."""

import threading
import time
from collections.abc import Callable

Lock = threading.Lock
Event = threading.Event
sleep = time.sleep


class Background:
    """Functions that go on beside the block, each until `stopped` is set."""

    def __init__(self) -> None:
        self.stopped = Event()
        self._threads: list[threading.Thread] = []

    def start(self, work: Callable[[], None]) -> None:
        # A program that ends without leaving its block is not to be held up.
        thread = threading.Thread(target=work, name=f"orchestrator {work.__name__.strip('_')}", daemon=True)
        thread.start()
        self._threads.append(thread)

    def stop(self) -> None:
        """Asks them to end, and waits for it."""
        self.stopped.set()
        for thread in self._threads:
            thread.join()
