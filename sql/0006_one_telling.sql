-- One telling of each row, and sums that are what the rows say, whoever writes them.
--
-- A line `-- Step` begins a transaction of its own; `-- Fill` begins one that is repeated, a batch at a time, from
-- `schema_progress.position` until that is NULL. Writers go on in between, so a step leaves the schema whole: what is
-- counted is right for every row that was filled or written since, and reads fall back on the rows where it is not yet.
--
-- The triggers run in the SQLite of whoever writes, from 3.35 on, with foreign keys on or off; no value of any type may
-- make one fail, and with it somebody's write. `INSERT OR REPLACE` deletes rows without their DELETE triggers, so what a
-- row counted as is kept beside it (`counted_…`), and whoever comes under the same id takes that back first.

-- Step
-- What earlier versions of this schema had in place of what follows.
DROP TRIGGER IF EXISTS orchestrator_agents_touch;

DROP TRIGGER IF EXISTS orchestrator_agents_precise;

DROP TRIGGER IF EXISTS orchestrator_agents_log_rename;

DROP TRIGGER IF EXISTS agents_touch;

DROP TRIGGER IF EXISTS agents_log_insert;

DROP TRIGGER IF EXISTS agents_log_update;

DROP TRIGGER IF EXISTS agents_log_delete;

DROP TRIGGER IF EXISTS agents_session_left;

DROP TRIGGER IF EXISTS agents_session_changed;

DROP TRIGGER IF EXISTS prompts_sum_insert;

DROP TRIGGER IF EXISTS prompts_sum_delete;

DROP TRIGGER IF EXISTS prompts_sum_update;

DROP TRIGGER IF EXISTS prompts_sum_move;

DROP TRIGGER IF EXISTS agent_logs_sum_insert;

DROP TRIGGER IF EXISTS agent_logs_sum_delete;

DROP TRIGGER IF EXISTS agent_logs_sum_update;

DROP VIEW IF EXISTS feed_agents;

DROP TABLE IF EXISTS sessions;

-- How far a migration of several steps is: the next step, and within a fill the last row that is done.
CREATE TABLE IF NOT EXISTS schema_progress (
    step     INTEGER NOT NULL,
    position INTEGER
);

-- Times as everybody sees and sorts them, RFC 3339 in UTC cut to the millisecond, whatever form is stored. What is no time
-- is its own text. Only the part to the second goes through `strftime`, `+0 days` makes a date of one like 02-30, and the casts
-- make a text of bytes: so every SQLite gives the same, as an index needs that several of them write to.
ALTER TABLE orchestrator_agents ADD COLUMN created_time TEXT GENERATED ALWAYS AS (CAST(CASE
    WHEN substr(CAST(created_at AS TEXT), 11, 1) = 'T' AND substr(CAST(created_at AS TEXT), 20, 1) = '.' AND substr(CAST(created_at AS TEXT), 24) = 'Z' THEN CAST(created_at AS TEXT)
    WHEN CAST(created_at AS TEXT) GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND substr(CAST(created_at AS TEXT), 12, 2) <> '24' THEN coalesce(
        strftime('%Y-%m-%dT%H:%M:%S.', substr(CAST(created_at AS TEXT), 1, 19) || ltrim(substr(CAST(created_at AS TEXT), 20), '.0123456789'), '+0 days')
        || substr(substr(CAST(created_at AS TEXT), 21, max(length(CAST(created_at AS TEXT)) - 20 - length(ltrim(substr(CAST(created_at AS TEXT), 20), '.0123456789')), 0)) || '000', 1, 3) || 'Z',
        CAST(created_at AS TEXT))
    ELSE CAST(created_at AS TEXT) END AS TEXT)) VIRTUAL;

ALTER TABLE orchestrator_agents ADD COLUMN updated_time TEXT GENERATED ALWAYS AS (CAST(CASE
    WHEN substr(CAST(updated_at AS TEXT), 11, 1) = 'T' AND substr(CAST(updated_at AS TEXT), 20, 1) = '.' AND substr(CAST(updated_at AS TEXT), 24) = 'Z' THEN CAST(updated_at AS TEXT)
    WHEN CAST(updated_at AS TEXT) GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND substr(CAST(updated_at AS TEXT), 12, 2) <> '24' THEN coalesce(
        strftime('%Y-%m-%dT%H:%M:%S.', substr(CAST(updated_at AS TEXT), 1, 19) || ltrim(substr(CAST(updated_at AS TEXT), 20), '.0123456789'), '+0 days')
        || substr(substr(CAST(updated_at AS TEXT), 21, max(length(CAST(updated_at AS TEXT)) - 20 - length(ltrim(substr(CAST(updated_at AS TEXT), 20), '.0123456789')), 0)) || '000', 1, 3) || 'Z',
        CAST(updated_at AS TEXT))
    ELSE CAST(updated_at AS TEXT) END AS TEXT)) VIRTUAL;

ALTER TABLE agents ADD COLUMN started_time TEXT GENERATED ALWAYS AS (CAST(CASE
    WHEN substr(CAST(started_at AS TEXT), 11, 1) = 'T' AND substr(CAST(started_at AS TEXT), 20, 1) = '.' AND substr(CAST(started_at AS TEXT), 24) = 'Z' THEN CAST(started_at AS TEXT)
    WHEN CAST(started_at AS TEXT) GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND substr(CAST(started_at AS TEXT), 12, 2) <> '24' THEN coalesce(
        strftime('%Y-%m-%dT%H:%M:%S.', substr(CAST(started_at AS TEXT), 1, 19) || ltrim(substr(CAST(started_at AS TEXT), 20), '.0123456789'), '+0 days')
        || substr(substr(CAST(started_at AS TEXT), 21, max(length(CAST(started_at AS TEXT)) - 20 - length(ltrim(substr(CAST(started_at AS TEXT), 20), '.0123456789')), 0)) || '000', 1, 3) || 'Z',
        CAST(started_at AS TEXT))
    ELSE CAST(started_at AS TEXT) END AS TEXT)) VIRTUAL;

ALTER TABLE agents ADD COLUMN completed_time TEXT GENERATED ALWAYS AS (CAST(CASE
    WHEN substr(CAST(completed_at AS TEXT), 11, 1) = 'T' AND substr(CAST(completed_at AS TEXT), 20, 1) = '.' AND substr(CAST(completed_at AS TEXT), 24) = 'Z' THEN CAST(completed_at AS TEXT)
    WHEN CAST(completed_at AS TEXT) GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND substr(CAST(completed_at AS TEXT), 12, 2) <> '24' THEN coalesce(
        strftime('%Y-%m-%dT%H:%M:%S.', substr(CAST(completed_at AS TEXT), 1, 19) || ltrim(substr(CAST(completed_at AS TEXT), 20), '.0123456789'), '+0 days')
        || substr(substr(CAST(completed_at AS TEXT), 21, max(length(CAST(completed_at AS TEXT)) - 20 - length(ltrim(substr(CAST(completed_at AS TEXT), 20), '.0123456789')), 0)) || '000', 1, 3) || 'Z',
        CAST(completed_at AS TEXT))
    ELSE CAST(completed_at AS TEXT) END AS TEXT)) VIRTUAL;

