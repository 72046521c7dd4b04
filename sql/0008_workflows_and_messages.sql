-- Workflows and messages: the two other tables that today's writers use, told and logged as agents are.
--
-- Both have one telling, `workflow_json` and `message_json`: lists read it, and so do the triggers, which put each change
-- into the change log once, whoever makes it. What is beside a table (`told_workflows`, `message_numbers`) is what
-- `INSERT OR REPLACE` would take with the row: that it was there, which number it has, and that it was delivered.

CREATE TABLE IF NOT EXISTS ai_developer_workflows (
    id                    TEXT PRIMARY KEY,
    orchestrator_agent_id TEXT REFERENCES orchestrator_agents (id) ON DELETE CASCADE,
    adw_name              TEXT NOT NULL,
    workflow_type         TEXT NOT NULL,
    description           TEXT,
    status                TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'in_progress', 'completed', 'failed', 'cancelled')),
    current_step          TEXT,
    total_steps           INTEGER DEFAULT 0,
    completed_steps       INTEGER DEFAULT 0,
    started_at            TEXT,
    completed_at          TEXT,
    duration_seconds      INTEGER,
    input_data            TEXT DEFAULT '{}',
    output_data           TEXT DEFAULT '{}',
    error_message         TEXT,
    error_step            TEXT,
    error_count           INTEGER DEFAULT 0,
    metadata              TEXT DEFAULT '{}',
    created_at            TEXT NOT NULL DEFAULT (datetime('now')),
    updated_at            TEXT NOT NULL DEFAULT (datetime('now'))
);

CREATE TABLE IF NOT EXISTS orchestrator_chat (
    id                    TEXT PRIMARY KEY,
    orchestrator_agent_id TEXT NOT NULL REFERENCES orchestrator_agents (id) ON DELETE CASCADE,
    sender_type           TEXT NOT NULL CHECK (sender_type IN ('user', 'orchestrator', 'agent')),
    receiver_type         TEXT NOT NULL CHECK (receiver_type IN ('user', 'orchestrator', 'agent')),
    message               TEXT NOT NULL,
    summary               TEXT,
    agent_id              TEXT REFERENCES agents (id) ON DELETE CASCADE,
    metadata              TEXT DEFAULT '{}',
    created_at            TEXT NOT NULL DEFAULT (datetime('now')),
    updated_at            TEXT NOT NULL DEFAULT (datetime('now'))
);

-- Tables of these names that lack some of their columns get them.
ALTER TABLE ai_developer_workflows ADD COLUMN orchestrator_agent_id TEXT;

ALTER TABLE ai_developer_workflows ADD COLUMN adw_name TEXT;

ALTER TABLE ai_developer_workflows ADD COLUMN workflow_type TEXT;

ALTER TABLE ai_developer_workflows ADD COLUMN description TEXT;

ALTER TABLE ai_developer_workflows ADD COLUMN status TEXT NOT NULL DEFAULT 'pending';

ALTER TABLE ai_developer_workflows ADD COLUMN current_step TEXT;

ALTER TABLE ai_developer_workflows ADD COLUMN total_steps INTEGER DEFAULT 0;

ALTER TABLE ai_developer_workflows ADD COLUMN completed_steps INTEGER DEFAULT 0;

ALTER TABLE ai_developer_workflows ADD COLUMN started_at TEXT;

ALTER TABLE ai_developer_workflows ADD COLUMN completed_at TEXT;

ALTER TABLE ai_developer_workflows ADD COLUMN duration_seconds INTEGER;

ALTER TABLE ai_developer_workflows ADD COLUMN input_data TEXT DEFAULT '{}';

ALTER TABLE ai_developer_workflows ADD COLUMN output_data TEXT DEFAULT '{}';

ALTER TABLE ai_developer_workflows ADD COLUMN error_message TEXT;

ALTER TABLE ai_developer_workflows ADD COLUMN error_step TEXT;

ALTER TABLE ai_developer_workflows ADD COLUMN error_count INTEGER DEFAULT 0;

ALTER TABLE ai_developer_workflows ADD COLUMN metadata TEXT DEFAULT '{}';

ALTER TABLE ai_developer_workflows ADD COLUMN created_at TEXT;

ALTER TABLE ai_developer_workflows ADD COLUMN updated_at TEXT;

ALTER TABLE orchestrator_chat ADD COLUMN orchestrator_agent_id TEXT;

ALTER TABLE orchestrator_chat ADD COLUMN sender_type TEXT;

ALTER TABLE orchestrator_chat ADD COLUMN receiver_type TEXT;

ALTER TABLE orchestrator_chat ADD COLUMN message TEXT;

ALTER TABLE orchestrator_chat ADD COLUMN summary TEXT;

ALTER TABLE orchestrator_chat ADD COLUMN agent_id TEXT;

ALTER TABLE orchestrator_chat ADD COLUMN metadata TEXT DEFAULT '{}';

ALTER TABLE orchestrator_chat ADD COLUMN created_at TEXT;

ALTER TABLE orchestrator_chat ADD COLUMN updated_at TEXT;

