"""Loaded by Schemathesis (scripts/schemathesis): gives what it asks for something to meet.

It makes up ids, and so would get little but 404. Before each request some rows are put into the database, and three of
four requests name one of them. `known` has what the API itself would store; `odd` has what other writers may have stored,
which has to come out as it is described too.
"""

import contextlib
import os
import sqlite3
import zlib

import schemathesis

REFERENCES = ("orchestrator_agent_id", "parent_agent_id", "agent_id")

ROWS = """
    BEGIN;
    INSERT OR REPLACE INTO orchestrator_agents (id, name, agent_type, capabilities, metadata, is_active) VALUES
        ('known', 'known', 'planner', 'plans', '{"team": 1}', 1), ('odd', 'odd', 'utility', x'ff', 'no JSON', 0);
    INSERT OR REPLACE INTO agents (id, orchestrator_agent_id, session_id, parent_agent_id, status, context, config, started_at, cost_usd,
            heartbeat_at, lease_seconds, cancel_requested)
        VALUES ('known', 'known', 'known', NULL, 'executing', '{"task": 1}', '[1]', '2026-02-05T10:00:00.123Z', 0.5, NULL, NULL, 0),
        ('odd', 'nobody', 'odd', 'nobody', 'completed', 'no JSON', '{"a": 1e999}', '2026-02-05 10:00:00', 'much',
            '2026-02-05T10:00:00.123456', 'long', 1);
    INSERT OR REPLACE INTO prompts (id, agent_id, prompt_type, prompt_text, tokens_input, tokens_output, cost_usd, latency_ms, created_at)
        VALUES ('known', 'known', 'command', 'text', 7, 8, 0.25, 40, '2026-02-05 10:00:00'),
        ('odd', 'odd', 'adw', x'00ff', NULL, 'many', -9e999, 1e300, '2026-02-05T10:00:00.123456+02:00');
    INSERT OR REPLACE INTO agent_logs (id, agent_id, log_type, message, details, created_at) VALUES
        (1, 'known', 'milestone', 'text', '{"step": 1}', '2026-02-05T10:00:00Z'), (2, 'odd', 'error', x'ff', 'no JSON', '2026-02-05');
    INSERT OR REPLACE INTO system_logs (id, component, message, details, created_at) VALUES
        (1, 'known', 'text', NULL, '2026-02-05 10:00:00'), (2, x'ff', 7, 'no JSON', '2026-02-05T10:00:00.123456');
    COMMIT;
"""


@schemathesis.hook
def before_call(_context, case, _arguments):
    with contextlib.closing(sqlite3.connect(os.environ["DATABASE_PATH"], timeout=30)) as connection:
        # The disk is not what is tested.
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(ROWS)
    # Who waits for messages would wait longer than Schemathesis does for an answer.
    if case.query and str(case.query.get("wait")).isdecimal() and 1 < int(case.query["wait"]) <= 30:
        case.query["wait"] = 1
    # From the request itself, so that the same seed makes the same requests.
    choice = zlib.crc32(repr((case.method, case.path, case.path_parameters, case.query, case.body)).encode(errors="replace")) % 4
    name = ("known", "known", "odd", None)[choice]
    if name is None:
        return
    if case.path_parameters and "id" in case.path_parameters:
        case.path_parameters["id"] = name
    for each in case.body if isinstance(case.body, list) else [case.body]:
        for reference in REFERENCES:
            if isinstance(each, dict) and isinstance(each.get(reference), str):
                each[reference] = name
