-- Definitions in the change log, as REST tells them: each change once, in the transaction of whoever makes it.
--
-- `version` stands for what is told of a definition, as it does for an agent: each real change is a new one. A definition
-- that another took the name of (`OR REPLACE`) goes without a trigger of its own, but what it was told as is kept beside
-- the table, and whoever has its name now takes that back.

ALTER TABLE definition_tellings ADD COLUMN name TEXT GENERATED ALWAYS AS (
    iif(json_valid(json), json_extract(json, '$.name'), NULL)
) VIRTUAL;

CREATE INDEX IF NOT EXISTS idx_definition_tellings_name ON definition_tellings (name);

-- What is still told of definitions whose row another one has replaced. One without an id is told under a number, and no
-- log has it.
DROP VIEW IF EXISTS replaced_definitions;

CREATE VIEW replaced_definitions AS
SELECT key, name, json FROM definition_tellings
WHERE typeof(key) IN ('text', 'blob') AND NOT EXISTS (SELECT 1 FROM orchestrator_agents WHERE id = key);

DROP TRIGGER IF EXISTS orchestrator_agents_insert;

-- A definition that replaces another, or comes after its agents, may bring them another name.
CREATE TRIGGER orchestrator_agents_insert AFTER INSERT ON orchestrator_agents
BEGIN
    INSERT INTO change_log (entity, entity_id, op, payload)
    SELECT 'definition', CAST(key AS TEXT), 'delete', json FROM replaced_definitions WHERE name = CAST(NEW.name AS TEXT);
    DELETE FROM definition_tellings
    WHERE name = CAST(NEW.name AS TEXT) AND key IN (SELECT key FROM replaced_definitions WHERE name = CAST(NEW.name AS TEXT));
    INSERT INTO change_log (entity, entity_id, op, payload)
    SELECT 'definition', CAST(NEW.id AS TEXT),
        iif(EXISTS (SELECT 1 FROM definition_tellings WHERE key = NEW.id), 'update', 'insert'), json
    FROM definition_json
    WHERE row = NEW.rowid AND NEW.id IS NOT NULL
        AND json IS NOT (SELECT json FROM definition_tellings WHERE key = NEW.id);
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

DROP TRIGGER IF EXISTS orchestrator_agents_update;

CREATE TRIGGER orchestrator_agents_update AFTER UPDATE ON orchestrator_agents
BEGIN
    DELETE FROM definition_tellings
    WHERE key = coalesce(NEW.id, NEW.rowid) OR key = OLD.rowid AND OLD.id IS NULL;
    INSERT INTO definition_tellings (key, json)
    SELECT coalesce(NEW.id, NEW.rowid), json FROM definition_json WHERE row = NEW.rowid;
END;

DROP TRIGGER IF EXISTS orchestrator_agents_log;

CREATE TRIGGER orchestrator_agents_log AFTER UPDATE OF version ON orchestrator_agents
WHEN NEW.version IS NOT OLD.version
BEGIN
    INSERT INTO change_log (entity, entity_id, op, payload)
    SELECT 'definition', CAST(key AS TEXT), 'delete', json FROM replaced_definitions WHERE name = CAST(NEW.name AS TEXT);
    DELETE FROM definition_tellings
    WHERE name = CAST(NEW.name AS TEXT) AND key IN (SELECT key FROM replaced_definitions WHERE name = CAST(NEW.name AS TEXT));
    INSERT INTO change_log (entity, entity_id, op, payload)
    SELECT 'definition', CAST(NEW.id AS TEXT), 'update', json FROM definition_json
    WHERE row = NEW.rowid AND NEW.id IS NOT NULL;
END;

DROP TRIGGER IF EXISTS orchestrator_agents_moved;

-- A definition that gets another id is one that went and one that came. What it was told as is there until somebody has
-- logged that it went, in whichever order the triggers run.
CREATE TRIGGER orchestrator_agents_moved AFTER UPDATE OF id ON orchestrator_agents WHEN NEW.id IS NOT OLD.id
BEGIN
    INSERT INTO change_log (entity, entity_id, op, payload)
    SELECT 'definition', CAST(key AS TEXT), 'delete', json FROM definition_tellings WHERE key = OLD.id;
    DELETE FROM definition_tellings WHERE key = OLD.id;
    UPDATE orchestrator_agents SET version = OLD.version + 1, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE rowid = NEW.rowid;
END;

DROP TRIGGER IF EXISTS orchestrator_agents_log_delete;

CREATE TRIGGER orchestrator_agents_log_delete BEFORE DELETE ON orchestrator_agents
BEGIN
    INSERT INTO change_log (entity, entity_id, op, payload)
    SELECT 'definition', CAST(OLD.id AS TEXT), 'delete', json FROM definition_json
    WHERE row = OLD.rowid AND OLD.id IS NOT NULL;
END;
