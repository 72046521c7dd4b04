"""A running agent, as a block: it is made where the block begins, and has its end where that ends."""

from __future__ import annotations

import collections
import contextlib
import logging
import math
import time
import traceback
import uuid
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

from .. import models
from ..errors import STOPPED, ApiError, Cancelled, NoAnswer, OrchestratorError, in_short
from ..logs import Batch, LogHandler
from .background import Background, Event, Lock

if TYPE_CHECKING:
    from .client import AsyncClient

logger = logging.getLogger("orchestrator_client")

FLUSH_SECONDS = 0.5
# After this long it is heard at the latest that the agent is to stop, beside the time between two heartbeats.
LONGEST_POLL_SECONDS = 5
ENDED = ("completed", "failed", "cancelled")


class RunFields(TypedDict):
    """What is known of a running agent from its start on."""

    status: models.AgentStatus
    context: Any
    config: Any
    metadata: dict[str, Any] | None


class AsyncRun:
    """An agent that shows on the board while its block runs.

    In the background it sends heartbeats, and log entries in batches. Where the block ends, the agent is completed; where
    it raises, failed with what it has raised. `Cancelled`, which most methods raise once somebody wants the agent to stop,
    makes it cancelled and goes no further than the block.
    """

    def __init__(
        self,
        client: AsyncClient,
        name: str,
        agent_type: models.AgentType,
        session_id: str | None,
        parent: AsyncRun | None,
        lease_seconds: int,
        fields: RunFields,
    ) -> None:
        self.name = name
        self.session_id: str = session_id or (parent.session_id if parent else str(uuid.uuid4()))
        self.id = ""
        """The id of the running agent, from the begin of the block on."""
        self.cancelled = Event()
        """Is set once somebody wants the agent to stop."""
        self._client = client
        self._once = client.without_retries()
        self._agent_type = agent_type
        self._lease = lease_seconds
        self._fields = fields
        self._parent_id = parent.id if parent else None
        self._has_ended = False
        self._captured: list[logging.Logger] = []
        self._background = Background()
        self._batch: Batch | None = None
        # Messages that have come: answers to questions of this agent by question, and all else.
        self._asked: set[str] = set()
        self._answers: dict[str, models.Message] = {}
        self._inbox: collections.deque[models.Message] = collections.deque()
        self._heard = 0
        self._acknowledged = 0
        self._hearing = Lock()

    async def __aenter__(self) -> Self:
        definition = await self._client.ensure_definition(self.name, self._agent_type)
        made = await self._client.create_agent(
            orchestrator_agent_id=definition["id"],
            session_id=self.session_id,
            parent_agent_id=self._parent_id,
            **self._fields,
        )
        self.id = made["id"]
        self.handler = LogHandler(self.id)
        self._background.start(self._send_heartbeats)
        self._background.start(self._send_logs)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        end: models.PatchRuntimeAgentsIdRequest = {"status": "completed"}
        if isinstance(error, STOPPED):
            end = {"status": "cancelled"}
        elif error is not None and not (isinstance(error, SystemExit) and not error.code):
            end = {"status": "failed", "error_message": in_short(error)}
            details = {"traceback": "".join(traceback.format_exception(error))}
            self.log(in_short(error), level="ERROR", log_type="error", details=details)
        for captured in self._captured:
            captured.removeHandler(self.handler)
        try:
            await self._background.stop()
            await self._flush()
            for question in self._asked:
                await self._take_back(question)
            if not self._has_ended:
                await self.update(**end)
        except OrchestratorError as failure:
            # What the block has raised is not to be hidden, and who else has ended the agent has done so on purpose.
            if error is None and not self.cancelled.is_set():
                raise
            logger.warning("the end of agent %s could not be reported: %s", self.id, failure)
        return isinstance(error, Cancelled)

    # What the agent reports.

    async def update(self, **fields: Unpack[models.PatchRuntimeAgentsIdRequest]) -> models.RuntimeAgent:
        """Reports its `status`, `cost_usd`, `context` and so on. Raises `Cancelled` where it is to stop, instead of going on
        to another status."""
        if fields.get("status") in ENDED:
            self._has_ended = True
        elif "status" in fields:
            self.check()
        return await self._client.update_agent(self.id, **fields)

    def log(
        self,
        message: str,
        *,
        level: models.LogLevel = "INFO",
        log_type: models.LogType = "milestone",
        details: Any = None,
    ) -> None:
        """Adds a log entry, which is sent in the background. `handler` takes what a logger logs."""
        self.handler.add(message, level, log_type, details, time.time())

    def capture(self, of: logging.Logger | None = None, level: int = logging.INFO) -> None:
        """Adds `handler` to a logger, by default to that of everything, until the block ends."""
        of = of or logging.getLogger()
        self.handler.setLevel(level)
        of.addHandler(self.handler)
        self._captured.append(of)

    @contextlib.asynccontextmanager
    async def prompt(
        self,
        text: str,
        *,
        prompt_type: models.PromptType = "command",
        name: str | None = None,
        model: str | None = None,
    ) -> AsyncIterator[Answer]:
        """A prompt to a model, as a block in which its answer comes: `answer.text = ...`. Its latency is that of the block;
        where that raises, the prompt has failed."""
        self.check()
        made = await self._client.create_prompt(
            agent_id=self.id,
            prompt_type=prompt_type,
            prompt_text=text,
            prompt_name=name,
            model_used=model,
            status="pending",
        )
        answer = Answer(made["id"])
        start = time.monotonic()
        try:
            yield answer
        except BaseException as error:
            stopped = isinstance(error, STOPPED)
            end = answer.fields("cancelled" if stopped else "failed", start)
            if not stopped:
                end["error_message"] = in_short(error)
            try:
                await self._client.update_prompt(made["id"], **end)
            except OrchestratorError as failure:
                logger.warning("the end of prompt %s could not be reported: %s", made["id"], failure)
            raise
        await self._client.update_prompt(made["id"], **answer.fields("completed", start))

    # Whether it is to stop.

    def check(self) -> None:
        """Raises `Cancelled` where somebody wants the agent to stop."""
        if self.cancelled.is_set():
            raise Cancelled(f"agent {self.id} is to stop")

    async def sleep(self, seconds: float) -> None:
        """Waits, but raises `Cancelled` as soon as somebody wants the agent to stop."""
        await self.cancelled.wait(seconds)
        self.check()

    # What people and other agents say to it.

    async def messages(self, timeout: float | None = None) -> AsyncIterator[models.Message]:
        """What is said to the agent, in order, until nothing came for `timeout` seconds.

        A message is acknowledged when the next one is asked for. One that was not comes again, so what is done for it is to
        happen once: `reply` does."""
        while True:
            end = math.inf if timeout is None else time.monotonic() + timeout
            while not self._inbox:
                self.check()
                left = end - time.monotonic()
                await self._hear(left)
                if left <= 0 and not self._inbox:
                    return
            yield self._inbox[0]
            self._inbox.popleft()
            await self._acknowledge()

    async def say(
        self, text: str, *, options: Iterable[str] | None = None, idempotency_key: str | None = None
    ) -> models.Message:
        """Says something to people."""
        return await self._client.create_message(
            agent_id=self.id,
            sender_type="agent",
            receiver_type="user",
            message=text,
            options=None if options is None else list(options),
            idempotency_key=idempotency_key,
        )

    async def reply(self, message: models.Message, text: str) -> models.Message:
        """Answers a message, once, however often it comes."""
        return await self._client.create_message(
            agent_id=self.id,
            sender_type="agent",
            receiver_type=message["sender_type"],
            reply_to=message["id"],
            message=text,
            idempotency_key=f"reply of {self.id} to {message['id']}",
        )

    async def ask(
        self,
        question: str,
        options: Iterable[str] = (),
        *,
        timeout: float | None = None,
        default: str | None = None,
    ) -> str:
        """Asks people, and waits for the answer: one of `options`, or any text where there are none.

        Where none comes for `timeout` seconds, the question is taken back, and the answer is `default`; without one,
        `NoAnswer` is raised."""
        self.check()
        asked = (await self.say(question, options=options))["id"]
        self._asked.add(asked)
        end = math.inf if timeout is None else time.monotonic() + timeout
        while asked not in self._answers and time.monotonic() < end and not self.cancelled.is_set():
            await self._hear(end - time.monotonic(), asked)
        if asked not in self._answers and not await self._take_back(asked, default):
            # Somebody has just answered it.
            await self._hear(LONGEST_POLL_SECONDS, asked)
        self._asked.remove(asked)
        if asked in self._answers:
            await self._acknowledge()
            return self._answers.pop(asked)["message"]
        self.check()
        if default is None:
            raise NoAnswer(f"nobody has answered {question!r}")
        return default

    async def _take_back(self, question: str, default: str | None = None) -> bool:
        """Answers the agent's own question, so that nobody does any more; false where somebody just has."""
        text = "Nobody answered" if default is None else f"Nobody answered: {default}"
        try:
            await self._client.create_message(
                agent_id=self.id, sender_type="agent", receiver_type="user", reply_to=question, message=text
            )
        except ApiError as error:
            if error.status != 409:
                raise
            return False
        return True

    async def _hear(self, seconds: float, question: str | None = None) -> None:
        """Waits for messages, for some of the seconds, and takes them in."""
        wait = math.ceil(min(max(seconds, 0), LONGEST_POLL_SECONDS))
        async with self._hearing:
            # Who had its turn before may have heard what this one waits for.
            if question in self._answers:
                return
            for message in await self._client.receive_messages(self.id, after=self._heard, wait=wait):
                self._heard = message["number"]
                if message["reply_to"] in self._asked:
                    self._answers[message["reply_to"]] = message
                else:
                    self._inbox.append(message)

    async def _acknowledge(self) -> None:
        """Acknowledges what has been dealt with: what came before the oldest message that still waits in here."""
        up_to = self._inbox[0]["number"] - 1 if self._inbox else self._heard
        if up_to > self._acknowledged:
            await self._client.acknowledge_messages(self.id, up_to=up_to)
            self._acknowledged = up_to

    # What goes on in the background.

    async def _send_heartbeats(self) -> None:
        while True:
            pause = self._lease / 3
            try:
                answer = await self._once.heartbeat(self.id, lease_seconds=self._lease)
                if answer["cancel_requested"]:
                    self.cancelled.set()
            except OrchestratorError as error:
                if isinstance(error, ApiError) and error.status in (404, 409):
                    # It is gone, or has ended; where it has not said so itself, somebody else has.
                    if not self._has_ended:
                        self.cancelled.set()
                    return
                logger.warning("no heartbeat of agent %s: %s", self.id, error)
                pause = min(1, pause)
            if await self._background.stopped.wait(pause):
                return

    async def _send_logs(self) -> None:
        while not await self._background.stopped.wait(FLUSH_SECONDS):
            with contextlib.suppress(OrchestratorError):
                await self._flush(self._once)

    async def _flush(self, client: AsyncClient | None = None) -> None:
        """Sends what waits. What could not be sent is the first to be sent the next time."""
        client = client or self._client
        while True:
            self._batch = self._batch or self.handler.take()
            if self._batch is None:
                return
            try:
                await client.create_logs(self._batch.entries, idempotency_key=self._batch.key)
            except ApiError as error:
                if error.status in (429, 503):
                    raise
                # It would be refused the next time too.
                logger.warning("log entries of agent %s were refused: %s", self.id, error)
            self._batch = None


class Answer:
    """What a model has answered to a prompt."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.text: str | None = None
        self.tokens_input: int | None = None
        self.tokens_output: int | None = None
        self.cost_usd: float | None = None

    def fields(self, status: models.PromptStatus, start: float) -> models.PatchRuntimePromptsIdRequest:
        """What of it is known, of a prompt that was sent at `start` of the monotonic clock."""
        fields: models.PatchRuntimePromptsIdRequest = {
            "status": status,
            "latency_ms": round((time.monotonic() - start) * 1000),
        }
        if self.text is not None:
            fields["response_text"] = self.text
        if self.tokens_input is not None:
            fields["tokens_input"] = self.tokens_input
        if self.tokens_output is not None:
            fields["tokens_output"] = self.tokens_output
        if self.cost_usd is not None:
            fields["cost_usd"] = self.cost_usd
        return fields
