"""The frames of the live feed, as `docs/feed.md` of the server has them."""

from typing import Literal, NotRequired, TypedDict

from .models import Definition, LogEntry, Message, RuntimeAgent, Workflow


class FeedAgent(RuntimeAgent):
    """A running agent, with the name of its definition."""

    name: str


class Changes(TypedDict):
    """What all frames with rows have but those of the log."""

    timestamp: str
    seq: NotRequired[int]
    snapshot: NotRequired[bool]
    """Whether these rows are all that there are, and those before void."""
    removed: list[str]
    """The ids of rows that are gone, or that the filter lets through no more."""


class Agents(Changes):
    agents: list[FeedAgent]


class Workflows(Changes):
    workflows: list[Workflow]


class Messages(Changes):
    messages: list[Message]


class Definitions(Changes):
    definitions: list[Definition]


class Entries(TypedDict):
    entries: list[LogEntry]
    timestamp: str
    log_id: int


class Reason(TypedDict):
    reason: str


class AgentUpdate(TypedDict):
    type: Literal["agent_update"]
    data: Agents


class WorkflowUpdate(TypedDict):
    type: Literal["workflow_update"]
    data: Workflows


class MessageUpdate(TypedDict):
    type: Literal["message"]
    data: Messages


class DefinitionUpdate(TypedDict):
    type: Literal["definition_update"]
    data: Definitions


class Log(TypedDict):
    type: Literal["log"]
    data: Entries


class Resync(TypedDict):
    """What came before is void; snapshots follow."""

    type: Literal["resync"]
    data: Reason


Frame = AgentUpdate | WorkflowUpdate | MessageUpdate | DefinitionUpdate | Log | Resync
Included = Literal["workflows", "messages", "logs", "definitions"]
