-- The change log: a row for every change of an agent that the live feed shows, written in the transaction of the
-- change, whoever makes it.
--
-- `agents_touch` turns each real change into one new `version`, so `version` is what the log watches: an update that
-- changes nothing logs nothing, and the payload has the final `updated_at`.
-- The casts see to it that no value of any type can make a trigger, and with it somebody's write, fail.

CREATE TABLE IF NOT EXISTS change_log (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    entity     TEXT NOT NULL,
    entity_id  TEXT NOT NULL,
    op         TEXT NOT NULL CHECK (op IN ('insert', 'update', 'delete')),
    status     TEXT,
    payload    TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

-- Tells one database from another, so that a position in the log is not taken for one in another log.
CREATE TABLE IF NOT EXISTS database_identity (
    id TEXT NOT NULL
);

INSERT INTO database_identity (id)
SELECT lower(hex(randomblob(16))) WHERE NOT EXISTS (SELECT 1 FROM database_identity);

-- An agent as the feed shows it.
CREATE VIEW IF NOT EXISTS feed_agents AS
SELECT
    agents.id AS id,
    agents.status AS status,
    agents.orchestrator_agent_id AS orchestrator_agent_id,
    json_object(
        'id', CAST(agents.id AS TEXT),
        'orchestrator_agent_id', CAST(agents.orchestrator_agent_id AS TEXT),
        'name', CAST(orchestrator_agents.name AS TEXT),
        'session_id', CAST(agents.session_id AS TEXT),
        'parent_agent_id', CAST(agents.parent_agent_id AS TEXT),
        'status', agents.status,
        'started_at', coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', CAST(agents.started_at AS TEXT)), CAST(agents.started_at AS TEXT)),
        'completed_at', coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', CAST(agents.completed_at AS TEXT)), CAST(agents.completed_at AS TEXT)),
        'updated_at', coalesce(
            strftime('%Y-%m-%dT%H:%M:%fZ', CAST(coalesce(agents.updated_at, agents.completed_at, agents.started_at) AS TEXT)),
            CAST(coalesce(agents.updated_at, agents.completed_at, agents.started_at) AS TEXT)
        ),
        'cost_usd', iif(abs(CAST(agents.cost_usd AS REAL)) < 1e300, CAST(agents.cost_usd AS REAL), 0.0),
        'error_message', CAST(agents.error_message AS TEXT)
    ) AS payload
FROM agents
LEFT JOIN orchestrator_agents ON orchestrator_agents.id = agents.orchestrator_agent_id;

CREATE TRIGGER IF NOT EXISTS agents_log_insert AFTER INSERT ON agents
BEGIN
    INSERT INTO change_log (entity, entity_id, op, status, payload)
    SELECT 'agent', id, 'insert', status, payload FROM feed_agents WHERE id = NEW.id;
END;

CREATE TRIGGER IF NOT EXISTS agents_log_update AFTER UPDATE OF version ON agents
BEGIN
    INSERT INTO change_log (entity, entity_id, op, status, payload)
    SELECT 'agent', id, 'update', status, payload FROM feed_agents WHERE id = NEW.id;
END;

CREATE TRIGGER IF NOT EXISTS agents_log_delete BEFORE DELETE ON agents
BEGIN
    INSERT INTO change_log (entity, entity_id, op, status, payload)
    SELECT 'agent', id, 'delete', status, payload FROM feed_agents WHERE id = OLD.id;
END;

-- The feed shows an agent under its definition's name.
CREATE TRIGGER IF NOT EXISTS orchestrator_agents_log_rename AFTER UPDATE OF name ON orchestrator_agents
WHEN NEW.name IS NOT OLD.name
BEGIN
    INSERT INTO change_log (entity, entity_id, op, status, payload)
    SELECT 'agent', id, 'update', status, payload FROM feed_agents WHERE orchestrator_agent_id = NEW.id;
END;
