"""Each endpoint, and what happens to a request on its way."""

import json
import pathlib
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from support import ROOT, Busy, Server

from orchestrator_client import ApiError, Client, Unavailable


class Recorded(httpx.HTTPTransport):
    """The real network, with all requests kept."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return super().handle_request(request)


class LosesAnswers(Recorded):
    """The real network, where the first answer to each method is lost after the server has done what was asked."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        is_first = all(earlier.method != request.method for earlier in self.requests)
        response = super().handle_request(request)
        if is_first:
            response.read()
            raise httpx.ReadError("the connection was lost", request=request)
        return response


def definition(client: Client, name: str = "Planner") -> str:
    return client.create_definition(name=name, agent_type="planner")["id"]


def agent(client: Client, session: str = "demo") -> str:
    return client.create_agent(orchestrator_agent_id=client.ensure_definition("Planner")["id"], session_id=session)[
        "id"
    ]


def test_everything_in_the_document_can_be_asked(server: Server) -> None:
    network = Recorded()
    with server.client(transport=network) as client:
        made = definition(client)
        assert [each["name"] for each in client.list_definitions(agent_type="planner", is_active=True)] == ["Planner"]
        assert client.update_definition(made, description="Plans")["description"] == "Plans"
        assert client.get_definition(made)["version"] == 2

        running = agent(client)
        other = agent(client, "other")
        assert client.heartbeat(running, lease_seconds=60) == {"cancel_requested": False, "messages_waiting": 0}
        assert client.update_agent(running, status="planning", context={"task": "Add pages"})["status"] == "planning"
        assert client.cancel_agent(other)["cancel_requested"] is True
        assert client.get_agent(running)["context"] == {"task": "Add pages"}
        assert [each["status"] for each in client.list_history(running)] == ["initializing", "planning"]
        found = client.list_agents(session_id="demo", status=["planning", "reviewing"])
        assert [each["id"] for each in found] == [running]

        prompt = client.create_prompt(agent_id=running, prompt_type="command", prompt_text="Plan it")
        assert client.update_prompt(prompt["id"], status="completed", tokens_input=12)["tokens_input"] == 12
        assert client.get_prompt(prompt["id"])["prompt_text"] == "Plan it"
        assert [each["id"] for each in client.list_prompts(agent_id=running)] == [prompt["id"]]

        entry: Any = {"agent_id": running, "log_type": "milestone", "message": "half way"}
        assert client.create_logs([entry, entry])["inserted"] == 2
        assert [each["message"] for each in client.list_logs(level="INFO")] == ["half way"] * 2
        assert len(list(client.list_agent_logs(running, limit=1))) == 2
        assert client.delete_logs(older_than_days=1) == 0
        assert client.create_system_log(component="queue", message="long")["log_level"] == "INFO"
        assert [each["component"] for each in client.list_system_logs()] == ["queue"]

        told = client.tell(running, "Stop at noon")
        assert client.get_message(told["id"])["message"] == "Stop at noon"
        assert client.receive_messages(running, after=0, wait=1) == [told]
        assert client.acknowledge_messages(running, up_to=told["number"]) == 1
        asked = client.create_message(
            agent_id=running, sender_type="agent", receiver_type="user", message="Which?", options=["a", "b"]
        )
        assert [each["id"] for each in client.list_messages(waiting="user")] == [asked["id"]]
        assert client.answer(asked["id"], "a")["receiver_type"] == "agent"

        workflow = client.create_workflow(adw_name="Add pages", workflow_type="plan_build")
        assert client.update_workflow(workflow["id"], status="in_progress")["status"] == "in_progress"
        assert client.get_workflow(workflow["id"])["adw_name"] == "Add pages"
        assert [each["id"] for each in client.list_workflows(status=["in_progress"])] == [workflow["id"]]

        assert {each["session_id"] for each in client.list_sessions()} == {"demo", "other"}
        assert client.get_session("demo")["tokens_input"] == 12
        assert client.get_stats(session_id="demo")["agents"]["total"] == 1
        assert client.get_log_histogram(since="2026-02-05", buckets=10)["buckets"][-1]["logs"]["total"] > 0
        assert client.get_health()["status"] == "healthy"
        with client.feed() as feed:
            next(feed)

        client.delete_agent(running)
        client.delete_definition(made)
        assert list(client.list_agents()) == []

    asked_for = {(request.method, request.url.path) for request in network.requests}
    document = json.loads((ROOT / "components/backend/openapi.json").read_text())
    for path, operations in document["paths"].items():
        if path.startswith("/v1/"):
            # OTLP, which exporters send.
            continue
        parts = path.split("/")
        for method in operations:
            # PATCH is the same as PUT.
            wanted = "PATCH" if method == "put" else method.upper()
            assert path in ("/", "/metrics") or any(
                asked == wanted
                and len(found.split("/")) == len(parts)
                and all(part == its or part == "{id}" for part, its in zip(parts, found.split("/"), strict=True))
                for asked, found in asked_for
            ), f"{method} {path}"


