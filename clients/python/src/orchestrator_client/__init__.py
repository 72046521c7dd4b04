"""A client of the Orchestrator Web Backend: agents that show on the board, and the live feed of all of them."""

from . import frames, models
from ._async.client import AsyncClient
from ._async.feed import AsyncFeed
from ._async.run import AsyncRun
from ._sync.client import Client
from ._sync.feed import Feed
from ._sync.run import Run
from .errors import ApiError, Cancelled, NoAnswer, OrchestratorError, Unavailable
from .logs import LogHandler

__all__ = [
    "ApiError",
    "AsyncClient",
    "AsyncFeed",
    "AsyncRun",
    "Cancelled",
    "Client",
    "Feed",
    "LogHandler",
    "NoAnswer",
    "OrchestratorError",
    "Run",
    "Unavailable",
    "frames",
    "models",
]