ALTER TABLE agents ADD COLUMN updated_time TEXT GENERATED ALWAYS AS (CAST(CASE
    WHEN substr(CAST(coalesce(updated_at, completed_at, started_at) AS TEXT), 11, 1) = 'T' AND substr(CAST(coalesce(updated_at, completed_at, started_at) AS TEXT), 20, 1) = '.' AND substr(CAST(coalesce(updated_at, completed_at, started_at) AS TEXT), 24) = 'Z' THEN CAST(coalesce(updated_at, completed_at, started_at) AS TEXT)
    WHEN CAST(coalesce(updated_at, completed_at, started_at) AS TEXT) GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND substr(CAST(coalesce(updated_at, completed_at, started_at) AS TEXT), 12, 2) <> '24' THEN coalesce(
        strftime('%Y-%m-%dT%H:%M:%S.', substr(CAST(coalesce(updated_at, completed_at, started_at) AS TEXT), 1, 19) || ltrim(substr(CAST(coalesce(updated_at, completed_at, started_at) AS TEXT), 20), '.0123456789'), '+0 days')
        || substr(substr(CAST(coalesce(updated_at, completed_at, started_at) AS TEXT), 21, max(length(CAST(coalesce(updated_at, completed_at, started_at) AS TEXT)) - 20 - length(ltrim(substr(CAST(coalesce(updated_at, completed_at, started_at) AS TEXT), 20), '.0123456789')), 0)) || '000', 1, 3) || 'Z',
        CAST(coalesce(updated_at, completed_at, started_at) AS TEXT))
    ELSE CAST(coalesce(updated_at, completed_at, started_at) AS TEXT) END AS TEXT)) VIRTUAL;

ALTER TABLE agents ADD COLUMN heartbeat_time TEXT GENERATED ALWAYS AS (CAST(CASE
    WHEN substr(CAST(heartbeat_at AS TEXT), 11, 1) = 'T' AND substr(CAST(heartbeat_at AS TEXT), 20, 1) = '.' AND substr(CAST(heartbeat_at AS TEXT), 24) = 'Z' THEN CAST(heartbeat_at AS TEXT)
    WHEN CAST(heartbeat_at AS TEXT) GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND substr(CAST(heartbeat_at AS TEXT), 12, 2) <> '24' THEN coalesce(
        strftime('%Y-%m-%dT%H:%M:%S.', substr(CAST(heartbeat_at AS TEXT), 1, 19) || ltrim(substr(CAST(heartbeat_at AS TEXT), 20), '.0123456789'), '+0 days')
        || substr(substr(CAST(heartbeat_at AS TEXT), 21, max(length(CAST(heartbeat_at AS TEXT)) - 20 - length(ltrim(substr(CAST(heartbeat_at AS TEXT), 20), '.0123456789')), 0)) || '000', 1, 3) || 'Z',
        CAST(heartbeat_at AS TEXT))
    ELSE CAST(heartbeat_at AS TEXT) END AS TEXT)) VIRTUAL;

ALTER TABLE prompts ADD COLUMN created_time TEXT GENERATED ALWAYS AS (CAST(CASE
    WHEN substr(CAST(created_at AS TEXT), 11, 1) = 'T' AND substr(CAST(created_at AS TEXT), 20, 1) = '.' AND substr(CAST(created_at AS TEXT), 24) = 'Z' THEN CAST(created_at AS TEXT)
    WHEN CAST(created_at AS TEXT) GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND substr(CAST(created_at AS TEXT), 12, 2) <> '24' THEN coalesce(
        strftime('%Y-%m-%dT%H:%M:%S.', substr(CAST(created_at AS TEXT), 1, 19) || ltrim(substr(CAST(created_at AS TEXT), 20), '.0123456789'), '+0 days')
        || substr(substr(CAST(created_at AS TEXT), 21, max(length(CAST(created_at AS TEXT)) - 20 - length(ltrim(substr(CAST(created_at AS TEXT), 20), '.0123456789')), 0)) || '000', 1, 3) || 'Z',
        CAST(created_at AS TEXT))
    ELSE CAST(created_at AS TEXT) END AS TEXT)) VIRTUAL;

ALTER TABLE prompts ADD COLUMN completed_time TEXT GENERATED ALWAYS AS (CAST(CASE
    WHEN substr(CAST(completed_at AS TEXT), 11, 1) = 'T' AND substr(CAST(completed_at AS TEXT), 20, 1) = '.' AND substr(CAST(completed_at AS TEXT), 24) = 'Z' THEN CAST(completed_at AS TEXT)
    WHEN CAST(completed_at AS TEXT) GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND substr(CAST(completed_at AS TEXT), 12, 2) <> '24' THEN coalesce(
        strftime('%Y-%m-%dT%H:%M:%S.', substr(CAST(completed_at AS TEXT), 1, 19) || ltrim(substr(CAST(completed_at AS TEXT), 20), '.0123456789'), '+0 days')
        || substr(substr(CAST(completed_at AS TEXT), 21, max(length(CAST(completed_at AS TEXT)) - 20 - length(ltrim(substr(CAST(completed_at AS TEXT), 20), '.0123456789')), 0)) || '000', 1, 3) || 'Z',
        CAST(completed_at AS TEXT))
    ELSE CAST(completed_at AS TEXT) END AS TEXT)) VIRTUAL;

ALTER TABLE agent_logs ADD COLUMN created_time TEXT GENERATED ALWAYS AS (CAST(CASE
    WHEN substr(CAST(created_at AS TEXT), 11, 1) = 'T' AND substr(CAST(created_at AS TEXT), 20, 1) = '.' AND substr(CAST(created_at AS TEXT), 24) = 'Z' THEN CAST(created_at AS TEXT)
    WHEN CAST(created_at AS TEXT) GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND substr(CAST(created_at AS TEXT), 12, 2) <> '24' THEN coalesce(
        strftime('%Y-%m-%dT%H:%M:%S.', substr(CAST(created_at AS TEXT), 1, 19) || ltrim(substr(CAST(created_at AS TEXT), 20), '.0123456789'), '+0 days')
        || substr(substr(CAST(created_at AS TEXT), 21, max(length(CAST(created_at AS TEXT)) - 20 - length(ltrim(substr(CAST(created_at AS TEXT), 20), '.0123456789')), 0)) || '000', 1, 3) || 'Z',
        CAST(created_at AS TEXT))
    ELSE CAST(created_at AS TEXT) END AS TEXT)) VIRTUAL;