-- What orders messages: given once, to the id, and never again.
ALTER TABLE orchestrator_chat ADD COLUMN number INTEGER;

-- The message that this one answers. No foreign key, as an answer outlives its question.
ALTER TABLE orchestrator_chat ADD COLUMN reply_to TEXT;

-- A message with options is a question, also where it has none to choose from.
ALTER TABLE orchestrator_chat ADD COLUMN options TEXT;

-- When the agent that it is to has said that it has it.
ALTER TABLE orchestrator_chat ADD COLUMN delivered_at TEXT;

-- Times as everybody sees and sorts them, as in 0006.
ALTER TABLE ai_developer_workflows ADD COLUMN started_time TEXT GENERATED ALWAYS AS (CAST(CASE
    WHEN substr(CAST(started_at AS TEXT), 11, 1) = 'T' AND substr(CAST(started_at AS TEXT), 20, 1) = '.' AND substr(CAST(started_at AS TEXT), 24) = 'Z' THEN CAST(started_at AS TEXT)
    WHEN CAST(started_at AS TEXT) GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND substr(CAST(started_at AS TEXT), 12, 2) <> '24' THEN coalesce(
        strftime('%Y-%m-%dT%H:%M:%S.', substr(CAST(started_at AS TEXT), 1, 19) || ltrim(substr(CAST(started_at AS TEXT), 20), '.0123456789'), '+0 days')
        || substr(substr(CAST(started_at AS TEXT), 21, max(length(CAST(started_at AS TEXT)) - 20 - length(ltrim(substr(CAST(started_at AS TEXT), 20), '.0123456789')), 0)) || '000', 1, 3) || 'Z',
        CAST(started_at AS TEXT))
    ELSE CAST(started_at AS TEXT) END AS TEXT)) VIRTUAL;

ALTER TABLE ai_developer_workflows ADD COLUMN completed_time TEXT GENERATED ALWAYS AS (CAST(CASE
    WHEN substr(CAST(completed_at AS TEXT), 11, 1) = 'T' AND substr(CAST(completed_at AS TEXT), 20, 1) = '.' AND substr(CAST(completed_at AS TEXT), 24) = 'Z' THEN CAST(completed_at AS TEXT)
    WHEN CAST(completed_at AS TEXT) GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND substr(CAST(completed_at AS TEXT), 12, 2) <> '24' THEN coalesce(
        strftime('%Y-%m-%dT%H:%M:%S.', substr(CAST(completed_at AS TEXT), 1, 19) || ltrim(substr(CAST(completed_at AS TEXT), 20), '.0123456789'), '+0 days')
        || substr(substr(CAST(completed_at AS TEXT), 21, max(length(CAST(completed_at AS TEXT)) - 20 - length(ltrim(substr(CAST(completed_at AS TEXT), 20), '.0123456789')), 0)) || '000', 1, 3) || 'Z',
        CAST(completed_at AS TEXT))
    ELSE CAST(completed_at AS TEXT) END AS TEXT)) VIRTUAL;

ALTER TABLE ai_developer_workflows ADD COLUMN created_time TEXT GENERATED ALWAYS AS (CAST(CASE
    WHEN substr(CAST(created_at AS TEXT), 11, 1) = 'T' AND substr(CAST(created_at AS TEXT), 20, 1) = '.' AND substr(CAST(created_at AS TEXT), 24) = 'Z' THEN CAST(created_at AS TEXT)
    WHEN CAST(created_at AS TEXT) GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND substr(CAST(created_at AS TEXT), 12, 2) <> '24' THEN coalesce(
        strftime('%Y-%m-%dT%H:%M:%S.', substr(CAST(created_at AS TEXT), 1, 19) || ltrim(substr(CAST(created_at AS TEXT), 20), '.0123456789'), '+0 days')
        || substr(substr(CAST(created_at AS TEXT), 21, max(length(CAST(created_at AS TEXT)) - 20 - length(ltrim(substr(CAST(created_at AS TEXT), 20), '.0123456789')), 0)) || '000', 1, 3) || 'Z',
        CAST(created_at AS TEXT))
    ELSE CAST(created_at AS TEXT) END AS TEXT)) VIRTUAL;

ALTER TABLE ai_developer_workflows ADD COLUMN updated_time TEXT GENERATED ALWAYS AS (CAST(CASE
    WHEN substr(CAST(updated_at AS TEXT), 11, 1) = 'T' AND substr(CAST(updated_at AS TEXT), 20, 1) = '.' AND substr(CAST(updated_at AS TEXT), 24) = 'Z' THEN CAST(updated_at AS TEXT)
    WHEN CAST(updated_at AS TEXT) GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND substr(CAST(updated_at AS TEXT), 12, 2) <> '24' THEN coalesce(
        strftime('%Y-%m-%dT%H:%M:%S.', substr(CAST(updated_at AS TEXT), 1, 19) || ltrim(substr(CAST(updated_at AS TEXT), 20), '.0123456789'), '+0 days')
        || substr(substr(CAST(updated_at AS TEXT), 21, max(length(CAST(updated_at AS TEXT)) - 20 - length(ltrim(substr(CAST(updated_at AS TEXT), 20), '.0123456789')), 0)) || '000', 1, 3) || 'Z',
        CAST(updated_at AS TEXT))
    ELSE CAST(updated_at AS TEXT) END AS TEXT)) VIRTUAL;

