"""The client: a method for each endpoint, and what agents and watchers are made of."""

import copy
import json
import os
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Self, Unpack, cast
from urllib.parse import quote

import httpx
from httpx_retries import Retry, aretry_request

from .. import models
from ..errors import ApiError, Unavailable
from ..frames import Included
from .feed import AsyncFeed
from .run import AsyncRun, RunFields


class AsyncClient:
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
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        url = url or os.environ.get("ORCHESTRATOR_URL", "http://localhost:8000")
        token = token or os.environ.get("API_TOKEN")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout, transport=transport)
        self._timeout = timeout
        self._retry = Retry(
            total=retries,
            allowed_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            backoff_factor=0.1,
            backoff_jitter=0.5,
            max_backoff_wait=5,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes its connections."""
        await self._http.aclose()

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
        parent: AsyncRun | None = None,
        lease_seconds: int = 60,
        status: models.AgentStatus = "executing",
        context: Any = None,
        config: Any = None,
        metadata: dict[str, Any] | None = None,
    ) -> AsyncRun:
        """An agent that lives as long as the block that it is used in: `async with client.run("Builder") as agent:`.

        Its definition is that of this name, which is made where there is none. Its session is `session_id`, else that of
        `parent`, else one of its own. A process that is gone, or does not get to send a heartbeat for `lease_seconds`,
        has lost its agent: that becomes failed.
        """
        fields: RunFields = {"status": status, "context": context, "config": config, "metadata": metadata}
        return AsyncRun(self, name, agent_type, session_id, parent, lease_seconds, fields)

    def feed(
        self,
        *,
        session_id: str | None = None,
        status: Iterable[models.AgentStatus] | None = None,
        include: Iterable[Included] = (),
        level: models.LogLevel | None = None,
        agent_id: str | None = None,
        position: str | None = None,
    ) -> AsyncFeed:
        """The live feed: each change once and in order, also after a lost connection.

        `position` is that of an earlier feed, to go on after it. `level` and `agent_id` narrow the log entries that
        `include=["logs"]` adds.
        """
        filters = {"session_id": session_id, "status": status, "include": include, "level": level, "agent_id": agent_id}
        return AsyncFeed(self, query(filters), position)

    async def ensure_definition(self, name: str, agent_type: models.AgentType = "builder") -> models.Definition:
        """The definition of this name, which is made where there is none."""
        found = await self._find_definition(name)
        if found is None:
            try:
                return await self.create_definition(name=name, agent_type=agent_type)
            except ApiError as error:
                # Somebody else was faster.
                found = await self._find_definition(name) if error.status == 409 else None
                if found is None:
                    raise
        return found

    async def _find_definition(self, name: str) -> models.Definition | None:
        async for each in self.list_definitions(q=name):
            if each["name"] == name:
                return each
        return None

    # Definitions.

    def list_definitions(self, **filters: Unpack[models.GetAgentsParametersQuery]) -> AsyncIterator[models.Definition]:
        return self._list("/api/agents", filters)

    async def create_definition(
        self, *, idempotency_key: str | None = None, **fields: Unpack[models.PostAgentsRequest]
    ) -> models.Definition:
        return cast(models.Definition, await self._post("/api/agents", fields, idempotency_key))

    async def get_definition(self, id: str) -> models.Definition:
        return cast(models.Definition, await self._get(f"/api/agents/{segment(id)}"))

    async def update_definition(
        self, id: str, *, if_match: int | None = None, **fields: Unpack[models.PatchAgentsIdRequest]
    ) -> models.Definition:
        """Changes what is given; with `if_match` only where that is its `version` (else an `ApiError` with 412)."""
        return cast(models.Definition, await self._patch(f"/api/agents/{segment(id)}", fields, if_match))

    async def delete_definition(self, id: str, *, if_match: int | None = None) -> None:
        """Deletes it with its agents."""
        await self._delete(f"/api/agents/{segment(id)}", if_match)

    # Running agents.

    def list_agents(
        self, **filters: Unpack[models.GetRuntimeAgentsParametersQuery]
    ) -> AsyncIterator[models.RuntimeAgent]:
        return self._list("/api/runtime/agents", filters)

    async def create_agent(
        self, *, idempotency_key: str | None = None, **fields: Unpack[models.PostRuntimeAgentsRequest]
    ) -> models.RuntimeAgent:
        return cast(models.RuntimeAgent, await self._post("/api/runtime/agents", fields, idempotency_key))

    async def get_agent(self, id: str) -> models.RuntimeAgent:
        return cast(models.RuntimeAgent, await self._get(f"/api/runtime/agents/{segment(id)}"))

    async def update_agent(
        self, id: str, *, if_match: int | None = None, **fields: Unpack[models.PatchRuntimeAgentsIdRequest]
    ) -> models.RuntimeAgent:
        """Changes what is given; with `if_match` only where that is its `version` (else an `ApiError` with 412)."""
        return cast(models.RuntimeAgent, await self._patch(f"/api/runtime/agents/{segment(id)}", fields, if_match))

    async def delete_agent(self, id: str, *, if_match: int | None = None) -> None:
        await self._delete(f"/api/runtime/agents/{segment(id)}", if_match)

    async def cancel_agent(self, id: str) -> models.RuntimeAgent:
        """Asks it to stop. It hears so with its next heartbeat."""
        return await self.update_agent(id, cancel_requested=True)

    async def heartbeat(self, id: str, *, lease_seconds: int | None = None) -> models.HeartbeatResponse:
        body = {} if lease_seconds is None else {"lease_seconds": lease_seconds}
        answer = await self._post(f"/api/runtime/agents/{segment(id)}/heartbeat", body)
        return cast(models.HeartbeatResponse, answer)

    def list_history(
        self, id: str, **filters: Unpack[models.GetRuntimeAgentsIdHistoryParametersQuery]
    ) -> AsyncIterator[models.StatusChange]:
        return self._list(f"/api/runtime/agents/{segment(id)}/history", filters)

    # Prompts.

    def list_prompts(self, **filters: Unpack[models.GetRuntimePromptsParametersQuery]) -> AsyncIterator[models.Prompt]:
        return self._list("/api/runtime/prompts", filters)

    async def create_prompt(
        self, *, idempotency_key: str | None = None, **fields: Unpack[models.PostRuntimePromptsRequest]
    ) -> models.Prompt:
        return cast(models.Prompt, await self._post("/api/runtime/prompts", fields, idempotency_key))

    async def get_prompt(self, id: str) -> models.Prompt:
        return cast(models.Prompt, await self._get(f"/api/runtime/prompts/{segment(id)}"))

    async def update_prompt(self, id: str, **fields: Unpack[models.PatchRuntimePromptsIdRequest]) -> models.Prompt:
        return cast(models.Prompt, await self._patch(f"/api/runtime/prompts/{segment(id)}", fields))

    # Log entries.

    def list_logs(self, **filters: Unpack[models.GetRuntimeLogsParametersQuery]) -> AsyncIterator[models.LogEntry]:
        return self._list("/api/runtime/logs", filters)

    def list_agent_logs(
        self, id: str, **filters: Unpack[models.GetRuntimeLogsAgentIdParametersQuery]
    ) -> AsyncIterator[models.LogEntry]:
        """Those of one agent; an `ApiError` with 404 where there is no such agent."""
        return self._list(f"/api/runtime/logs/agent/{segment(id)}", filters)

    async def create_logs(
        self, entries: list[models.PostRuntimeLogsRequestItem], *, idempotency_key: str | None = None
    ) -> models.Inserted:
        """Stores up to 1000 entries, all of them or none."""
        return cast(models.Inserted, await self._post("/api/runtime/logs", entries, idempotency_key))

    async def delete_logs(self, *, older_than_days: int) -> int:
        """Deletes what is older, and gives how many entries that were."""
        answer = await self._request("DELETE", "/api/runtime/logs", params={"older_than_days": older_than_days})
        return cast(models.Deleted, answer.json())["deleted"]

    def list_system_logs(
        self, **filters: Unpack[models.GetRuntimeSystemLogsParametersQuery]
    ) -> AsyncIterator[models.SystemLogEntry]:
        return self._list("/api/runtime/system-logs", filters)

    async def create_system_log(
        self, *, idempotency_key: str | None = None, **fields: Unpack[models.PostRuntimeSystemLogsRequest]
    ) -> models.SystemLogEntry:
        return cast(models.SystemLogEntry, await self._post("/api/runtime/system-logs", fields, idempotency_key))

    # Messages.

    def list_messages(
        self, **filters: Unpack[models.GetRuntimeMessagesParametersQuery]
    ) -> AsyncIterator[models.Message]:
        """What was said; with `waiting="user"` the questions to people that nobody has answered."""
        return self._list("/api/runtime/messages", filters)

    async def create_message(
        self, *, idempotency_key: str | None = None, **fields: Unpack[models.PostRuntimeMessagesRequest]
    ) -> models.Message:
        return cast(models.Message, await self._post("/api/runtime/messages", fields, idempotency_key))

    async def get_message(self, id: str) -> models.Message:
        return cast(models.Message, await self._get(f"/api/runtime/messages/{segment(id)}"))

    async def answer(self, question_id: str, text: str) -> models.Message:
        """Answers a question as a person. It has one answer: who is second gets an `ApiError` with 409."""
        return await self.create_message(sender_type="user", reply_to=question_id, message=text)

    async def tell(self, agent_id: str, text: str) -> models.Message:
        """Writes to an agent as a person."""
        return await self.create_message(sender_type="user", receiver_type="agent", agent_id=agent_id, message=text)

    async def receive_messages(self, agent_id: str, *, after: int | None = None, wait: int = 0) -> list[models.Message]:
        """What is addressed to the agent, oldest first: what has a `number` above `after`, else what is not
        acknowledged. Waits up to `wait` (30) seconds until there is something."""
        path = f"/api/runtime/agents/{segment(agent_id)}/messages"
        params = query({"after": after, "wait": wait})
        timeout = httpx.Timeout(self._timeout, read=self._timeout + wait)
        answer = await self._request("GET", path, params=params, timeout=timeout)
        return cast(list[models.Message], answer.json())

    async def acknowledge_messages(self, agent_id: str, *, up_to: int) -> int:
        """Says that the agent has its messages up to this number, and gives how many that were."""
        answer = await self._post(f"/api/runtime/agents/{segment(agent_id)}/messages/ack", {"up_to": up_to})
        return cast(models.Acknowledged, answer)["acknowledged"]

    # Workflows, sessions and what else there is.

    def list_workflows(
        self, **filters: Unpack[models.GetRuntimeWorkflowsParametersQuery]
    ) -> AsyncIterator[models.Workflow]:
        return self._list("/api/runtime/workflows", filters)

    async def create_workflow(
        self, *, idempotency_key: str | None = None, **fields: Unpack[models.PostRuntimeWorkflowsRequest]
    ) -> models.Workflow:
        return cast(models.Workflow, await self._post("/api/runtime/workflows", fields, idempotency_key))

    async def get_workflow(self, id: str) -> models.Workflow:
        return cast(models.Workflow, await self._get(f"/api/runtime/workflows/{segment(id)}"))

    async def update_workflow(
        self, id: str, **fields: Unpack[models.PatchRuntimeWorkflowsIdRequest]
    ) -> models.Workflow:
        return cast(models.Workflow, await self._patch(f"/api/runtime/workflows/{segment(id)}", fields))

    def list_sessions(
        self, **filters: Unpack[models.GetRuntimeSessionsParametersQuery]
    ) -> AsyncIterator[models.Session]:
        return self._list("/api/runtime/sessions", filters)

    async def get_session(self, id: str) -> models.Session:
        return cast(models.Session, await self._get(f"/api/runtime/sessions/{segment(id)}"))

    async def get_stats(self, **filters: Unpack[models.GetRuntimeStatsParametersQuery]) -> models.Stats:
        return cast(models.Stats, await self._get("/api/runtime/stats", query(filters)))

    async def get_log_histogram(
        self, **filters: Unpack[models.GetRuntimeLogsHistogramParametersQuery]
    ) -> models.Histogram:
        return cast(models.Histogram, await self._get("/api/runtime/logs/histogram", query(filters)))

    async def get_health(self) -> models.Health:
        return cast(models.Health, await self._get("/health"))

    # How requests are sent.

    async def _list(self, path: str, filters: Mapping[str, object]) -> AsyncIterator[Any]:
        """All rows of a list, page by page: `limit` is the size of a page."""
        page = await self._request("GET", path, params=query({**filters, "format": "json"}))
        while True:
            for row in page.json():
                yield row
            if "next" not in page.links:
                return
            page = await self._request("GET", page.links["next"]["url"])

    async def _get(self, path: str, params: Mapping[str, str | int] | None = None) -> Any:
        return (await self._request("GET", path, params=params)).json()

    async def _post(self, path: str, body: object, key: str | None = None) -> Any:
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        return (await self._request("POST", path, body=body, headers=headers)).json()

    async def _patch(self, path: str, body: object, if_match: int | None = None) -> Any:
        return (await self._request("PATCH", path, body=body, headers=etag(if_match))).json()

    async def _delete(self, path: str, if_match: int | None) -> None:
        try:
            await self._request("DELETE", path, headers=etag(if_match))
        except ApiError as error:
            # Where the answer to an earlier try was lost, it is deleted already.
            if error.status != 404 or error.tries == 1:
                raise

    async def _request(
        self, method: str, path: str, *, body: object = None, headers: Mapping[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        if body is not None:
            # In ASCII: half of a character, as a cut text may end with, is no UTF-8.
            options["content"] = json.dumps(body, allow_nan=False)
            headers = {"Content-Type": "application/json", **(headers or {})}
        options["headers"] = headers
        try:
            response = await aretry_request(self._http, method, path, retry=self._retry, **options)
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
