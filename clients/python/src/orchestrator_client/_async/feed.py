"""The live feed, over Server-Sent Events: every host of the server has them, and they need no more than HTTP."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Self, cast

import httpx
from httpx_sse import SSEError, aconnect_sse

from ..errors import ApiError, Unavailable
from ..frames import Entries, FeedAgent, Frame
from ..models import LogEntry
from .background import sleep

if TYPE_CHECKING:
    from .client import AsyncClient

# The server says something every five seconds.
SILENCE_SECONDS = 20
LONGEST_PAUSE_SECONDS = 5
# What a server that is busy, or something before it whose server is away, answers with.
BUSY = (429, 502, 503, 504)


class AsyncFeed:
    """Frames, one after the other, without end. After a lost connection it goes on where it was.

    `agents` are those that the frames so far have told of, by id. `position` is that of the last frame, for another feed
    to go on after it. `live` is false while there is no connection, or the server cannot read its database.
    """

    def __init__(self, client: AsyncClient, params: Mapping[str, str | int], position: str | None) -> None:
        self.agents: dict[str, FeedAgent] = {}
        self.position = position
        self.live = False
        self._client = client
        self._params = {**params, "mode": "delta"}
        self._frames = self._connections()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Frame:
        return await anext(self._frames)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes its connection."""
        await self._frames.aclose()

    async def _connections(self) -> AsyncGenerator[Frame, None]:
        failures = 0
        while True:
            try:
                async with contextlib.aclosing(self._connection()) as frames:
                    async for frame in frames:
                        failures = 0
                        yield frame
            except SSEError as error:
                raise Unavailable(f"this is no feed: {error}") from error
            except (httpx.TransportError, Unavailable):
                pass
            except ApiError as error:
                if error.status not in BUSY:
                    raise
            finally:
                self.live = False
            # All clients of a server that comes back are not to come at once.
            pause = min(0.25 * 2**failures, LONGEST_PAUSE_SECONDS)
            failures = min(failures + 1, 10)
            await sleep(pause * random.uniform(0.5, 1))

    async def _connection(self) -> AsyncGenerator[Frame, None]:
        headers = {"Last-Event-ID": self.position} if self.position else {}
        options: dict[str, Any] = {"params": self._params, "headers": headers}
        options["timeout"] = httpx.Timeout(self._client._timeout, read=SILENCE_SECONDS)
        async with aconnect_sse(self._client._http, "GET", "/api/runtime/events", **options) as events:
            if events.response.is_error:
                await events.response.aread()
                raise ApiError.of(events.response)
            async for event in events.aiter_sse():
                if not event.data:
                    # It only says how soon to connect again.
                    continue
                frame = event.json()
                if frame["type"] in ("connection_ack", "heartbeat"):
                    self.live = frame["data"].get("live", True)
                elif frame["type"] == "log" and "missed" in frame["data"]:
                    async for page in self._missed(frame["data"]):
                        yield cast(Frame, {"type": "log", "data": page})
                # An event without an id is part of a snapshot whose end has one.
                self.position = event.id or self.position
                if frame["type"] == "agent_update":
                    self._keep(frame["data"])
                elif frame["type"] == "resync":
                    self.agents.clear()
                if frame["type"] not in ("connection_ack", "heartbeat"):
                    yield cast(Frame, frame)

    def _keep(self, data: Any) -> None:
        if data.get("snapshot"):
            self.agents.clear()
        for agent in data["agents"]:
            self.agents[agent["id"]] = agent
        for id in data["removed"]:
            self.agents.pop(id, None)

    async def _missed(self, data: Any) -> AsyncIterator[Entries]:
        """The log entries that the feed has left out, up to where it goes on, as frames would have them."""
        url: str | None = data["missed_url"]
        while url is not None:
            page = await self._client._request("GET", url)
            entries = [each for each in cast(list[LogEntry], page.json()) if each["id"] <= data["log_id"]]
            if not entries:
                return
            log_id = entries[-1]["id"]
            # What comes after these, should the connection be lost between two pages.
            self.position = f"{(self.position or '').partition('-')[0]}-{log_id}"
            yield {"entries": entries, "timestamp": data["timestamp"], "log_id": log_id}
            url = page.links["next"]["url"] if "next" in page.links else None
