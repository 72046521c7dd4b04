"""Log entries that wait to be sent: those of an agent itself, and of whatever logs with Python's `logging`."""

import collections
import datetime
import json
import logging
import threading
import traceback
import uuid
from typing import Any, NamedTuple, cast, get_args

from .models import LogLevel, LogType, PostRuntimeLogsRequestItem

# As many as a request may have; and no more once there are so many bytes, as the server takes 2 MiB by default.
BATCH_ENTRIES, BATCH_BYTES = 1000, 500_000
# A text of more characters is cut: an entry has two, of up to twelve bytes a character, and has to fit into a request.
LONGEST_TEXT = 50_000
# What is kept while the server is away. Then the oldest go.
MOST_WAITING = 10_000
LEVELS: tuple[LogLevel, ...] = get_args(LogLevel)
TYPES: tuple[LogType, ...] = get_args(LogType)


class Batch(NamedTuple):
    """Entries that are sent together, and always with the same key, so that they are stored once."""

    entries: list[PostRuntimeLogsRequestItem]
    key: str


class LogHandler(logging.Handler):
    """Takes the records of a logger, to be sent in batches.

    A record's `extra` may have `log_type` and `details`. Records of the libraries that send them are not taken.
    """

    def __init__(self, agent_id: str, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self._agent_id = agent_id
        self._waiting: collections.deque[tuple[PostRuntimeLogsRequestItem, int]] = collections.deque()
        self._dropped = 0
        self._guard = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] in ("httpx", "httpcore", "httpx_retries", "orchestrator_client"):
            return
        try:
            details = dict(getattr(record, "details", None) or {})
            if record.exc_info:
                details["traceback"] = "".join(traceback.format_exception(*record.exc_info))
            level = LEVELS[min(max(record.levelno // 10 - 1, 0), 4)]
            log_type: LogType = "error" if record.levelno >= logging.ERROR else "milestone"
            if getattr(record, "log_type", None) in TYPES:
                log_type = cast(LogType, record.log_type)  # type: ignore[attr-defined]
            self.add(record.getMessage(), level, log_type, {"logger": record.name, **details}, record.created)
        except Exception:  # noqa: BLE001 - as any handler: a program does not fail for what it logs
            self.handleError(record)

    def add(self, message: str, level: LogLevel, log_type: LogType, details: Any, time: float) -> None:
        """Adds an entry, of `time` in seconds since 1970."""
        if level not in LEVELS or log_type not in TYPES:
            # The server would refuse all entries that are sent with it.
            raise ValueError(f"a log entry of level {level!r} and type {log_type!r}")
        at = datetime.datetime.fromtimestamp(time, datetime.UTC).isoformat(timespec="milliseconds")
        entry: PostRuntimeLogsRequestItem = {
            "agent_id": self._agent_id,
            "log_level": level,
            "log_type": log_type,
            "message": cut(message),
            "details": sendable(details),
            "created_at": at,
        }
        size = len(json.dumps(entry))
        with self._guard:
            if len(self._waiting) == MOST_WAITING:
                self._waiting.popleft()
                self._dropped += 1
            self._waiting.append((entry, size))

    def take(self) -> Batch | None:
        """The oldest entries, as many as go into one request."""
        with self._guard:
            entries: list[PostRuntimeLogsRequestItem] = []
            size = 0
            if self._dropped:
                text = f"{self._dropped} log entries were dropped, as they could not be sent"
                entries.append(
                    {"agent_id": self._agent_id, "log_level": "WARNING", "log_type": "error", "message": text}
                )
                self._dropped = 0
            while self._waiting and len(entries) < BATCH_ENTRIES and size < BATCH_BYTES:
                entry, its = self._waiting.popleft()
                entries.append(entry)
                size += its
            return Batch(entries, str(uuid.uuid4())) if entries else None


def sendable(details: Any) -> Any:
    """Anything as JSON; what JSON has not is its text, and what is too long too."""
    try:
        text = json.dumps(details, default=str, skipkeys=True)
    except (ValueError, RecursionError):
        # It is in itself, or very deep.
        return cut(repr(details))
    return json.loads(text, parse_constant=str) if len(text) <= LONGEST_TEXT else cut(text)


def cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"