ALTER TABLE system_logs ADD COLUMN created_time TEXT GENERATED ALWAYS AS (CAST(CASE
    WHEN substr(CAST(created_at AS TEXT), 11, 1) = 'T' AND substr(CAST(created_at AS TEXT), 20, 1) = '.' AND substr(CAST(created_at AS TEXT), 24) = 'Z' THEN CAST(created_at AS TEXT)
    WHEN CAST(created_at AS TEXT) GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND substr(CAST(created_at AS TEXT), 12, 2) <> '24' THEN coalesce(
        strftime('%Y-%m-%dT%H:%M:%S.', substr(CAST(created_at AS TEXT), 1, 19) || ltrim(substr(CAST(created_at AS TEXT), 20), '.0123456789'), '+0 days')
        || substr(substr(CAST(created_at AS TEXT), 21, max(length(CAST(created_at AS TEXT)) - 20 - length(ltrim(substr(CAST(created_at AS TEXT), 20), '.0123456789')), 0)) || '000', 1, 3) || 'Z',
        CAST(created_at AS TEXT))
    ELSE CAST(created_at AS TEXT) END AS TEXT)) VIRTUAL;

-- An agent as it is told, kept by the triggers below; NULL where it was not filled yet.
ALTER TABLE agents ADD COLUMN told TEXT;

-- Definitions as they are told, kept by the triggers below. Beside the table, since the existing service has a trigger that
-- sets `updated_at` after any update of it.
CREATE TABLE definition_tellings (
    key  NOT NULL PRIMARY KEY,
    json TEXT NOT NULL
);

