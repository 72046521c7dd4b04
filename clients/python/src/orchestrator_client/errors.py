"""What may go wrong."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any

import httpx


class OrchestratorError(Exception):
    """Any failure of a request."""


class Unavailable(OrchestratorError):
    """The server cannot be reached, after all tries. Whether it has done what was asked is unknown."""


class ApiError(OrchestratorError):
    """The server has refused a request: `status` is that of the answer, `detail` a sentence, or for 422 every fault.
    `tries` is how often it was sent."""

    def __init__(self, status: int, detail: Any, request: str, tries: int = 1) -> None:
        super().__init__(f"{request}: {status} {detail}")
        self.status = status
        self.detail = detail
        self.tries = tries

    @classmethod
    def of(cls, response: httpx.Response) -> ApiError:
        """The error that an answer tells of, whose body has been read."""
        try:
            detail = response.json()["detail"]
        except (ValueError, KeyError, TypeError):
            # Not from the server itself, but from something before it.
            detail = response.text
        retry = response.extensions.get("retry")
        tries = retry.attempts_made + 1 if retry else 1
        return cls(response.status_code, detail, f"{response.request.method} {response.request.url.path}", tries)


class NoAnswer(OrchestratorError):
    """Nobody has answered a question in time. It is taken back."""


class Cancelled(Exception):
    """Somebody wants the agent to stop, or it was ended by somebody else."""


STOPPED = (Cancelled, KeyboardInterrupt, asyncio.CancelledError)
"""What says that work was stopped, and has not failed."""


def in_short(error: BaseException) -> str:
    """What a traceback ends with."""
    return "".join(traceback.format_exception_only(error)).strip()