def test_a_list_has_all_pages(client: Client) -> None:
    names = [f"{number:02}" for number in range(7)]
    for name in names:
        definition(client, name)
    assert [each["name"] for each in client.list_definitions(order="asc", limit=3)] == names


def test_what_was_done_and_not_answered_is_done_once(server: Server) -> None:
    network = LosesAnswers()
    with server.client(transport=network) as client:
        made = definition(client)
        posts = [request for request in network.requests if request.method == "POST"]
        assert len(posts) == 2
        assert posts[0].headers["Idempotency-Key"] == posts[1].headers["Idempotency-Key"]
        assert [each["id"] for each in client.list_definitions()] == [made]
        running = agent(client)
        assert client.update_agent(running, status="completed")["status"] == "completed"
        client.delete_agent(running)
        with pytest.raises(ApiError, match="404"):
            client.delete_agent(running)


def test_a_busy_server_is_asked_again_when_it_says(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    with server.client(transport=Busy()) as client:
        definition(client)
    assert slept == [3]


def test_a_server_that_is_away_is_waited_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with server.client() as client:
        server.kill()
        with pytest.raises(Unavailable):
            client.without_retries().get_health()

        def come_back(_: float) -> None:
            monkeypatch.undo()
            server.start()

        # While the client waits.
        monkeypatch.setattr(time, "sleep", come_back)
        definition(client)
        assert [each["name"] for each in client.list_definitions()] == ["Planner"]


def test_what_is_refused_says_why(client: Client) -> None:
    made = definition(client)
    with pytest.raises(ApiError) as refused:
        definition(client)
    assert refused.value.status == 409
    assert "Planner" in refused.value.detail
    with pytest.raises(ApiError) as refused:
        client.create_definition(name="", agent_type="pilot")  # type: ignore[arg-type]
    assert refused.value.status == 422
    assert {fault["loc"][-1] for fault in refused.value.detail} == {"name", "agent_type"}
    client.update_definition(made, if_match=1, is_active=False)
    with pytest.raises(ApiError, match="412"):
        client.update_definition(made, if_match=1, is_active=True)
    with pytest.raises(ApiError, match="412"):
        client.delete_definition(made, if_match=1)


def test_any_text_and_any_id(client: Client) -> None:
    assert agent(client, "a/b c?ä")
    assert client.get_session("a/b c?ä")["agents"]["total"] == 1
    cut = client.create_definition(name="cut \ud83d", agent_type="builder")
    assert cut["name"] == "cut \ufffd"
    assert client.ensure_definition("cut \ufffd")["id"] == cut["id"]


def test_a_definition_that_somebody_makes_meanwhile(server: Server) -> None:
    class Late(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == "POST":
                with server.client() as faster:
                    definition(faster)
            return super().handle_request(request)

    with server.client(transport=Late()) as client:
        assert client.ensure_definition("Planner")["agent_type"] == "planner"


def test_tokens(start: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    server = start(API_TOKEN="secret")
    with server.client() as client, pytest.raises(ApiError, match="401"):
        list(client.list_agents())
    with server.client(token="secret") as client:
        assert list(client.list_agents()) == []
    monkeypatch.setenv("ORCHESTRATOR_URL", server.url)
    monkeypatch.setenv("API_TOKEN", "secret")
    with Client() as client:
        assert list(client.list_agents()) == []