ALTER TABLE orchestrator_chat ADD COLUMN delivered_time TEXT GENERATED ALWAYS AS (CAST(CASE
    WHEN substr(CAST(delivered_at AS TEXT), 11, 1) = 'T' AND substr(CAST(delivered_at AS TEXT), 20, 1) = '.' AND substr(CAST(delivered_at AS TEXT), 24) = 'Z' THEN CAST(delivered_at AS TEXT)
    WHEN CAST(delivered_at AS TEXT) GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND substr(CAST(delivered_at AS TEXT), 12, 2) <> '24' THEN coalesce(
        strftime('%Y-%m-%dT%H:%M:%S.', substr(CAST(delivered_at AS TEXT), 1, 19) || ltrim(substr(CAST(delivered_at AS TEXT), 20), '.0123456789'), '+0 days')
        || substr(substr(CAST(delivered_at AS TEXT), 21, max(length(CAST(delivered_at AS TEXT)) - 20 - length(ltrim(substr(CAST(delivered_at AS TEXT), 20), '.0123456789')), 0)) || '000', 1, 3) || 'Z',
        CAST(delivered_at AS TEXT))
    ELSE CAST(delivered_at AS TEXT) END AS TEXT)) VIRTUAL;

ALTER TABLE orchestrator_chat ADD COLUMN created_time TEXT GENERATED ALWAYS AS (CAST(CASE
    WHEN substr(CAST(created_at AS TEXT), 11, 1) = 'T' AND substr(CAST(created_at AS TEXT), 20, 1) = '.' AND substr(CAST(created_at AS TEXT), 24) = 'Z' THEN CAST(created_at AS TEXT)
    WHEN CAST(created_at AS TEXT) GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND substr(CAST(created_at AS TEXT), 12, 2) <> '24' THEN coalesce(
        strftime('%Y-%m-%dT%H:%M:%S.', substr(CAST(created_at AS TEXT), 1, 19) || ltrim(substr(CAST(created_at AS TEXT), 20), '.0123456789'), '+0 days')
        || substr(substr(CAST(created_at AS TEXT), 21, max(length(CAST(created_at AS TEXT)) - 20 - length(ltrim(substr(CAST(created_at AS TEXT), 20), '.0123456789')), 0)) || '000', 1, 3) || 'Z',
        CAST(created_at AS TEXT))
    ELSE CAST(created_at AS TEXT) END AS TEXT)) VIRTUAL;

ALTER TABLE orchestrator_chat ADD COLUMN updated_time TEXT GENERATED ALWAYS AS (CAST(CASE
    WHEN substr(CAST(updated_at AS TEXT), 11, 1) = 'T' AND substr(CAST(updated_at AS TEXT), 20, 1) = '.' AND substr(CAST(updated_at AS TEXT), 24) = 'Z' THEN CAST(updated_at AS TEXT)
    WHEN CAST(updated_at AS TEXT) GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND substr(CAST(updated_at AS TEXT), 12, 2) <> '24' THEN coalesce(
        strftime('%Y-%m-%dT%H:%M:%S.', substr(CAST(updated_at AS TEXT), 1, 19) || ltrim(substr(CAST(updated_at AS TEXT), 20), '.0123456789'), '+0 days')
        || substr(substr(CAST(updated_at AS TEXT), 21, max(length(CAST(updated_at AS TEXT)) - 20 - length(ltrim(substr(CAST(updated_at AS TEXT), 20), '.0123456789')), 0)) || '000', 1, 3) || 'Z',
        CAST(updated_at AS TEXT))
    ELSE CAST(updated_at AS TEXT) END AS TEXT)) VIRTUAL;

-- The workflows that were told, and the `updated_at` that they had then. `key` is the id, or the rowid where there is none.
CREATE TABLE IF NOT EXISTS told_workflows (
    key NOT NULL PRIMARY KEY,
    updated_at
) WITHOUT ROWID;

-- The number of each message, which stays its own when the row is replaced, and when it was delivered.
CREATE TABLE IF NOT EXISTS message_numbers (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    key          NOT NULL UNIQUE,
    delivered_at,
    updated_at,
    told         INTEGER NOT NULL DEFAULT 0
);

-- Numbers up to here are for the messages that are there already: each gets that of its row below, so that what comes
-- meanwhile comes after all of them.
INSERT INTO message_numbers (number, key)
SELECT last, 0 FROM (SELECT max(rowid) AS last FROM orchestrator_chat)
WHERE last BETWEEN 1 AND 4503599627370496 AND NOT EXISTS (SELECT 1 FROM message_numbers);

DELETE FROM message_numbers WHERE key = 0;

