"""The peer F: the least that a FastAPI service over aiosqlite does, in the shapes of our API.

One connection, as the existing service has; a write is committed to disk before it is answered (`synchronous=FULL`).
"""

import json
import os
import uuid
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiosqlite
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS orchestrator_agents (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, description TEXT, agent_type TEXT NOT NULL, metadata TEXT,
    is_active BOOLEAN DEFAULT 1, created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS agents (
    id TEXT PRIMARY KEY, orchestrator_agent_id TEXT NOT NULL REFERENCES orchestrator_agents (id), session_id TEXT NOT NULL,
    status TEXT NOT NULL, context TEXT, config TEXT, started_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS idx_orchestrator_agents_created ON orchestrator_agents (created_at);
CREATE INDEX IF NOT EXISTS idx_agents_started ON agents (started_at);
"""


class NewDefinition(BaseModel):
    """What makes a definition."""

    name: str
    agent_type: str
    description: str | None = None
    metadata: dict[str, Any] | None = None


class NewAgent(BaseModel):
    """What makes a running agent."""

    orchestrator_agent_id: str
    session_id: str
    status: str = "initializing"
    context: dict[str, Any] | None = None
    config: dict[str, Any] | None = None


@asynccontextmanager
async def lifespan(app: FastAPI):
    """Opens the database, and closes it at the end."""
    async with aiosqlite.connect(os.environ["DATABASE_PATH"]) as db:
        db.row_factory = aiosqlite.Row
        await db.executescript(SCHEMA)
        app.state.db = db
        yield


app = FastAPI(lifespan=lifespan)


def now() -> str:
    """The time as it is stored."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def told(row: aiosqlite.Row) -> dict[str, Any]:
    """A row as it is answered."""
    found = dict(row)
    for name in ("metadata", "context", "config"):
        if found.get(name):
            found[name] = json.loads(found[name])
    return found


async def rows(sql: str, *values: Any) -> list[dict[str, Any]]:
    """The rows of a query."""
    async with app.state.db.execute(sql, values) as cursor:
        return [told(row) for row in await cursor.fetchall()]


async def insert(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """Stores a row, and gives it back."""
    texts = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()}
    names, places = ", ".join(texts), ", ".join("?" * len(texts))
    await app.state.db.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", tuple(texts.values()))
    await app.state.db.commit()
    return row


@app.get("/health")
async def health() -> dict[str, str]:
    """Whether the database answers."""
    await rows("SELECT 1")
    return {"status": "healthy", "service": "peer", "database": "connected"}


@app.get("/api/agents")
async def definitions(limit: int = 1000) -> list[dict[str, Any]]:
    """The newest definitions."""
    return await rows("SELECT * FROM orchestrator_agents ORDER BY created_at DESC LIMIT ?", limit)


@app.get("/api/agents/{key}")
async def definition(key: str) -> dict[str, Any]:
    """One definition."""
    found = await rows("SELECT * FROM orchestrator_agents WHERE id = ?", key)
    if not found:
        raise HTTPException(404, "not found")
    return found[0]


@app.post("/api/agents", status_code=201)
async def create_definition(new: NewDefinition) -> dict[str, Any]:
    """Makes a definition."""
    time = now()
    row = {"id": str(uuid.uuid4()), **new.model_dump(), "created_at": time, "updated_at": time}
    return await insert("orchestrator_agents", row)


@app.get("/api/runtime/agents")
async def agents(limit: int = 1000) -> list[dict[str, Any]]:
    """The newest agents."""
    return await rows("SELECT * FROM agents ORDER BY started_at DESC LIMIT ?", limit)


@app.post("/api/runtime/agents", status_code=201)
async def create_agent(new: NewAgent) -> dict[str, Any]:
    """Makes an agent."""
    return await insert("agents", {"id": str(uuid.uuid4()), **new.model_dump(), "started_at": now()})