-- What each prompt is counted as. `key` is its id, or its rowid where it has none.
CREATE TABLE counted_prompts (
    key           PRIMARY KEY,
    agent_id      NOT NULL,
    minute        TEXT NOT NULL,
    status        TEXT NOT NULL,
    model         TEXT NOT NULL,
    tokens_input  INTEGER NOT NULL,
    tokens_output INTEGER NOT NULL,
    cost          INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX idx_counted_prompts_agent ON counted_prompts (agent_id, minute, status, model, tokens_input, tokens_output, cost);

-- Sums of prompts: of all agents (agent_id 0, since an id is text) by the hour ('2026-02-05T10') and by the minute, of
-- each agent over all time. `cost` is in billionths of a dollar, so that sums are exact. A sum of 64-bit integers has two
-- halves: `high` times 2^32, and `low`.
CREATE TABLE prompt_usage (
    agent_id           NOT NULL,
    span               TEXT NOT NULL CHECK (span IN ('hour', 'minute', 'all')),
    period             TEXT NOT NULL,
    status             TEXT NOT NULL,
    model              TEXT NOT NULL,
    prompts            INTEGER NOT NULL,
    tokens_input_high  INTEGER NOT NULL,
    tokens_input_low   INTEGER NOT NULL,
    tokens_output_high INTEGER NOT NULL,
    tokens_output_low  INTEGER NOT NULL,
    cost_high          INTEGER NOT NULL,
    cost_low           INTEGER NOT NULL,
    PRIMARY KEY (agent_id, span, period, status, model)
) WITHOUT ROWID;

-- What each agent is counted as.
CREATE TABLE counted_agents (
    key           PRIMARY KEY,
    session_id    NOT NULL,
    started_time  TEXT NOT NULL,
    status        TEXT NOT NULL,
    tokens_input  INTEGER NOT NULL,
    tokens_output INTEGER NOT NULL,
    cost          INTEGER NOT NULL
) WITHOUT ROWID;

-- Sums of agents by session and status, and of all sessions (session_id 0).
CREATE TABLE agent_usage (
    session_id         NOT NULL,
    status             TEXT NOT NULL,
    agents             INTEGER NOT NULL,
    tokens_input_high  INTEGER NOT NULL,
    tokens_input_low   INTEGER NOT NULL,
    tokens_output_high INTEGER NOT NULL,
    tokens_output_low  INTEGER NOT NULL,
    cost_high          INTEGER NOT NULL,
    cost_low           INTEGER NOT NULL,
    PRIMARY KEY (session_id, status)
) WITHOUT ROWID;

-- The sessions that have agents, and the start of the first one.
CREATE TABLE sessions (
    session_id   NOT NULL PRIMARY KEY,
    started_time TEXT NOT NULL
);

CREATE INDEX idx_sessions_started_time ON sessions (started_time);

-- Log entries, counted off the write path in blocks of 1024 ids: how many of each level, and between which times. A block
-- that is not here, or stale, is counted from its rows.
CREATE TABLE log_blocks (
    log        TEXT NOT NULL CHECK (log IN ('agent', 'system')),
    block      INTEGER NOT NULL,
    debug      INTEGER NOT NULL DEFAULT 0,
    info       INTEGER NOT NULL DEFAULT 0,
    warning    INTEGER NOT NULL DEFAULT 0,
    error      INTEGER NOT NULL DEFAULT 0,
    critical   INTEGER NOT NULL DEFAULT 0,
    first_time TEXT NOT NULL DEFAULT '',
    last_time  TEXT NOT NULL DEFAULT '',
    stale      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (log, block)
) WITHOUT ROWID;

CREATE INDEX idx_log_blocks_stale ON log_blocks (log, block) WHERE stale;

-- Agents whose prompts' sums have changed within the statement that runs; empty otherwise.
CREATE TABLE untold_agents (
    agent_id NOT NULL PRIMARY KEY
) WITHOUT ROWID;

-- What was deleted, and has rows that hang on it still: `kind` is the table that it was in.
CREATE TABLE deletions (
    kind         TEXT NOT NULL CHECK (kind IN ('orchestrator_agents', 'agents')),
    id           TEXT NOT NULL,
    last_row     INTEGER NOT NULL,
    last_log     INTEGER NOT NULL,
    deleted_time TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;

CREATE VIEW counting_prompts AS
SELECT
    rowid AS row,
    coalesce(id, rowid) AS key,
    agent_id,
    substr(created_time, 1, 16) AS minute,
    status,
    coalesce(CAST(model_used AS TEXT), '') AS model,
    coalesce(CAST(tokens_input AS INTEGER), 0) AS tokens_input,
    coalesce(CAST(tokens_output AS INTEGER), 0) AS tokens_output,
    CAST(round(max(-9e9, min(9e9, iif(abs(CAST(cost_usd AS REAL)) < 1e300, CAST(cost_usd AS REAL), 0.0))) * 1e9) AS INTEGER) AS cost
FROM prompts;

-- Definitions and agents as JSON, as they are told wherever they are told. What would make over 3 MB of it is told shortened, with
-- its length; so is text that is no JSON where JSON belongs, and a number that no client reads makes a string of its JSON.
CREATE VIEW definition_json AS
SELECT rowid AS row, json_object(
    'id', CAST(id AS TEXT),
    'name', CAST(name AS TEXT),
    'description', iif(length(CAST(description AS BLOB)) > 500000 AND length(json_quote(CAST(description AS TEXT))) > 3000000, substr(CAST(description AS TEXT), 1, 65536) || '… (' || length(CAST(description AS BLOB)) || ' bytes)', CAST(description AS TEXT)),
    'agent_type', CAST(agent_type AS TEXT),
    'capabilities', iif(length(CAST(capabilities AS BLOB)) > 500000 AND length(json_quote(CAST(capabilities AS TEXT))) > 3000000, substr(CAST(capabilities AS TEXT), 1, 65536) || '… (' || length(CAST(capabilities AS BLOB)) || ' bytes)', CAST(capabilities AS TEXT)),
    'default_model', iif(length(CAST(default_model AS BLOB)) > 500000 AND length(json_quote(CAST(default_model AS TEXT))) > 3000000, substr(CAST(default_model AS TEXT), 1, 65536) || '… (' || length(CAST(default_model AS BLOB)) || ' bytes)', CAST(default_model AS TEXT)),
    'metadata', CASE
        WHEN length(CAST(metadata AS BLOB)) > 3000000 THEN substr(CAST(metadata AS TEXT), 1, 65536) || '… (' || length(CAST(metadata AS BLOB)) || ' bytes)'
        WHEN json_valid(CAST(metadata AS TEXT)) AND json_valid('[' || CAST(metadata AS TEXT) || ']') THEN iif(
            CAST(metadata AS TEXT) GLOB '*[0-9.][eE][0-9+][0-9][0-9]*'
                AND EXISTS (SELECT 1 FROM json_tree(CAST(metadata AS TEXT)) WHERE type = 'real' AND abs(atom) > 1.7976931348623157e308),
            CAST(metadata AS TEXT), json(CAST(metadata AS TEXT)))
        WHEN length(CAST(metadata AS BLOB)) > 500000 THEN substr(CAST(metadata AS TEXT), 1, 65536) || '… (' || length(CAST(metadata AS BLOB)) || ' bytes)'
        ELSE CAST(metadata AS TEXT) END,
    'is_active', json(iif(is_active, 'true', 'false')),
    'created_at', created_time,
    'updated_at', updated_time,
    'version', CAST(version AS INTEGER)
) AS json
FROM orchestrator_agents;

-- An agent costs what it says, or what its prompts cost, whichever is more; written with 15 digits, since SQLites differ in
-- how many they write.
CREATE VIEW agent_json AS
SELECT rowid AS row, json_object(
    'id', CAST(id AS TEXT),
    'orchestrator_agent_id', CAST(orchestrator_agent_id AS TEXT),
    'session_id', CAST(session_id AS TEXT),
    'parent_agent_id', CAST(parent_agent_id AS TEXT),
    'status', CAST(status AS TEXT),
    'context', CASE
        WHEN length(CAST(context AS BLOB)) > 3000000 THEN substr(CAST(context AS TEXT), 1, 65536) || '… (' || length(CAST(context AS BLOB)) || ' bytes)'
        WHEN json_valid(CAST(context AS TEXT)) AND json_valid('[' || CAST(context AS TEXT) || ']') THEN iif(
            CAST(context AS TEXT) GLOB '*[0-9.][eE][0-9+][0-9][0-9]*'
                AND EXISTS (SELECT 1 FROM json_tree(CAST(context AS TEXT)) WHERE type = 'real' AND abs(atom) > 1.7976931348623157e308),
            CAST(context AS TEXT), json(CAST(context AS TEXT)))
        WHEN length(CAST(context AS BLOB)) > 500000 THEN substr(CAST(context AS TEXT), 1, 65536) || '… (' || length(CAST(context AS BLOB)) || ' bytes)'
        ELSE CAST(context AS TEXT) END,
    'config', CASE
        WHEN length(CAST(config AS BLOB)) > 3000000 THEN substr(CAST(config AS TEXT), 1, 65536) || '… (' || length(CAST(config AS BLOB)) || ' bytes)'
        WHEN json_valid(CAST(config AS TEXT)) AND json_valid('[' || CAST(config AS TEXT) || ']') THEN iif(
            CAST(config AS TEXT) GLOB '*[0-9.][eE][0-9+][0-9][0-9]*'
                AND EXISTS (SELECT 1 FROM json_tree(CAST(config AS TEXT)) WHERE type = 'real' AND abs(atom) > 1.7976931348623157e308),
            CAST(config AS TEXT), json(CAST(config AS TEXT)))
        WHEN length(CAST(config AS BLOB)) > 500000 THEN substr(CAST(config AS TEXT), 1, 65536) || '… (' || length(CAST(config AS BLOB)) || ' bytes)'
        ELSE CAST(config AS TEXT) END,
    'metadata', CASE
        WHEN length(CAST(metadata AS BLOB)) > 3000000 THEN substr(CAST(metadata AS TEXT), 1, 65536) || '… (' || length(CAST(metadata AS BLOB)) || ' bytes)'
        WHEN json_valid(CAST(metadata AS TEXT)) AND json_valid('[' || CAST(metadata AS TEXT) || ']') THEN iif(
            CAST(metadata AS TEXT) GLOB '*[0-9.][eE][0-9+][0-9][0-9]*'
                AND EXISTS (SELECT 1 FROM json_tree(CAST(metadata AS TEXT)) WHERE type = 'real' AND abs(atom) > 1.7976931348623157e308),
            CAST(metadata AS TEXT), json(CAST(metadata AS TEXT)))
        WHEN length(CAST(metadata AS BLOB)) > 500000 THEN substr(CAST(metadata AS TEXT), 1, 65536) || '… (' || length(CAST(metadata AS BLOB)) || ' bytes)'
        ELSE CAST(metadata AS TEXT) END,
    'started_at', started_time,
    'completed_at', completed_time,
    'updated_at', updated_time,
    'cost_usd', json(printf('%!.15g', max(
        iif(abs(CAST(cost_usd AS REAL)) < 1e300, CAST(cost_usd AS REAL), 0.0),
        (SELECT round((coalesce(sum(cost_high), 0) * 4294967296.0 + coalesce(sum(cost_low), 0)) / 1e9, 9)
            FROM prompt_usage WHERE agent_id = agents.id AND span = 'all')
    ))),
    'tokens_input', (SELECT CAST(coalesce((sum(tokens_input_high) + (sum(tokens_input_low) >> 32)) * 4294967296 + (sum(tokens_input_low) & 4294967295), 0) AS INTEGER)
        FROM prompt_usage WHERE agent_id = agents.id AND span = 'all'),
    'tokens_output', (SELECT CAST(coalesce((sum(tokens_output_high) + (sum(tokens_output_low) >> 32)) * 4294967296 + (sum(tokens_output_low) & 4294967295), 0) AS INTEGER)
        FROM prompt_usage WHERE agent_id = agents.id AND span = 'all'),
    'error_message', iif(length(CAST(error_message AS BLOB)) > 500000 AND length(json_quote(CAST(error_message AS TEXT))) > 3000000, substr(CAST(error_message AS TEXT), 1, 65536) || '… (' || length(CAST(error_message AS BLOB)) || ' bytes)', CAST(error_message AS TEXT)),
    'heartbeat_at', heartbeat_time,
    'lease_seconds', iif(typeof(lease_seconds) IN ('integer', 'real'), CAST(lease_seconds AS INTEGER), NULL),
    'cancel_requested', json(iif(cancel_requested, 'true', 'false')),
    'version', CAST(version AS INTEGER)
) AS json
FROM agents;

-- The agents that have to send heartbeats, and when their lease ends. A heartbeat that is no time ends no lease. `likely`
-- keeps SQLite from taking an index on `status` instead of that of the leases.
CREATE VIEW leased_agents AS
SELECT rowid AS row, id, session_id, status, strftime(
    '%Y-%m-%dT%H:%M:%fZ', heartbeat_time, printf('%+d seconds', coalesce(CAST(lease_seconds AS INTEGER), 60))
) AS ends_at
FROM agents
WHERE heartbeat_at IS NOT NULL AND likely(status IN ('initializing', 'planning', 'executing', 'reviewing'));

-- Those that have sent none for their lease.
CREATE VIEW lost_agents AS
SELECT row, id, session_id, status, ends_at FROM leased_agents WHERE ends_at <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now');

-- An agent that is lost is told as failed before anybody has written that down.
CREATE VIEW told_agents AS
SELECT
    rowid AS row,
    CASE WHEN heartbeat_at IS NOT NULL AND rowid IN (SELECT row FROM lost_agents WHERE row = agents.rowid) THEN json_set(
        iif(json_valid(told), told, (SELECT json FROM agent_json WHERE row = agents.rowid)),
        '$.status', 'failed',
        '$.completed_at', (SELECT ends_at FROM lost_agents WHERE row = agents.rowid),
        '$.error_message', 'heartbeat lost'
    ) ELSE coalesce(told, (SELECT json FROM agent_json WHERE row = agents.rowid)) END AS json
FROM agents;

-- The same with the name of its definition, as the feed shows it.
CREATE VIEW feed_agents AS
SELECT agents.rowid AS row, rtrim(json, '}') || ',"name":' || json_quote(
    (SELECT CAST(name AS TEXT) FROM orchestrator_agents WHERE id = agents.orchestrator_agent_id)
) || '}' AS payload
FROM agents CROSS JOIN told_agents ON told_agents.row = agents.rowid;

-- Definitions.
CREATE TRIGGER orchestrator_agents_insert AFTER INSERT ON orchestrator_agents
BEGIN
    DELETE FROM definition_tellings WHERE key = coalesce(NEW.id, NEW.rowid);
    INSERT INTO definition_tellings (key, json)
    SELECT coalesce(NEW.id, NEW.rowid), json FROM definition_json WHERE row = NEW.rowid;
END;

CREATE TRIGGER orchestrator_agents_update AFTER UPDATE ON orchestrator_agents
BEGIN
    DELETE FROM definition_tellings WHERE key IN (coalesce(OLD.id, OLD.rowid), coalesce(NEW.id, NEW.rowid));
    INSERT INTO definition_tellings (key, json)
    SELECT coalesce(NEW.id, NEW.rowid), json FROM definition_json WHERE row = NEW.rowid;
END;

CREATE TRIGGER orchestrator_agents_delete AFTER DELETE ON orchestrator_agents
BEGIN
    DELETE FROM definition_tellings WHERE key = coalesce(OLD.id, OLD.rowid);
END;

CREATE TRIGGER orchestrator_agents_touch
AFTER UPDATE OF name, description, agent_type, capabilities, default_model, metadata, is_active ON orchestrator_agents
WHEN (NEW.name, NEW.description, NEW.agent_type, NEW.capabilities, NEW.default_model, NEW.metadata, NEW.is_active)
    IS NOT (OLD.name, OLD.description, OLD.agent_type, OLD.capabilities, OLD.default_model, OLD.metadata, OLD.is_active)
BEGIN
    UPDATE orchestrator_agents SET version = OLD.version + 1, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE rowid = NEW.rowid;
END;

-- The existing service's trigger sets the time to the second. Where it runs after ours, this gives it its milliseconds back.
CREATE TRIGGER orchestrator_agents_precise AFTER UPDATE OF updated_at ON orchestrator_agents
WHEN NEW.updated_at = datetime('now')
BEGIN
    UPDATE orchestrator_agents SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

-- The feed shows an agent under its definition's name.
CREATE TRIGGER orchestrator_agents_rename AFTER UPDATE OF name ON orchestrator_agents
WHEN NEW.name IS NOT OLD.name
BEGIN
    INSERT INTO change_log (entity, entity_id, op, status, payload)
    SELECT 'agent', CAST(id AS TEXT), 'update', status, payload
    FROM agents CROSS JOIN feed_agents ON feed_agents.row = agents.rowid
    WHERE orchestrator_agent_id = NEW.id AND id IS NOT NULL;
END;

-- Agents. `version` stands for what is told of an agent but its heartbeat: each real change is a new one, which the change
-- log has in the transaction of the change, whoever makes it; an update that changes nothing logs nothing.
CREATE TRIGGER agents_insert AFTER INSERT ON agents
BEGIN
    UPDATE agents SET told = (SELECT json FROM agent_json WHERE row = NEW.rowid) WHERE rowid = NEW.rowid;
    INSERT INTO change_log (entity, entity_id, op, status, payload)
    SELECT 'agent', CAST(NEW.id AS TEXT), 'insert', NEW.status, payload FROM feed_agents
    WHERE row = NEW.rowid AND NEW.id IS NOT NULL;
    INSERT INTO agent_history (agent_id, seq, status, at)
    SELECT CAST(NEW.id AS TEXT), last_insert_rowid(), NEW.status, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE NEW.id IS NOT NULL;
END;

CREATE TRIGGER agents_touch
AFTER UPDATE OF orchestrator_agent_id, session_id, parent_agent_id, status, context, config, metadata, started_at, completed_at, cost_usd, error_message, cancel_requested ON agents
WHEN (NEW.orchestrator_agent_id, NEW.session_id, NEW.parent_agent_id, NEW.status, NEW.context, NEW.config, NEW.metadata, NEW.started_at, NEW.completed_at, NEW.cost_usd, NEW.error_message, NEW.cancel_requested)
    IS NOT (OLD.orchestrator_agent_id, OLD.session_id, OLD.parent_agent_id, OLD.status, OLD.context, OLD.config, OLD.metadata, OLD.started_at, OLD.completed_at, OLD.cost_usd, OLD.error_message, OLD.cancel_requested)
BEGIN
    UPDATE agents SET version = OLD.version + 1, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

-- The history goes with the change log: `last_insert_rowid()` is the number that the log has just given.
CREATE TRIGGER agents_log AFTER UPDATE OF version ON agents WHEN NEW.version IS NOT OLD.version
BEGIN
    UPDATE agents SET told = (SELECT json FROM agent_json WHERE row = NEW.rowid) WHERE rowid = NEW.rowid;
    INSERT INTO change_log (entity, entity_id, op, status, payload)
    SELECT 'agent', CAST(NEW.id AS TEXT), 'update', NEW.status, payload FROM feed_agents
    WHERE row = NEW.rowid AND NEW.id IS NOT NULL;
    INSERT INTO agent_history (agent_id, seq, status, at)
    SELECT CAST(NEW.id AS TEXT), last_insert_rowid(), NEW.status, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE NEW.id IS NOT NULL AND NEW.status IS NOT (
        SELECT status FROM agent_history WHERE agent_id = CAST(NEW.id AS TEXT) ORDER BY seq DESC LIMIT 1
    );
END;

CREATE TRIGGER agents_retell AFTER UPDATE OF id, updated_at, heartbeat_at, lease_seconds ON agents
WHEN NEW.version IS OLD.version
BEGIN
    UPDATE agents SET told = (SELECT json FROM agent_json WHERE row = NEW.rowid) WHERE rowid = NEW.rowid;
END;

-- An agent that gets another id is one that went and one that came.
CREATE TRIGGER agents_renamed AFTER UPDATE OF id ON agents WHEN NEW.id IS NOT OLD.id
BEGIN
    DELETE FROM counted_agents WHERE key = coalesce(OLD.id, OLD.rowid);
    DELETE FROM agent_history WHERE agent_id = CAST(OLD.id AS TEXT);
    INSERT INTO change_log (entity, entity_id, op, status, payload)
    SELECT 'agent', CAST(OLD.id AS TEXT), 'delete', OLD.status, OLD.told WHERE OLD.id IS NOT NULL AND OLD.told IS NOT NULL;
    UPDATE agents SET version = OLD.version + 1, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER agents_log_delete BEFORE DELETE ON agents
BEGIN
    INSERT INTO change_log (entity, entity_id, op, status, payload)
    SELECT 'agent', CAST(OLD.id AS TEXT), 'delete', OLD.status, payload FROM feed_agents
    WHERE row = OLD.rowid AND OLD.id IS NOT NULL;
END;

CREATE TRIGGER agents_delete AFTER DELETE ON agents
BEGIN
    DELETE FROM counted_agents WHERE key = coalesce(OLD.id, OLD.rowid);
    DELETE FROM agent_history WHERE agent_id = CAST(OLD.id AS TEXT);
END;

-- Counting follows telling, where what is counted is another.
CREATE TRIGGER agents_count AFTER UPDATE OF told ON agents
WHEN (SELECT (key, session_id, started_time, status, tokens_input, tokens_output, cost) IS NOT (
        SELECT key, session_id, started_time, status, tokens_input, tokens_output, cost
        FROM counted_agents WHERE key = coalesce(NEW.id, NEW.rowid)
    ) FROM counting_agents WHERE row = NEW.rowid)
BEGIN
    DELETE FROM counted_agents WHERE key = coalesce(NEW.id, NEW.rowid);
    INSERT INTO counted_agents (key, session_id, started_time, status, tokens_input, tokens_output, cost)
    SELECT key, session_id, started_time, status, tokens_input, tokens_output, cost
    FROM counting_agents WHERE row = NEW.rowid;
END;

CREATE VIEW counting_agents AS
SELECT
    rowid AS row,
    coalesce(id, rowid) AS key,
    session_id,
    started_time,
    status,
    json_extract(told, '$.tokens_input') AS tokens_input,
    json_extract(told, '$.tokens_output') AS tokens_output,
    CAST(round(max(-9e9, min(9e9, json_extract(told, '$.cost_usd'))) * 1e9) AS INTEGER) AS cost
FROM agents WHERE told IS NOT NULL AND json_valid(told);

CREATE TRIGGER counted_agents_insert AFTER INSERT ON counted_agents
BEGIN
    INSERT INTO agent_usage (session_id, status, agents, tokens_input_high, tokens_input_low, tokens_output_high, tokens_output_low, cost_high, cost_low)
    SELECT scope.session_id, NEW.status, 1,
        (NEW.tokens_input >> 32), (NEW.tokens_input & 4294967295), (NEW.tokens_output >> 32), (NEW.tokens_output & 4294967295), (NEW.cost >> 32), (NEW.cost & 4294967295)
    FROM (SELECT 0 AS session_id UNION ALL SELECT NEW.session_id) AS scope WHERE true
    ON CONFLICT (session_id, status) DO UPDATE SET
        agents = agents + excluded.agents,
        tokens_input_high = tokens_input_high + excluded.tokens_input_high,
        tokens_input_low = tokens_input_low + excluded.tokens_input_low,
        tokens_output_high = tokens_output_high + excluded.tokens_output_high,
        tokens_output_low = tokens_output_low + excluded.tokens_output_low,
        cost_high = cost_high + excluded.cost_high,
        cost_low = cost_low + excluded.cost_low;
    DELETE FROM sessions
    WHERE session_id = NEW.session_id AND NOT EXISTS (SELECT 1 FROM agents WHERE session_id = NEW.session_id);
    INSERT INTO sessions (session_id, started_time)
    SELECT NEW.session_id, started_time
    FROM (SELECT started_time FROM agents WHERE session_id = NEW.session_id ORDER BY started_time LIMIT 1)
    WHERE true
    ON CONFLICT (session_id) DO UPDATE SET started_time = excluded.started_time
    WHERE started_time IS NOT excluded.started_time;
END;

CREATE TRIGGER counted_agents_delete AFTER DELETE ON counted_agents
BEGIN
    INSERT INTO agent_usage (session_id, status, agents, tokens_input_high, tokens_input_low, tokens_output_high, tokens_output_low, cost_high, cost_low)
    SELECT scope.session_id, OLD.status, -1,
        -(OLD.tokens_input >> 32), -(OLD.tokens_input & 4294967295), -(OLD.tokens_output >> 32), -(OLD.tokens_output & 4294967295), -(OLD.cost >> 32), -(OLD.cost & 4294967295)
    FROM (SELECT 0 AS session_id UNION ALL SELECT OLD.session_id) AS scope WHERE true
    ON CONFLICT (session_id, status) DO UPDATE SET
        agents = agents + excluded.agents,
        tokens_input_high = tokens_input_high + excluded.tokens_input_high,
        tokens_input_low = tokens_input_low + excluded.tokens_input_low,
        tokens_output_high = tokens_output_high + excluded.tokens_output_high,
        tokens_output_low = tokens_output_low + excluded.tokens_output_low,
        cost_high = cost_high + excluded.cost_high,
        cost_low = cost_low + excluded.cost_low;
    DELETE FROM agent_usage WHERE session_id IN (0, OLD.session_id) AND status = OLD.status AND agents = 0;
    DELETE FROM sessions
    WHERE session_id = OLD.session_id AND NOT EXISTS (SELECT 1 FROM agents WHERE session_id = OLD.session_id);
    INSERT INTO sessions (session_id, started_time)
    SELECT OLD.session_id, started_time
    FROM (SELECT started_time FROM agents WHERE session_id = OLD.session_id ORDER BY started_time LIMIT 1)
    WHERE true
    ON CONFLICT (session_id) DO UPDATE SET started_time = excluded.started_time
    WHERE started_time IS NOT excluded.started_time;
END;

-- Prompts. An agent whose sums change has changed, and so shows in the change log.
CREATE TRIGGER prompts_insert AFTER INSERT ON prompts
BEGIN
    DELETE FROM counted_prompts WHERE key = coalesce(NEW.id, NEW.rowid);
    INSERT INTO counted_prompts (key, agent_id, minute, status, model, tokens_input, tokens_output, cost)
    SELECT key, agent_id, minute, status, model, tokens_input, tokens_output, cost
    FROM counting_prompts WHERE row = NEW.rowid;
    UPDATE agents SET version = version + 1, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE id IN (SELECT agent_id FROM untold_agents)
        AND told IS NOT (SELECT json FROM agent_json WHERE agent_json.row = agents.rowid);
    DELETE FROM untold_agents;
END;

CREATE TRIGGER prompts_update
AFTER UPDATE OF id, agent_id, created_at, status, model_used, tokens_input, tokens_output, cost_usd ON prompts
BEGIN
    DELETE FROM counted_prompts WHERE key IN (coalesce(OLD.id, OLD.rowid), coalesce(NEW.id, NEW.rowid));
    INSERT INTO counted_prompts (key, agent_id, minute, status, model, tokens_input, tokens_output, cost)
    SELECT key, agent_id, minute, status, model, tokens_input, tokens_output, cost
    FROM counting_prompts WHERE row = NEW.rowid;
    UPDATE agents SET version = version + 1, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE id IN (SELECT agent_id FROM untold_agents)
        AND told IS NOT (SELECT json FROM agent_json WHERE agent_json.row = agents.rowid);
    DELETE FROM untold_agents;
END;

CREATE TRIGGER prompts_delete AFTER DELETE ON prompts
BEGIN
    DELETE FROM counted_prompts WHERE key = coalesce(OLD.id, OLD.rowid);
    UPDATE agents SET version = version + 1, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE id IN (SELECT agent_id FROM untold_agents)
        AND told IS NOT (SELECT json FROM agent_json WHERE agent_json.row = agents.rowid);
    DELETE FROM untold_agents;
END;

CREATE TRIGGER counted_prompts_insert AFTER INSERT ON counted_prompts
BEGIN
    INSERT INTO prompt_usage (agent_id, span, period, status, model, prompts, tokens_input_high, tokens_input_low, tokens_output_high, tokens_output_low, cost_high, cost_low)
    SELECT scope.agent_id, scope.span, substr(NEW.minute, 1, scope.width), NEW.status, NEW.model, 1,
        (NEW.tokens_input >> 32), (NEW.tokens_input & 4294967295), (NEW.tokens_output >> 32), (NEW.tokens_output & 4294967295), (NEW.cost >> 32), (NEW.cost & 4294967295)
    FROM (
        SELECT 0 AS agent_id, 'hour' AS span, 13 AS width UNION ALL SELECT 0, 'minute', 16
        UNION ALL SELECT NEW.agent_id, 'all', 0
    ) AS scope WHERE true
    ON CONFLICT (agent_id, span, period, status, model) DO UPDATE SET
        prompts = prompts + excluded.prompts,
        tokens_input_high = tokens_input_high + excluded.tokens_input_high,
        tokens_input_low = tokens_input_low + excluded.tokens_input_low,
        tokens_output_high = tokens_output_high + excluded.tokens_output_high,
        tokens_output_low = tokens_output_low + excluded.tokens_output_low,
        cost_high = cost_high + excluded.cost_high,
        cost_low = cost_low + excluded.cost_low;
    INSERT INTO untold_agents (agent_id) SELECT NEW.agent_id
    WHERE NOT EXISTS (SELECT 1 FROM untold_agents WHERE agent_id = NEW.agent_id);
END;

CREATE TRIGGER counted_prompts_delete AFTER DELETE ON counted_prompts
BEGIN
    INSERT INTO prompt_usage (agent_id, span, period, status, model, prompts, tokens_input_high, tokens_input_low, tokens_output_high, tokens_output_low, cost_high, cost_low)
    SELECT scope.agent_id, scope.span, substr(OLD.minute, 1, scope.width), OLD.status, OLD.model, -1,
        -(OLD.tokens_input >> 32), -(OLD.tokens_input & 4294967295), -(OLD.tokens_output >> 32), -(OLD.tokens_output & 4294967295), -(OLD.cost >> 32), -(OLD.cost & 4294967295)
    FROM (
        SELECT 0 AS agent_id, 'hour' AS span, 13 AS width UNION ALL SELECT 0, 'minute', 16
        UNION ALL SELECT OLD.agent_id, 'all', 0
    ) AS scope WHERE true
    ON CONFLICT (agent_id, span, period, status, model) DO UPDATE SET
        prompts = prompts + excluded.prompts,
        tokens_input_high = tokens_input_high + excluded.tokens_input_high,
        tokens_input_low = tokens_input_low + excluded.tokens_input_low,
        tokens_output_high = tokens_output_high + excluded.tokens_output_high,
        tokens_output_low = tokens_output_low + excluded.tokens_output_low,
        cost_high = cost_high + excluded.cost_high,
        cost_low = cost_low + excluded.cost_low;
    DELETE FROM prompt_usage
    WHERE prompts = 0 AND status = OLD.status AND model = OLD.model AND (
        agent_id = 0 AND span = 'hour' AND period = substr(OLD.minute, 1, 13)
        OR agent_id = 0 AND span = 'minute' AND period = OLD.minute
        OR agent_id = OLD.agent_id AND span = 'all' AND period = ''
    );
    INSERT INTO untold_agents (agent_id) SELECT OLD.agent_id
    WHERE NOT EXISTS (SELECT 1 FROM untold_agents WHERE agent_id = OLD.agent_id);
END;

-- Log entries. New ones come after all blocks, and cost one look.
CREATE TRIGGER agent_logs_insert AFTER INSERT ON agent_logs
WHEN NEW.id < (SELECT (max(block) + 1) << 10 FROM log_blocks WHERE log = 'agent')
BEGIN
    INSERT INTO log_blocks (log, block, stale) VALUES ('agent', NEW.id >> 10, 1)
    ON CONFLICT (log, block) DO UPDATE SET stale = 1;
END;

CREATE TRIGGER agent_logs_update AFTER UPDATE OF id, log_level, created_at ON agent_logs
BEGIN
    INSERT INTO log_blocks (log, block, stale)
    SELECT 'agent', OLD.id >> 10, 1
    WHERE OLD.id < (SELECT (max(block) + 1) << 10 FROM log_blocks WHERE log = 'agent')
    ON CONFLICT (log, block) DO UPDATE SET stale = 1;
    INSERT INTO log_blocks (log, block, stale)
    SELECT 'agent', NEW.id >> 10, 1
    WHERE NEW.id < (SELECT (max(block) + 1) << 10 FROM log_blocks WHERE log = 'agent')
    ON CONFLICT (log, block) DO UPDATE SET stale = 1;
END;

CREATE TRIGGER agent_logs_delete AFTER DELETE ON agent_logs
BEGIN
    UPDATE log_blocks
    SET debug = debug - (OLD.log_level IS 'DEBUG'), info = info - (OLD.log_level IS 'INFO'), warning = warning - (OLD.log_level IS 'WARNING'), error = error - (OLD.log_level IS 'ERROR'), critical = critical - (OLD.log_level IS 'CRITICAL'),
        stale = stale OR OLD.created_time <= first_time
    WHERE log = 'agent' AND block = OLD.id >> 10;
END;

CREATE TRIGGER system_logs_insert AFTER INSERT ON system_logs
WHEN NEW.id < (SELECT (max(block) + 1) << 10 FROM log_blocks WHERE log = 'system')
BEGIN
    INSERT INTO log_blocks (log, block, stale) VALUES ('system', NEW.id >> 10, 1)
    ON CONFLICT (log, block) DO UPDATE SET stale = 1;
END;

CREATE TRIGGER system_logs_update AFTER UPDATE OF id, log_level, created_at ON system_logs
BEGIN
    INSERT INTO log_blocks (log, block, stale)
    SELECT 'system', OLD.id >> 10, 1
    WHERE OLD.id < (SELECT (max(block) + 1) << 10 FROM log_blocks WHERE log = 'system')
    ON CONFLICT (log, block) DO UPDATE SET stale = 1;
    INSERT INTO log_blocks (log, block, stale)
    SELECT 'system', NEW.id >> 10, 1
    WHERE NEW.id < (SELECT (max(block) + 1) << 10 FROM log_blocks WHERE log = 'system')
    ON CONFLICT (log, block) DO UPDATE SET stale = 1;
END;

CREATE TRIGGER system_logs_delete AFTER DELETE ON system_logs
BEGIN
    UPDATE log_blocks
    SET debug = debug - (OLD.log_level IS 'DEBUG'), info = info - (OLD.log_level IS 'INFO'), warning = warning - (OLD.log_level IS 'WARNING'), error = error - (OLD.log_level IS 'ERROR'), critical = critical - (OLD.log_level IS 'CRITICAL'),
        stale = stale OR OLD.created_time <= first_time
    WHERE log = 'system' AND block = OLD.id >> 10;
END;

-- Step
DROP TABLE IF EXISTS prompt_sums;

-- Step
DROP TABLE IF EXISTS prompt_totals;

-- Step
DROP TABLE IF EXISTS log_sums;

-- Step
DROP TABLE IF EXISTS log_totals;

-- Step
DROP INDEX IF EXISTS idx_orchestrator_agents_created;

-- Step
DROP INDEX IF EXISTS idx_agents_started;

-- Step
DROP INDEX IF EXISTS idx_prompts_created;

-- Step
DROP INDEX IF EXISTS idx_prompts_type;

-- Step
DROP INDEX IF EXISTS idx_agent_logs_created;

-- Step
DROP INDEX IF EXISTS idx_system_logs_created;

-- Step
DROP INDEX IF EXISTS idx_agents_status_started;

-- Step
DROP INDEX IF EXISTS idx_agents_status_cost;

-- Step
DROP INDEX IF EXISTS idx_agents_status;

-- Step
DROP INDEX IF EXISTS idx_agent_logs_type;

-- Indexes in the order of the lists that go through them, one a filter. What a list may also be narrowed by stands behind
-- that order: rows that do not fit are passed over within the index, and a write has fewer indexes to keep. Those of the
-- existing service keep their names.

-- Step
DROP INDEX IF EXISTS idx_agents_session;

CREATE INDEX idx_agents_session ON agents (session_id, started_time, status, orchestrator_agent_id);

-- Step
DROP INDEX IF EXISTS idx_agents_orch;

CREATE INDEX idx_agents_orch ON agents (orchestrator_agent_id, started_time, status);

-- Step
DROP INDEX IF EXISTS idx_agents_parent;

CREATE INDEX idx_agents_parent ON agents (parent_agent_id, started_time, status) WHERE parent_agent_id IS NOT NULL;

-- Step
DROP INDEX IF EXISTS idx_prompts_agent;

CREATE INDEX idx_prompts_agent ON prompts (agent_id, created_time, status, prompt_type);

-- Step
DROP INDEX IF EXISTS idx_prompts_status;

CREATE INDEX idx_prompts_status ON prompts (status, created_time, prompt_type);

-- Step
DROP INDEX IF EXISTS idx_agent_logs_agent;

CREATE INDEX idx_agent_logs_agent ON agent_logs (agent_id, id, log_level, log_type);

-- Step
CREATE INDEX IF NOT EXISTS idx_definitions_created ON orchestrator_agents (created_time, is_active);

-- Step
CREATE INDEX IF NOT EXISTS idx_definitions_type ON orchestrator_agents (agent_type, created_time, is_active);

-- Step
CREATE INDEX IF NOT EXISTS idx_agents_started_time ON agents (started_time);

-- Step
CREATE INDEX IF NOT EXISTS idx_agents_status_time ON agents (status, started_time);

-- Step
CREATE INDEX IF NOT EXISTS idx_agents_session_updated ON agents (session_id, updated_time);

-- Step
CREATE INDEX IF NOT EXISTS idx_prompts_created_time ON prompts (created_time);

-- Step
CREATE INDEX IF NOT EXISTS idx_prompts_type_time ON prompts (prompt_type, created_time);

-- Step
CREATE INDEX IF NOT EXISTS idx_agent_logs_level ON agent_logs (log_level);

-- Step
CREATE INDEX IF NOT EXISTS idx_agent_logs_level_type ON agent_logs (log_level, log_type);

-- Step
CREATE INDEX IF NOT EXISTS idx_system_logs_component ON system_logs (component);

-- Step
CREATE INDEX IF NOT EXISTS idx_system_logs_level_component ON system_logs (log_level, component);

-- Step
CREATE INDEX IF NOT EXISTS idx_agents_leased ON agents (heartbeat_at, lease_seconds)
WHERE heartbeat_at IS NOT NULL AND status IN ('initializing', 'planning', 'executing', 'reviewing');

-- What is there already: prompts first, since agents are told with the sums of theirs.

-- Fill
INSERT INTO counted_prompts (key, agent_id, minute, status, model, tokens_input, tokens_output, cost)
SELECT key, agent_id, minute, status, model, tokens_input, tokens_output, cost
FROM counting_prompts
WHERE row IN (SELECT rowid FROM prompts WHERE rowid > (SELECT position FROM schema_progress) ORDER BY rowid LIMIT 500)
    AND NOT EXISTS (SELECT 1 FROM counted_prompts AS counted WHERE counted.key = counting_prompts.key);

DELETE FROM untold_agents;

UPDATE schema_progress SET position = (
    SELECT max(rowid) FROM (SELECT rowid FROM prompts WHERE rowid > position ORDER BY rowid LIMIT 500)
);

-- Fill
UPDATE agents SET told = (SELECT json FROM agent_json WHERE row = agents.rowid)
WHERE rowid IN (SELECT rowid FROM agents WHERE rowid > (SELECT position FROM schema_progress) ORDER BY rowid LIMIT 200);

INSERT INTO agent_history (agent_id, seq, status, at)
SELECT CAST(id AS TEXT), 0, status, coalesce(updated_time, completed_time, started_time)
FROM agents
WHERE rowid IN (SELECT rowid FROM agents WHERE rowid > (SELECT position FROM schema_progress) ORDER BY rowid LIMIT 200)
    AND id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM agent_history WHERE agent_id = CAST(agents.id AS TEXT));

UPDATE schema_progress SET position = (
    SELECT max(rowid) FROM (SELECT rowid FROM agents WHERE rowid > position ORDER BY rowid LIMIT 200)
);