-- No row is told in more bytes than a host hands over (16 MiB), so what a workflow has most of is shortened sooner.
CREATE VIEW workflow_json AS
SELECT rowid AS row, json_object(
    'id', CAST(id AS TEXT),
    'orchestrator_agent_id', CAST(orchestrator_agent_id AS TEXT),
    'adw_name', iif(length(CAST(adw_name AS BLOB)) > 80000 AND length(json_quote(CAST(adw_name AS TEXT))) > 480000, substr(CAST(adw_name AS TEXT), 1, 65536) || '… (' || length(CAST(adw_name AS BLOB)) || ' bytes)', CAST(adw_name AS TEXT)),
    'workflow_type', iif(length(CAST(workflow_type AS BLOB)) > 80000 AND length(json_quote(CAST(workflow_type AS TEXT))) > 480000, substr(CAST(workflow_type AS TEXT), 1, 65536) || '… (' || length(CAST(workflow_type AS BLOB)) || ' bytes)', CAST(workflow_type AS TEXT)),
    'description', iif(length(CAST(description AS BLOB)) > 400000 AND length(json_quote(CAST(description AS TEXT))) > 2400000, substr(CAST(description AS TEXT), 1, 65536) || '… (' || length(CAST(description AS BLOB)) || ' bytes)', CAST(description AS TEXT)),
    'status', CAST(status AS TEXT),
    'current_step', iif(length(CAST(current_step AS BLOB)) > 80000 AND length(json_quote(CAST(current_step AS TEXT))) > 480000, substr(CAST(current_step AS TEXT), 1, 65536) || '… (' || length(CAST(current_step AS BLOB)) || ' bytes)', CAST(current_step AS TEXT)),
    'total_steps', coalesce(CAST(total_steps AS INTEGER), 0),
    'completed_steps', coalesce(CAST(completed_steps AS INTEGER), 0),
    'started_at', started_time,
    'completed_at', completed_time,
    'duration_seconds', iif(typeof(duration_seconds) IN ('integer', 'real'), CAST(duration_seconds AS INTEGER), NULL),
    'input_data', CASE
        WHEN length(CAST(input_data AS BLOB)) > 3000000 THEN substr(CAST(input_data AS TEXT), 1, 65536) || '… (' || length(CAST(input_data AS BLOB)) || ' bytes)'
        WHEN json_valid(CAST(input_data AS TEXT)) AND json_valid('[' || CAST(input_data AS TEXT) || ']') THEN iif(
            CAST(input_data AS TEXT) GLOB '*[0-9.][eE][0-9+][0-9][0-9]*'
                AND EXISTS (SELECT 1 FROM json_tree(CAST(input_data AS TEXT)) WHERE type = 'real' AND abs(atom) > 1.7976931348623157e308),
            CAST(input_data AS TEXT), json(CAST(input_data AS TEXT)))
        WHEN length(CAST(input_data AS BLOB)) > 500000 THEN substr(CAST(input_data AS TEXT), 1, 65536) || '… (' || length(CAST(input_data AS BLOB)) || ' bytes)'
        ELSE CAST(input_data AS TEXT) END,
    'output_data', CASE
        WHEN length(CAST(output_data AS BLOB)) > 3000000 THEN substr(CAST(output_data AS TEXT), 1, 65536) || '… (' || length(CAST(output_data AS BLOB)) || ' bytes)'
        WHEN json_valid(CAST(output_data AS TEXT)) AND json_valid('[' || CAST(output_data AS TEXT) || ']') THEN iif(
            CAST(output_data AS TEXT) GLOB '*[0-9.][eE][0-9+][0-9][0-9]*'
                AND EXISTS (SELECT 1 FROM json_tree(CAST(output_data AS TEXT)) WHERE type = 'real' AND abs(atom) > 1.7976931348623157e308),
            CAST(output_data AS TEXT), json(CAST(output_data AS TEXT)))
        WHEN length(CAST(output_data AS BLOB)) > 500000 THEN substr(CAST(output_data AS TEXT), 1, 65536) || '… (' || length(CAST(output_data AS BLOB)) || ' bytes)'
        ELSE CAST(output_data AS TEXT) END,
    'error_message', iif(length(CAST(error_message AS BLOB)) > 400000 AND length(json_quote(CAST(error_message AS TEXT))) > 2400000, substr(CAST(error_message AS TEXT), 1, 65536) || '… (' || length(CAST(error_message AS BLOB)) || ' bytes)', CAST(error_message AS TEXT)),
    'error_step', iif(length(CAST(error_step AS BLOB)) > 80000 AND length(json_quote(CAST(error_step AS TEXT))) > 480000, substr(CAST(error_step AS TEXT), 1, 65536) || '… (' || length(CAST(error_step AS BLOB)) || ' bytes)', CAST(error_step AS TEXT)),
    'error_count', coalesce(CAST(error_count AS INTEGER), 0),
    'metadata', CASE
        WHEN length(CAST(metadata AS BLOB)) > 3000000 THEN substr(CAST(metadata AS TEXT), 1, 65536) || '… (' || length(CAST(metadata AS BLOB)) || ' bytes)'
        WHEN json_valid(CAST(metadata AS TEXT)) AND json_valid('[' || CAST(metadata AS TEXT) || ']') THEN iif(
            CAST(metadata AS TEXT) GLOB '*[0-9.][eE][0-9+][0-9][0-9]*'
                AND EXISTS (SELECT 1 FROM json_tree(CAST(metadata AS TEXT)) WHERE type = 'real' AND abs(atom) > 1.7976931348623157e308),
            CAST(metadata AS TEXT), json(CAST(metadata AS TEXT)))
        WHEN length(CAST(metadata AS BLOB)) > 500000 THEN substr(CAST(metadata AS TEXT), 1, 65536) || '… (' || length(CAST(metadata AS BLOB)) || ' bytes)'
        ELSE CAST(metadata AS TEXT) END,
    'created_at', created_time,
    'updated_at', updated_time
) AS json
FROM ai_developer_workflows;

