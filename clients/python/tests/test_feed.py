"""The live feed."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import httpx
import pytest
from support import Busy, Server

from orchestrator_client import ApiError, AsyncClient, Client, Feed, Unavailable, models
from orchestrator_client.frames import Frame


def agent(client: Client, session: str = "demo") -> str:
    return client.create_agent(orchestrator_agent_id=client.ensure_definition("Planner")["id"], session_id=session)[
        "id"
    ]


def statuses(feed: Iterable[Frame], id: str, last: str) -> list[str]:
    """The statuses of an agent that the feed tells, until it comes to the last one."""
    seen: list[str] = []
    for frame in feed:
        if frame["type"] == "agent_update":
            seen += [each["status"] for each in frame["data"]["agents"] if each["id"] == id]
            if seen[-1:] == [last]:
                break
    return seen


def test_each_change_once(client: Client) -> None:
    first = agent(client)
    with client.feed() as feed:
        frame = next(feed)
        assert frame["type"] == "agent_update"
        assert frame["data"]["snapshot"]
        assert [(each["id"], each["name"]) for each in frame["data"]["agents"]] == [(first, "Planner")]
        assert feed.live
        client.update_agent(first, status="planning")
        client.update_agent(first, status="executing")
        client.update_agent(first, status="reviewing")
        assert statuses(feed, first, "reviewing") == ["planning", "executing", "reviewing"]
        assert feed.agents[first]["status"] == "reviewing"
        client.delete_agent(first)
        next(feed)
        assert feed.agents == {}
    assert not feed.live


def test_it_goes_on_after_a_lost_connection(server: Server) -> None:
    with server.client() as client, client.feed() as feed:
        running = agent(client)
        assert statuses(feed, running, "initializing") == ["initializing"]
        server.kill()
        server.start()
        client.update_agent(running, status="planning")
        client.update_agent(running, status="executing")
        assert statuses(feed, running, "executing") == ["planning", "executing"]
        assert feed.live


def test_another_process_goes_on(client: Client) -> None:
    running = agent(client)
    with client.feed() as feed:
        next(feed)
    client.update_agent(running, status="planning")
    client.update_agent(running, status="executing")
    with client.feed(position=feed.position) as resumed:
        assert statuses(resumed, running, "executing") == ["planning", "executing"]
    with client.feed(position="1000000") as elsewhere:
        assert [next(elsewhere)["type"], next(elsewhere)["type"]] == ["resync", "agent_update"]
        assert list(elsewhere.agents) == [running]


def test_filters(client: Client) -> None:
    one, other = agent(client, "one"), agent(client, "other")
    with client.feed(session_id="one", status=["initializing", "planning"]) as feed:
        next(feed)
        assert list(feed.agents) == [one]
        client.update_agent(other, status="planning")
        client.update_agent(one, status="completed")
        while feed.agents:
            next(feed)
        assert other not in feed.agents


def log(client: Client, id: str, *texts: str, level: models.LogLevel = "INFO") -> None:
    client.create_logs(
        [{"agent_id": id, "log_type": "milestone", "log_level": level, "message": each} for each in texts]
    )


def entries(feed: Feed, count: int) -> list[str]:
    texts: list[str] = []
    for frame in feed:
        if frame["type"] == "log":
            texts += [each["message"] for each in frame["data"]["entries"]]
            if len(texts) >= count:
                break
    return texts


def test_what_is_beside_agents(client: Client) -> None:
    running = agent(client)
    with client.feed(include=["workflows", "messages", "logs", "definitions"], level="ERROR", agent_id=running) as feed:
        seen: list[str] = []
        while not feed.agents:
            seen.append(next(feed)["type"])
        assert seen[-1] == "agent_update"
        assert "definition_update" in seen
        client.create_workflow(adw_name="Add pages", workflow_type="plan_build")
        client.tell(running, "Stop at noon")
        kinds: Any = {}
        while not {"workflow_update", "message"} <= kinds.keys():
            frame = next(feed)
            kinds[frame["type"]] = frame["data"]
        assert kinds["workflow_update"]["workflows"][0]["adw_name"] == "Add pages"
        assert kinds["message"]["messages"][0]["message"] == "Stop at noon"
        log(client, running, "no")
        log(client, running, "yes", level="ERROR")
        assert entries(feed, 1) == ["yes"]


def test_log_entries_that_the_feed_leaves_out_are_read(client: Client) -> None:
    running = agent(client)
    with client.feed(include=["logs"]) as feed:
        while feed.position is None or "-" not in feed.position:
            next(feed)
    for batch in range(12):
        log(client, running, *(str(number) for number in range(batch * 1000, batch * 1000 + 1000)))
    with client.feed(include=["logs"], position=feed.position) as resumed:
        first = entries(resumed, 3500)
        # A position within them is as good as any other.
        with client.feed(include=["logs"], position=resumed.position) as again:
            rest = entries(again, 12_000 - len(first))
        log(client, running, "new")
        later = entries(resumed, 12_001 - len(first))
    expected = [str(number) for number in range(12_000)]
    assert first + rest == expected
    assert first + later == [*expected, "new"]


def test_what_is_no_feed(start: Callable[..., Server]) -> None:
    server = start(API_TOKEN="secret")
    with server.client() as client, client.feed() as feed, pytest.raises(ApiError, match="401"):
        next(feed)
    with server.client(token="secret") as client, client.feed() as feed:
        assert next(feed)["type"] == "agent_update"
    page = httpx.MockTransport(lambda _: httpx.Response(200, html="<p>Welcome"))
    with Client("http://elsewhere", transport=page) as client, client.feed() as feed, pytest.raises(Unavailable):
        next(feed)


def test_a_server_that_is_busy(server: Server) -> None:
    with server.client(transport=Busy()) as client, client.feed() as feed:
        assert next(feed)["type"] == "agent_update"


def test_a_feed_that_is_async(server: Server) -> None:
    async def main() -> list[str]:
        async with AsyncClient(server.url) as client, client.feed() as feed:
            await anext(feed)
            async with client.run("Builder", status="planning") as agent:
                pass
            seen: list[str] = []
            async for frame in feed:
                if frame["type"] == "agent_update":
                    seen += [each["status"] for each in frame["data"]["agents"] if each["id"] == agent.id]
                    if "completed" in seen:
                        break
            return seen

    assert asyncio.run(main())[0] == "planning"
