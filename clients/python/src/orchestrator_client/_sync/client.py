"""The client: a method for each endpoint, and what agents and watchers are made of."""

import copy
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, Unpack, cast
from urllib.parse import quote

import httpx
from httpx_retries import Retry, retry_request

from .. import models
from ..errors import ApiError, Unavailable
from ..frames import Included
from .feed import Feed
from .run import Run, RunFields


class Client:
    """A client of one server.

    `url` and `token` are those of the environment (`ORCHESTRATOR_URL`, `API_TOKEN`) where they are not given. A request is
    sent again, up to `retries` times, while the server is away or busy, and a POST always with the same
    `Idempotency-Key`, so that it happens once. `timeout` is in seconds, for each try.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        timeout: float = 30,
        retries: int = 8,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        url = url or os.environ.get("ORCHESTRATOR_URL", "http://localhost:8000")
        token = token or os.environ.get("API_TOKEN")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout, transport=transport)
        self._timeout = timeout
        self._retry = Retry(
            total=retries,
            allowed_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            backoff_factor=0.1,
            backoff_jitter=0.5,
            max_backoff_wait=5,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()

    def without_retries(self) -> Self:
        """A client over the same connections that tries each request once."""
        once = copy.copy(self)
        once._retry = self._retry.copy_with(total=0)
        return once

    # Agents that show on the board, and the feed of them.

    def run(
        self,
        name: str,
        agent_type: models.AgentType = "builder",
        *,
        session_id: str | None = None,
        parent: Run | None = None,
        lease_seconds: int = 60,
        status: models.AgentStatus = "executing",
        context: Any = None,
        config: Any = None,
        metadata: dict[str, Any] | None = None,
    ) -> Run:
        """An agent that lives as long as the block that it is used in: `async with client.run("Builder") as agent:`.

        Its definition is that of this name, which is made where there is none. Its session is `session_id`, else that of
        `parent`, else one of its own. A process that is gone, or does not get to send a heartbeat for `lease_seconds`,
        has lost its agent: that becomes failed.
        """
        fields: RunFields = {"status": status, "context": context, "config": config, "metadata": metadata}
        return Run(self, name, agent_type, session_id, parent, lease_seconds, fields)

    def feed(
        self,
        *,
        session_id: str | None = None,
        status: Iterable[models.AgentStatus] | None = None,
        include: Iterable[Included] = (),
        level: models.LogLevel | None = None,
        agent_id: str | None = None,
        position: str | None = None,
    ) -> Feed:
        """The live feed: each change once and in order, also after a lost connection.

        `position` is that of an earlier feed, to go on after it. `level` and `agent_id` narrow the log entries that
        `include=["logs"]` adds.
        """
        filters = {"session_id": session_id, "status": status, "include": include, "level": level, "agent_id": agent_id}
        return Feed(self, query(filters), position)

    def ensure_definition(self, name: str, agent_type: models.AgentType = "builder") -> models.Definition:
        """The definition of this name, which is made where there is none."""
        found = self._find_definition(name)
        if found is None:
            try:
                return self.create_definition(name=name, agent_type=agent_type)
            except ApiError as error:
                # Somebody else was faster.
                found = self._find_definition(name) if error.status == 409 else None
                if found is None:
                    raise
        return found

    def _find_definition(self, name: str) -> models.Definition | None:
        for each in self.list_definitions(q=name):
            if each["name"] == name:
                return each
        return None

    # Definitions.

    def list_definitions(self, **filters: Unpack[models.GetAgentsParametersQuery]) -> Iterator[models.Definition]:
        return self._list("/api/agents", filters)

    def create_definition(
        self, *, idempotency_key: str | None = None, **fields: Unpack[models.PostAgentsRequest]
    ) -> models.Definition:
        return cast(models.Definition, self._post("/api/agents", fields, idempotency_key))

    def get_definition(self, id: str) -> models.Definition:
        return cast(models.Definition, self._get(f"/api/agents/{segment(id)}"))

    def update_definition(
        self, id: str, *, if_match: int | None = None, **fields: Unpack[models.PatchAgentsIdRequest]
    ) -> models.Definition:
        """Changes what is given; with `if_match` only where that is its `version` (else an `ApiError` with 412)."""
        return cast(models.Definition, self._patch(f"/api/agents/{segment(id)}", fields, if_match))

    def delete_definition(self, id: str, *, if_match: int | None = None) -> None:
        """Deletes it with its agents."""
        self._delete(f"/api/agents/{segment(id)}", if_match)

    # Running agents.

    def list_agents(self, **filters: Unpack[models.GetRuntimeAgentsParametersQuery]) -> Iterator[models.RuntimeAgent]:
        return self._list("/api/runtime/agents", filters)

    def create_agent(
        self, *, idempotency_key: str | None = None, **fields: Unpack[models.PostRuntimeAgentsRequest]
    ) -> models.RuntimeAgent:
        return cast(models.RuntimeAgent, self._post("/api/runtime/agents", fields, idempotency_key))

    def get_agent(self, id: str) -> models.RuntimeAgent:
        return cast(models.RuntimeAgent, self._get(f"/api/runtime/agents/{segment(id)}"))

    def update_agent(
        self, id: str, *, if_match: int | None = None, **fields: Unpack[models.PatchRuntimeAgentsIdRequest]
    ) -> models.RuntimeAgent:
        """Changes what is given; with `if_match` only where that is its `version` (else an `ApiError` with 412)."""
        return cast(models.RuntimeAgent, self._patch(f"/api/runtime/agents/{segment(id)}", fields, if_match))

    def delete_agent(self, id: str, *, if_match: int | None = None) -> None:
        self._delete(f"/api/runtime/agents/{segment(id)}", if_match)

    def cancel_agent(self, id: str) -> models.RuntimeAgent:
        """Asks it to stop. It hears so with its next heartbeat."""
        return self.update_agent(id, cancel_requested=True)

    def heartbeat(self, id: str, *, lease_seconds: int | None = None) -> models.HeartbeatResponse:
        body = {} if lease_seconds is None else {"lease_seconds": lease_seconds}
        answer = self._post(f"/api/runtime/agents/{segment(id)}/heartbeat", body)
        return cast(models.HeartbeatResponse, answer)

    def list_history(
        self, id: str, **filters: Unpack[models.GetRuntimeAgentsIdHistoryParametersQuery]
    ) -> Iterator[models.StatusChange]:
        return self._list(f"/api/runtime/agents/{segment(id)}/history", filters)

    # Prompts.

    def list_prompts(self, **filters: Unpack[models.GetRuntimePromptsParametersQuery]) -> Iterator[models.Prompt]:
        return self._list("/api/runtime/prompts", filters)

    def create_prompt(
        self, *, idempotency_key: str | None = None, **fields: Unpack[models.PostRuntimePromptsRequest]
    ) -> models.Prompt:
        return cast(models.Prompt, self._post("/api/runtime/prompts", fields, idempotency_key))

    def get_prompt(self, id: str) -> models.Prompt:
        return cast(models.Prompt, self._get(f"/api/runtime/prompts/{segment(id)}"))

    def update_prompt(self, id: str, **fields: Unpack[models.PatchRuntimePromptsIdRequest]) -> models.Prompt:
        return cast(models.Prompt, self._patch(f"/api/runtime/prompts/{segment(id)}", fields))

    # Log entries.

    def list_logs(self, **filters: Unpack[models.GetRuntimeLogsParametersQuery]) -> Iterator[models.LogEntry]:
        return self._list("/api/runtime/logs", filters)

    def list_agent_logs(
        self, id: str, **filters: Unpack[models.GetRuntimeLogsAgentIdParametersQuery]
    ) -> Iterator[models.LogEntry]:
        """Those of one agent; an `ApiError` with 404 where there is no such agent."""
        return self._list(f"/api/runtime/logs/agent/{segment(id)}", filters)

    def create_logs(
        self, entries: list[models.PostRuntimeLogsRequestItem], *, idempotency_key: str | None = None
    ) -> models.Inserted:
        """Stores up to 1000 entries, all of them or none."""
        return cast(models.Inserted, self._post("/api/runtime/logs", entries, idempotency_key))

    def delete_logs(self, *, older_than_days: int) -> int:
        """Deletes what is older, and gives how many entries that were."""
        answer = self._request("DELETE", "/api/runtime/logs", params={"older_than_days": older_than_days})
        return cast(models.Deleted, answer.json())["deleted"]

    def list_system_logs(
        self, **filters: Unpack[models.GetRuntimeSystemLogsParametersQuery]
    ) -> Iterator[models.SystemLogEntry]:
        return self._list("/api/runtime/system-logs", filters)

    def create_system_log(
        self, *, idempotency_key: str | None = None, **fields: Unpack[models.PostRuntimeSystemLogsRequest]
    ) -> models.SystemLogEntry:
        return cast(models.SystemLogEntry, self._post("/api/runtime/system-logs", fields, idempotency_key))

    # Messages.

    def list_messages(self, **filters: Unpack[models.GetRuntimeMessagesParametersQuery]) -> Iterator[models.Message]:
        """What was said; with `waiting="user"` the questions to people that nobody has answered."""
        return self._list("/api/runtime/messages", filters)

    def create_message(
        self, *, idempotency_key: str | None = None, **fields: Unpack[models.PostRuntimeMessagesRequest]
    ) -> models.Message:
        return cast(models.Message, self._post("/api/runtime/messages", fields, idempotency_key))

    def get_message(self, id: str) -> models.Message:
        return cast(models.Message, self._get(f"/api/runtime/messages/{segment(id)}"))

    def answer(self, question_id: str, text: str) -> models.Message:
        """Answers a question as a person. It has one answer: who is second gets an `ApiError` with 409."""
        return self.create_message(sender_type="user", reply_to=question_id, message=text)

    def tell(self, agent_id: str, text: str) -> models.Message:
        """Writes to an agent as a person."""
        return self.create_message(sender_type="user", receiver_type="agent", agent_id=agent_id, message=text)

    def receive_messages(self, agent_id: str, *, after: int | None = None, wait: int = 0) -> list[models.Message]:
        """What is addressed to the agent, oldest first: what has a `number` above `after`, else what is not
        acknowledged. Waits up to `wait` (30) seconds until there is something."""
        path = f"/api/runtime/agents/{segment(agent_id)}/messages"
        params = query({"after": after, "wait": wait})
        timeout = httpx.Timeout(self._timeout, read=self._timeout + wait)
        answer = self._request("GET", path, params=params, timeout=timeout)
        return cast(list[models.Message], answer.json())

    def acknowledge_messages(self, agent_id: str, *, up_to: int) -> int:
        """Says that the agent has its messages up to this number, and gives how many that were."""
        answer = self._post(f"/api/runtime/agents/{segment(agent_id)}/messages/ack", {"up_to": up_to})
        return cast(models.Acknowledged, answer)["acknowledged"]

    # Workflows, sessions and what else there is.

    def list_workflows(self, **filters: Unpack[models.GetRuntimeWorkflowsParametersQuery]) -> Iterator[models.Workflow]:
        return self._list("/api/runtime/workflows", filters)

    def create_workflow(
        self, *, idempotency_key: str | None = None, **fields: Unpack[models.PostRuntimeWorkflowsRequest]
    ) -> models.Workflow:
        return cast(models.Workflow, self._post("/api/runtime/workflows", fields, idempotency_key))

    def get_workflow(self, id: str) -> models.Workflow:
        return cast(models.Workflow, self._get(f"/api/runtime/workflows/{segment(id)}"))

    def update_workflow(self, id: str, **fields: Unpack[models.PatchRuntimeWorkflowsIdRequest]) -> models.Workflow:
        return cast(models.Workflow, self._patch(f"/api/runtime/workflows/{segment(id)}", fields))

    def list_sessions(self, **filters: Unpack[models.GetRuntimeSessionsParametersQuery]) -> Iterator[models.Session]:
        return self._list("/api/runtime/sessions", filters)

    def get_session(self, id: str) -> models.Session:
        return cast(models.Session, self._get(f"/api/runtime/sessions/{segment(id)}"))

    def get_stats(self, **filters: Unpack[models.GetRuntimeStatsParametersQuery]) -> models.Stats:
        return cast(models.Stats, self._get("/api/runtime/stats", query(filters)))

    def get_log_histogram(self, **filters: Unpack[models.GetRuntimeLogsHistogramParametersQuery]) -> models.Histogram:
        return cast(models.Histogram, self._get("/api/runtime/logs/histogram", query(filters)))

    def get_health(self) -> models.Health:
        return cast(models.Health, self._get("/health"))

    # How requests are sent.

    def _list(self, path: str, filters: Mapping[str, object]) -> Iterator[Any]:
        """All rows of a list, page by page: `limit` is the size of a page."""
        page = self._request("GET", path, params=query({**filters, "format": "json"}))
        while True:
            yield from page.json()
            if "next" not in page.links:
                return
            page = self._request("GET", page.links["next"]["url"])

    def _get(self, path: str, params: Mapping[str, str | int] | None = None) -> Any:
        return (self._request("GET", path, params=params)).json()

    def _post(self, path: str, body: object, key: str | None = None) -> Any:
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        return (self._request("POST", path, body=body, headers=headers)).json()

    def _patch(self, path: str, body: object, if_match: int | None = None) -> Any:
        return (self._request("PATCH", path, body=body, headers=etag(if_match))).json()

    def _delete(self, path: str, if_match: int | None) -> None:
        try:
            self._request("DELETE", path, headers=etag(if_match))
        except ApiError as error:
            # Where the answer to an earlier try was lost, it is deleted already.
            if error.status != 404 or error.tries == 1:
                raise

    def _request(
        self, method: str, path: str, *, body: object = None, headers: Mapping[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        if body is not None:
            # In ASCII: half of a character, as a cut text may end with, is no UTF-8.
            options["content"] = json.dumps(body, allow_nan=False)
            headers = {"Content-Type": "application/json", **(headers or {})}
        options["headers"] = headers
        try:
            response = retry_request(self._http, method, path, retry=self._retry, **options)
        except httpx.TransportError as error:
            raise Unavailable(f"{method} {path}: {str(error) or type(error).__name__}") from error
        if response.is_error:
            raise ApiError.of(response)
        return response


def segment(id: str) -> str:
    """An id as a segment of a path, whatever is in it."""
    return quote(id, safe="")


def etag(version: int | None) -> dict[str, str]:
    return {} if version is None else {"If-Match": f'"{version}"'}


def query(filters: Mapping[str, object]) -> dict[str, str | int]:
    """Filters as a query has them; one that is None or has no values is none."""
    sent: dict[str, str | int] = {}
    for name, value in filters.items():
        if isinstance(value, bool):
            sent[name] = str(value).lower()
        elif isinstance(value, str | int):
            sent[name] = value
        elif isinstance(value, Iterable):
            values = ",".join(value)
            if values:
                sent[name] = values
    return sent