CREATE VIEW message_json AS
SELECT rowid AS row, json_object(
    'id', CAST(id AS TEXT),
    'number', coalesce(CAST(number AS INTEGER), 0),
    'orchestrator_agent_id', CAST(orchestrator_agent_id AS TEXT),
    'agent_id', CAST(agent_id AS TEXT),
    'sender_type', CAST(sender_type AS TEXT),
    'receiver_type', CAST(receiver_type AS TEXT),
    'message', iif(length(CAST(message AS BLOB)) > 500000 AND length(json_quote(CAST(message AS TEXT))) > 3000000, substr(CAST(message AS TEXT), 1, 65536) || '… (' || length(CAST(message AS BLOB)) || ' bytes)', CAST(message AS TEXT)),
    'summary', iif(length(CAST(summary AS BLOB)) > 500000 AND length(json_quote(CAST(summary AS TEXT))) > 3000000, substr(CAST(summary AS TEXT), 1, 65536) || '… (' || length(CAST(summary AS BLOB)) || ' bytes)', CAST(summary AS TEXT)),
    'reply_to', CAST(reply_to AS TEXT),
    'options', CASE
        WHEN length(CAST(options AS BLOB)) > 3000000 THEN substr(CAST(options AS TEXT), 1, 65536) || '… (' || length(CAST(options AS BLOB)) || ' bytes)'
        WHEN json_valid(CAST(options AS TEXT)) AND json_valid('[' || CAST(options AS TEXT) || ']') THEN iif(
            CAST(options AS TEXT) GLOB '*[0-9.][eE][0-9+][0-9][0-9]*'
                AND EXISTS (SELECT 1 FROM json_tree(CAST(options AS TEXT)) WHERE type = 'real' AND abs(atom) > 1.7976931348623157e308),
            CAST(options AS TEXT), json(CAST(options AS TEXT)))
        WHEN length(CAST(options AS BLOB)) > 500000 THEN substr(CAST(options AS TEXT), 1, 65536) || '… (' || length(CAST(options AS BLOB)) || ' bytes)'
        ELSE CAST(options AS TEXT) END,
    'metadata', CASE
        WHEN length(CAST(metadata AS BLOB)) > 3000000 THEN substr(CAST(metadata AS TEXT), 1, 65536) || '… (' || length(CAST(metadata AS BLOB)) || ' bytes)'
        WHEN json_valid(CAST(metadata AS TEXT)) AND json_valid('[' || CAST(metadata AS TEXT) || ']') THEN iif(
            CAST(metadata AS TEXT) GLOB '*[0-9.][eE][0-9+][0-9][0-9]*'
                AND EXISTS (SELECT 1 FROM json_tree(CAST(metadata AS TEXT)) WHERE type = 'real' AND abs(atom) > 1.7976931348623157e308),
            CAST(metadata AS TEXT), json(CAST(metadata AS TEXT)))
        WHEN length(CAST(metadata AS BLOB)) > 500000 THEN substr(CAST(metadata AS TEXT), 1, 65536) || '… (' || length(CAST(metadata AS BLOB)) || ' bytes)'
        ELSE CAST(metadata AS TEXT) END,
    'delivered_at', delivered_time,
    'created_at', created_time,
    'updated_at', updated_time
) AS json
FROM orchestrator_chat;

-- Workflows. One that replaces another of its id is a change of it.
CREATE TRIGGER workflows_insert AFTER INSERT ON ai_developer_workflows
BEGIN
    INSERT INTO change_log (entity, entity_id, op, status, payload)
    SELECT 'workflow', CAST(NEW.id AS TEXT),
        iif(EXISTS (SELECT 1 FROM told_workflows WHERE key = NEW.id), 'update', 'insert'), NEW.status, json
    FROM workflow_json WHERE row = NEW.rowid AND NEW.id IS NOT NULL;
    DELETE FROM told_workflows WHERE key = coalesce(NEW.id, NEW.rowid);
    INSERT INTO told_workflows (key, updated_at) VALUES (coalesce(NEW.id, NEW.rowid), NEW.updated_at);
END;

