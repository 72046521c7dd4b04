"""A server for each test that wants one, with a database of its own."""

import pathlib
from collections.abc import Callable, Iterator

import pytest
from support import Server

from orchestrator_client import Client


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
