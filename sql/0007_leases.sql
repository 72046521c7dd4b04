-- Leases count only time in which a heartbeat could have arrived, and who was only silent comes back.

-- The status from which an agent's lease has failed it.
ALTER TABLE agents ADD COLUMN lost_status TEXT;

-- No lease runs from before `since`: until then nobody could have been heard.
CREATE TABLE lease_epoch (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    since TEXT NOT NULL
);

INSERT INTO lease_epoch (id, since) VALUES (1, '');

DROP VIEW leased_agents;

-- The agents that have to send heartbeats, and when their lease ends. A heartbeat that is no time ends no lease. `likely`
-- keeps SQLite from taking an index on `status` instead of that of the leases.
CREATE VIEW leased_agents AS
SELECT rowid AS row, id, session_id, status, heartbeat_time, strftime(
    '%Y-%m-%dT%H:%M:%fZ',
    CASE WHEN heartbeat_time GLOB '[0-9][0-9][0-9][0-9]-*T*Z' THEN max(heartbeat_time, (SELECT since FROM lease_epoch)) END,
    printf('%+d seconds', coalesce(CAST(lease_seconds AS INTEGER), 60))
) AS ends_at
FROM agents
WHERE heartbeat_at IS NOT NULL AND likely(status IN ('initializing', 'planning', 'executing', 'reviewing'));

DROP TRIGGER orchestrator_agents_insert;

-- A definition that replaces another, or comes after its agents, may bring them another name.
CREATE TRIGGER orchestrator_agents_insert AFTER INSERT ON orchestrator_agents
BEGIN
    INSERT INTO change_log (entity, entity_id, op, status, payload)
    SELECT 'agent', CAST(id AS TEXT), 'update', status, payload
    FROM agents CROSS JOIN feed_agents ON feed_agents.row = agents.rowid
    WHERE orchestrator_agent_id = NEW.id AND id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM definition_tellings
        WHERE key = coalesce(NEW.id, NEW.rowid) AND json_valid(json) AND json_extract(json, '$.name') IS CAST(NEW.name AS TEXT)
    );
    DELETE FROM definition_tellings WHERE key = coalesce(NEW.id, NEW.rowid);
    INSERT INTO definition_tellings (key, json)
    SELECT coalesce(NEW.id, NEW.rowid), json FROM definition_json WHERE row = NEW.rowid;
END;

-- Fill
-- Definitions that were there before they were kept as they are told.
INSERT INTO definition_tellings (key, json)
SELECT coalesce(id, rowid), (SELECT json FROM definition_json WHERE row = orchestrator_agents.rowid)
FROM orchestrator_agents
WHERE rowid IN (SELECT rowid FROM orchestrator_agents WHERE rowid > (SELECT position FROM schema_progress) ORDER BY rowid LIMIT 500)
    AND NOT EXISTS (SELECT 1 FROM definition_tellings WHERE key = coalesce(orchestrator_agents.id, orchestrator_agents.rowid));

UPDATE schema_progress SET position = (
    SELECT max(rowid) FROM (SELECT rowid FROM orchestrator_agents WHERE rowid > position ORDER BY rowid LIMIT 500)
);