-- A change of `updated_at` alone is one too, but for that to the present second, which is what the trigger of the existing
-- service does after any update, and that back to what was told.
CREATE TRIGGER workflows_touch
AFTER UPDATE OF orchestrator_agent_id, adw_name, workflow_type, description, status, current_step, total_steps, completed_steps, started_at, completed_at, duration_seconds, input_data, output_data, error_message, error_step, error_count, metadata, created_at, updated_at ON ai_developer_workflows
WHEN NEW.id IS OLD.id AND ((NEW.updated_at NOT IN (datetime('now'), strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
        AND NEW.updated_at IS NOT coalesce((SELECT updated_at FROM told_workflows WHERE key = coalesce(NEW.id, NEW.rowid)), NEW.updated_at))
    OR (NEW.orchestrator_agent_id, NEW.adw_name, NEW.workflow_type, NEW.description, NEW.status, NEW.current_step, NEW.total_steps, NEW.completed_steps, NEW.started_at, NEW.completed_at, NEW.duration_seconds, NEW.input_data, NEW.output_data, NEW.error_message, NEW.error_step, NEW.error_count, NEW.metadata, NEW.created_at)
    IS NOT (OLD.orchestrator_agent_id, OLD.adw_name, OLD.workflow_type, OLD.description, OLD.status, OLD.current_step, OLD.total_steps, OLD.completed_steps, OLD.started_at, OLD.completed_at, OLD.duration_seconds, OLD.input_data, OLD.output_data, OLD.error_message, OLD.error_step, OLD.error_count, OLD.metadata, OLD.created_at))
BEGIN
    UPDATE told_workflows SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE key = coalesce(NEW.id, NEW.rowid);
    UPDATE ai_developer_workflows SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
    INSERT INTO change_log (entity, entity_id, op, status, payload)
    SELECT 'workflow', CAST(NEW.id AS TEXT), 'update', NEW.status, json
    FROM workflow_json WHERE row = NEW.rowid AND NEW.id IS NOT NULL;
END;

-- Where that trigger runs after ours, or after an update that changes nothing, this gives the time back that was told.
CREATE TRIGGER workflows_precise AFTER UPDATE OF updated_at ON ai_developer_workflows
WHEN NEW.id IS OLD.id AND NEW.updated_at IS NOT OLD.updated_at AND NEW.updated_at = datetime('now')
    AND (NEW.orchestrator_agent_id, NEW.adw_name, NEW.workflow_type, NEW.description, NEW.status, NEW.current_step, NEW.total_steps, NEW.completed_steps, NEW.started_at, NEW.completed_at, NEW.duration_seconds, NEW.input_data, NEW.output_data, NEW.error_message, NEW.error_step, NEW.error_count, NEW.metadata, NEW.created_at)
    IS (OLD.orchestrator_agent_id, OLD.adw_name, OLD.workflow_type, OLD.description, OLD.status, OLD.current_step, OLD.total_steps, OLD.completed_steps, OLD.started_at, OLD.completed_at, OLD.duration_seconds, OLD.input_data, OLD.output_data, OLD.error_message, OLD.error_step, OLD.error_count, OLD.metadata, OLD.created_at)
BEGIN
    UPDATE ai_developer_workflows
    SET updated_at = coalesce((SELECT updated_at FROM told_workflows WHERE key = coalesce(NEW.id, NEW.rowid)), OLD.updated_at)
    WHERE rowid = NEW.rowid;
END;

-- A workflow that gets another id is one that went and one that came, or changed where it replaces one.
CREATE TRIGGER workflows_renamed AFTER UPDATE OF id ON ai_developer_workflows WHEN NEW.id IS NOT OLD.id
BEGIN
    INSERT INTO change_log (entity, entity_id, op, status, payload)
    SELECT 'workflow', CAST(OLD.id AS TEXT), 'delete', OLD.status, iif(json_valid(json), json_set(json, '$.id', CAST(OLD.id AS TEXT)), json)
    FROM workflow_json WHERE row = NEW.rowid AND OLD.id IS NOT NULL;
    DELETE FROM told_workflows WHERE key = coalesce(OLD.id, OLD.rowid);
    UPDATE told_workflows SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE key = coalesce(NEW.id, NEW.rowid);
    UPDATE ai_developer_workflows SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
    INSERT INTO change_log (entity, entity_id, op, status, payload)
    SELECT 'workflow', CAST(NEW.id AS TEXT),
        iif(EXISTS (SELECT 1 FROM told_workflows WHERE key = NEW.id), 'update', 'insert'), NEW.status, json
    FROM workflow_json WHERE row = NEW.rowid AND NEW.id IS NOT NULL;
    DELETE FROM told_workflows WHERE key = coalesce(NEW.id, NEW.rowid);
    INSERT INTO told_workflows (key, updated_at) VALUES (coalesce(NEW.id, NEW.rowid), strftime('%Y-%m-%dT%H:%M:%fZ', 'now'));
END;

CREATE TRIGGER workflows_delete BEFORE DELETE ON ai_developer_workflows
BEGIN
    INSERT INTO change_log (entity, entity_id, op, status, payload)
    SELECT 'workflow', CAST(OLD.id AS TEXT), 'delete', OLD.status, json
    FROM workflow_json WHERE row = OLD.rowid AND OLD.id IS NOT NULL;
    DELETE FROM told_workflows WHERE key = coalesce(OLD.id, OLD.rowid);
END;

-- Messages. One that replaces another of its id is a change of it: it keeps its number, and that it was delivered.
CREATE TRIGGER messages_insert AFTER INSERT ON orchestrator_chat
BEGIN
    INSERT INTO message_numbers (key)
    SELECT coalesce(NEW.id, NEW.rowid) WHERE NOT EXISTS (SELECT 1 FROM message_numbers WHERE key = coalesce(NEW.id, NEW.rowid));
    UPDATE message_numbers SET delivered_at = coalesce(NEW.delivered_at, delivered_at), updated_at = NEW.updated_at WHERE key = coalesce(NEW.id, NEW.rowid);
    UPDATE orchestrator_chat SET
        number = (SELECT number FROM message_numbers WHERE key = coalesce(NEW.id, NEW.rowid)),
        delivered_at = (SELECT delivered_at FROM message_numbers WHERE key = coalesce(NEW.id, NEW.rowid))
    WHERE rowid = NEW.rowid;
    INSERT INTO change_log (entity, entity_id, op, payload)
    SELECT 'message', CAST(NEW.id AS TEXT), iif((SELECT told FROM message_numbers WHERE key = NEW.id), 'update', 'insert'), json
    FROM message_json WHERE row = NEW.rowid AND NEW.id IS NOT NULL;
    UPDATE message_numbers SET told = 1 WHERE key = coalesce(NEW.id, NEW.rowid);
END;

CREATE TRIGGER messages_touch
AFTER UPDATE OF orchestrator_agent_id, agent_id, sender_type, receiver_type, message, summary, reply_to, options, metadata, created_at, delivered_at, updated_at ON orchestrator_chat
WHEN NEW.id IS OLD.id AND ((NEW.updated_at NOT IN (datetime('now'), strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
        AND NEW.updated_at IS NOT coalesce((SELECT updated_at FROM message_numbers WHERE key = coalesce(NEW.id, NEW.rowid)), NEW.updated_at))
    OR NEW.delivered_at IS NOT (SELECT delivered_at FROM message_numbers WHERE key = coalesce(NEW.id, NEW.rowid))
    OR (NEW.orchestrator_agent_id, NEW.agent_id, NEW.sender_type, NEW.receiver_type, NEW.message, NEW.summary, NEW.reply_to, NEW.options, NEW.metadata, NEW.created_at)
    IS NOT (OLD.orchestrator_agent_id, OLD.agent_id, OLD.sender_type, OLD.receiver_type, OLD.message, OLD.summary, OLD.reply_to, OLD.options, OLD.metadata, OLD.created_at))
BEGIN
    UPDATE message_numbers SET delivered_at = NEW.delivered_at, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE key = coalesce(NEW.id, NEW.rowid);
    UPDATE orchestrator_chat SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
    INSERT INTO change_log (entity, entity_id, op, payload)
    SELECT 'message', CAST(NEW.id AS TEXT), 'update', json
    FROM message_json WHERE row = NEW.rowid AND NEW.id IS NOT NULL;
END;

CREATE TRIGGER messages_precise AFTER UPDATE OF updated_at ON orchestrator_chat
WHEN NEW.id IS OLD.id AND NEW.updated_at IS NOT OLD.updated_at AND NEW.updated_at = datetime('now')
    AND (NEW.orchestrator_agent_id, NEW.agent_id, NEW.sender_type, NEW.receiver_type, NEW.message, NEW.summary, NEW.reply_to, NEW.options, NEW.metadata, NEW.created_at, NEW.delivered_at)
    IS (OLD.orchestrator_agent_id, OLD.agent_id, OLD.sender_type, OLD.receiver_type, OLD.message, OLD.summary, OLD.reply_to, OLD.options, OLD.metadata, OLD.created_at, OLD.delivered_at)
BEGIN
    UPDATE orchestrator_chat
    SET updated_at = coalesce((SELECT updated_at FROM message_numbers WHERE key = coalesce(NEW.id, NEW.rowid)), OLD.updated_at)
    WHERE rowid = NEW.rowid;
END;

-- Nobody else numbers messages.
CREATE TRIGGER messages_number AFTER UPDATE OF number ON orchestrator_chat
WHEN NEW.id IS OLD.id AND NEW.number IS NOT coalesce((SELECT number FROM message_numbers WHERE key = coalesce(NEW.id, NEW.rowid)), NEW.number)
BEGIN
    UPDATE orchestrator_chat SET number = (SELECT number FROM message_numbers WHERE key = coalesce(NEW.id, NEW.rowid)) WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER messages_renamed AFTER UPDATE OF id ON orchestrator_chat WHEN NEW.id IS NOT OLD.id
BEGIN
    INSERT INTO change_log (entity, entity_id, op, payload)
    SELECT 'message', CAST(OLD.id AS TEXT), 'delete', iif(json_valid(json), json_set(json, '$.id', CAST(OLD.id AS TEXT)), json)
    FROM message_json WHERE row = NEW.rowid AND OLD.id IS NOT NULL;
    DELETE FROM message_numbers WHERE key = coalesce(OLD.id, OLD.rowid);
    INSERT INTO message_numbers (key)
    SELECT coalesce(NEW.id, NEW.rowid) WHERE NOT EXISTS (SELECT 1 FROM message_numbers WHERE key = coalesce(NEW.id, NEW.rowid));
    UPDATE message_numbers SET delivered_at = NEW.delivered_at, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE key = coalesce(NEW.id, NEW.rowid);
    UPDATE orchestrator_chat SET
        number = (SELECT number FROM message_numbers WHERE key = coalesce(NEW.id, NEW.rowid)), updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE rowid = NEW.rowid;
    INSERT INTO change_log (entity, entity_id, op, payload)
    SELECT 'message', CAST(NEW.id AS TEXT), iif((SELECT told FROM message_numbers WHERE key = NEW.id), 'update', 'insert'), json
    FROM message_json WHERE row = NEW.rowid AND NEW.id IS NOT NULL;
    UPDATE message_numbers SET told = 1 WHERE key = coalesce(NEW.id, NEW.rowid);
END;

CREATE TRIGGER messages_delete BEFORE DELETE ON orchestrator_chat
BEGIN
    INSERT INTO change_log (entity, entity_id, op, payload)
    SELECT 'message', CAST(OLD.id AS TEXT), 'delete', json
    FROM message_json WHERE row = OLD.rowid AND OLD.id IS NOT NULL;
    DELETE FROM message_numbers WHERE key = coalesce(OLD.id, OLD.rowid);
END;

-- Indexes in the order of the lists that go through them.

-- Step
CREATE INDEX IF NOT EXISTS idx_workflows_created ON ai_developer_workflows (created_time);

-- Step
CREATE INDEX IF NOT EXISTS idx_workflows_status ON ai_developer_workflows (status, created_time, workflow_type);

-- Step
CREATE INDEX IF NOT EXISTS idx_workflows_type ON ai_developer_workflows (workflow_type, created_time, status);

-- Step
CREATE INDEX IF NOT EXISTS idx_workflows_orch ON ai_developer_workflows (orchestrator_agent_id) WHERE orchestrator_agent_id IS NOT NULL;

-- Step
CREATE INDEX IF NOT EXISTS idx_chat_number ON orchestrator_chat (number);

-- Step
CREATE INDEX IF NOT EXISTS idx_chat_created ON orchestrator_chat (created_time);

-- Step
CREATE INDEX IF NOT EXISTS idx_chat_agent ON orchestrator_chat (agent_id, number, receiver_type, created_time);

-- Step
CREATE INDEX IF NOT EXISTS idx_chat_undelivered ON orchestrator_chat (agent_id, number) WHERE receiver_type = 'agent' AND delivered_at IS NULL;

-- Step
CREATE INDEX IF NOT EXISTS idx_chat_questions ON orchestrator_chat (receiver_type, number, created_time) WHERE options IS NOT NULL;

-- Step
CREATE INDEX IF NOT EXISTS idx_chat_replies ON orchestrator_chat (reply_to) WHERE reply_to IS NOT NULL;

-- Step
CREATE INDEX IF NOT EXISTS idx_chat_orch ON orchestrator_chat (orchestrator_agent_id);

-- What is there already was told by nobody, but what replaces it is no news.

-- Fill
INSERT INTO told_workflows (key, updated_at)
SELECT coalesce(id, rowid), updated_at FROM ai_developer_workflows
WHERE rowid IN (SELECT rowid FROM ai_developer_workflows WHERE rowid > (SELECT position FROM schema_progress) ORDER BY rowid LIMIT 500)
    AND NOT EXISTS (SELECT 1 FROM told_workflows WHERE key = coalesce(ai_developer_workflows.id, ai_developer_workflows.rowid));

UPDATE schema_progress SET position = (
    SELECT max(rowid) FROM (SELECT rowid FROM ai_developer_workflows WHERE rowid > position ORDER BY rowid LIMIT 500)
);

-- Fill
INSERT INTO message_numbers (number, key, delivered_at, updated_at, told)
SELECT
    iif(chat.rowid BETWEEN 1 AND 4503599627370496 AND NOT EXISTS (SELECT 1 FROM message_numbers WHERE number = chat.rowid), chat.rowid, NULL),
    coalesce(chat.id, chat.rowid), chat.delivered_at, chat.updated_at, 1
FROM orchestrator_chat AS chat
WHERE chat.rowid IN (SELECT rowid FROM orchestrator_chat WHERE rowid > (SELECT position FROM schema_progress) ORDER BY rowid LIMIT 500)
    AND NOT EXISTS (SELECT 1 FROM message_numbers WHERE key = coalesce(chat.id, chat.rowid))
ORDER BY chat.rowid;

UPDATE orchestrator_chat SET number = (SELECT number FROM message_numbers WHERE key = coalesce(orchestrator_chat.id, orchestrator_chat.rowid))
WHERE number IS NULL
    AND rowid IN (SELECT rowid FROM orchestrator_chat WHERE rowid > (SELECT position FROM schema_progress) ORDER BY rowid LIMIT 500);

UPDATE schema_progress SET position = (
    SELECT max(rowid) FROM (SELECT rowid FROM orchestrator_chat WHERE rowid > position ORDER BY rowid LIMIT 500)
);
