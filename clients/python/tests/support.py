"""A real server for each test that wants one, with a database of its own; and what tests wait with."""

import os
import pathlib
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import httpx
import pytest

from orchestrator_client import Client

ROOT = pathlib.Path(__file__).resolve().parents[3]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
ORCHESTRATOR = ROOT / TARGET / "release/orchestrator"
DEADLINE_SECONDS = 60


class Server:
    """`orchestrator serve`, which keeps its port when it is started again."""

    def __init__(self, folder: pathlib.Path, **environment: str) -> None:
        self.database = folder / "test.db"
        self.port = "0"
        self._environment = environment
        self.start()

    def start(self) -> None:
        environment = {"PATH": os.environ["PATH"], "DATABASE_PATH": str(self.database), "WEBSOCKET_PORT": self.port}
        self._process = subprocess.Popen(
            [ORCHESTRATOR, "--manifest", ROOT / "spin.toml", "serve"],
            cwd=self.database.parent,
            env={**environment, "NO_COLOR": "1", **self._environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, args=(self._process.stderr, lines))
        self._reader.start()
        while "serving http://" not in (line := lines.get(timeout=DEADLINE_SECONDS)):
            assert line, "the server has ended"
        self.url = "http://" + line.rpartition("http://")[2].strip()
        self.port = self.url.rpartition(":")[2]

    @staticmethod
    def _read(stderr: Any, lines: queue.Queue[str]) -> None:
        with stderr:
            for line in stderr:
                lines.put(line)
        lines.put("")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def client(self, **options: Any) -> Client:
        return Client(self.url, **options)


@pytest.fixture
def start(tmp_path: pathlib.Path) -> Iterator[Callable[..., Server]]:
    """Starts a server; the environment may set what the README of the server lists."""
    servers = []

    def start(**environment: str) -> Server:
        servers.append(Server(tmp_path, **environment))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def server(start: Callable[..., Server]) -> Server:
    return start()


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with server.client() as client:
        yield client


class Busy(httpx.HTTPTransport):
    """The real network, where the first answer is that the server is busy."""

    def __init__(self) -> None:
        super().__init__()
        self._answers = [httpx.Response(503, headers={"Retry-After": "3"}, json={"detail": "busy"})]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._answers.pop() if self._answers else super().handle_request(request)


T = TypeVar("T")


def until(what: Callable[[], T]) -> T:
    """What `what` gives as soon as that is something."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (found := what()):
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.01)
    return found
