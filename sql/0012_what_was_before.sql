-- What a change of an agent replaced: its session and status before, so that a feed need not keep all agents in memory to
-- tell a client that one is no more what it wants. Of an agent that was not there both are NULL; what was logged before this
-- migration says that nobody knows.
--
-- It is what the row was counted as, which is there too where `INSERT OR REPLACE` has taken the row away without a trigger, and
-- knows no verdict on a lease.

ALTER TABLE change_log ADD COLUMN before_session_id TEXT;

ALTER TABLE change_log ADD COLUMN before_status TEXT DEFAULT 'unknown';

DROP TRIGGER agents_insert;

-- The count is looked at before telling the row changes it, and `last_insert_rowid()` is the log's all the while, as what a
-- trigger inserts in its turn does not count.
CREATE TRIGGER agents_insert AFTER INSERT ON agents
BEGIN
    INSERT INTO change_log (entity, entity_id, op, status, payload, before_session_id, before_status)
    SELECT 'agent', CAST(NEW.id AS TEXT), 'insert', NEW.status, '',
        (SELECT session_id FROM counted_agents WHERE key = NEW.id), (SELECT status FROM counted_agents WHERE key = NEW.id)
    WHERE NEW.id IS NOT NULL;
    UPDATE agents SET told = (SELECT json FROM agent_json WHERE row = NEW.rowid) WHERE rowid = NEW.rowid;
    UPDATE change_log SET payload = (SELECT payload FROM feed_agents WHERE row = NEW.rowid)
    WHERE seq = last_insert_rowid() AND NEW.id IS NOT NULL;
    INSERT INTO agent_history (agent_id, seq, status, at)
    SELECT CAST(NEW.id AS TEXT), last_insert_rowid(), NEW.status, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE NEW.id IS NOT NULL;
END;

DROP TRIGGER agents_log;

CREATE TRIGGER agents_log AFTER UPDATE OF version ON agents WHEN NEW.version IS NOT OLD.version
BEGIN
    INSERT INTO change_log (entity, entity_id, op, status, payload, before_session_id, before_status)
    SELECT 'agent', CAST(NEW.id AS TEXT), 'update', NEW.status, '',
        (SELECT session_id FROM counted_agents WHERE key = NEW.id),
        coalesce((SELECT status FROM counted_agents WHERE key = NEW.id), 'unknown')
    WHERE NEW.id IS NOT NULL;
    UPDATE agents SET told = (SELECT json FROM agent_json WHERE row = NEW.rowid) WHERE rowid = NEW.rowid;
    UPDATE change_log SET payload = (SELECT payload FROM feed_agents WHERE row = NEW.rowid)
    WHERE seq = last_insert_rowid() AND NEW.id IS NOT NULL;
    INSERT INTO agent_history (agent_id, seq, status, at)
    SELECT CAST(NEW.id AS TEXT), last_insert_rowid(), NEW.status, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE NEW.id IS NOT NULL AND NEW.status IS NOT (
        SELECT status FROM agent_history WHERE agent_id = CAST(NEW.id AS TEXT) ORDER BY seq DESC LIMIT 1
    );
END;

DROP TRIGGER agents_renamed;

-- An agent that gets another id is one that went and one that came, maybe in the place of another one: nobody knows what was
-- before.
CREATE TRIGGER agents_renamed AFTER UPDATE OF id ON agents WHEN NEW.id IS NOT OLD.id
BEGIN
    INSERT INTO change_log (entity, entity_id, op, status, payload, before_session_id, before_status)
    SELECT 'agent', CAST(OLD.id AS TEXT), 'delete', OLD.status, OLD.told,
        (SELECT session_id FROM counted_agents WHERE key = OLD.id),
        coalesce((SELECT status FROM counted_agents WHERE key = OLD.id), 'unknown')
    WHERE OLD.id IS NOT NULL AND OLD.told IS NOT NULL;
    DELETE FROM counted_agents WHERE key IN (coalesce(OLD.id, OLD.rowid), coalesce(NEW.id, NEW.rowid));
    DELETE FROM agent_history WHERE agent_id = CAST(OLD.id AS TEXT);
    UPDATE agents SET version = OLD.version + 1, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

DROP TRIGGER agents_log_delete;

CREATE TRIGGER agents_log_delete BEFORE DELETE ON agents
BEGIN
    INSERT INTO change_log (entity, entity_id, op, status, payload, before_session_id, before_status)
    SELECT 'agent', CAST(OLD.id AS TEXT), 'delete', OLD.status, payload,
        (SELECT session_id FROM counted_agents WHERE key = OLD.id),
        coalesce((SELECT status FROM counted_agents WHERE key = OLD.id), 'unknown')
    FROM feed_agents WHERE row = OLD.rowid AND OLD.id IS NOT NULL;
END;

-- An agent that was told as failed for its lease, and is heard before anybody has written that down, has changed.
CREATE TRIGGER agents_heard AFTER UPDATE OF heartbeat_at ON agents
WHEN OLD.heartbeat_at IS NOT NULL AND NEW.heartbeat_at IS NOT OLD.heartbeat_at AND NEW.version IS OLD.version
    AND NEW.status IS OLD.status AND OLD.status IN ('initializing', 'planning', 'executing', 'reviewing')
    AND OLD.heartbeat_time GLOB '[0-9][0-9][0-9][0-9]-*T*Z' AND strftime(
        '%Y-%m-%dT%H:%M:%fZ', max(OLD.heartbeat_time, (SELECT since FROM lease_epoch)),
        printf('%+d seconds', coalesce(CAST(OLD.lease_seconds AS INTEGER), 60))
    ) <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
BEGIN
    UPDATE agents SET version = OLD.version + 1 WHERE rowid = NEW.rowid;
END;

DROP TRIGGER agents_replaced;

CREATE TRIGGER agents_replaced AFTER INSERT ON agents
WHEN EXISTS (SELECT 1 FROM replaced_rows)
BEGIN
    DELETE FROM replaced_rows
    WHERE kind <> 'agents' OR row <> NEW.rowid OR key NOT IN (SELECT key FROM counted_agents WHERE key = replaced_rows.key);
    INSERT INTO change_log (entity, entity_id, op, status, payload, before_session_id, before_status)
    SELECT 'agent', CAST(key AS TEXT), 'delete', status, payload,
        iif(json_valid(payload), json_extract(payload, '$.session_id'), NULL), status
    FROM replaced_rows WHERE key <> row;
    DELETE FROM counted_agents WHERE key IN (SELECT key FROM replaced_rows);
    DELETE FROM agent_history WHERE agent_id IN (SELECT CAST(key AS TEXT) FROM replaced_rows WHERE key <> row);
    DELETE FROM replaced_rows;
END;

DROP TRIGGER orchestrator_agents_rename;

-- Of an agent that only gets another name, session and status are what they were.
CREATE TRIGGER orchestrator_agents_rename AFTER UPDATE OF name ON orchestrator_agents
WHEN NEW.name IS NOT OLD.name
BEGIN
    INSERT INTO change_log (entity, entity_id, op, status, payload, before_session_id, before_status)
    SELECT 'agent', CAST(id AS TEXT), 'update', status, payload, session_id, status
    FROM agents CROSS JOIN feed_agents ON feed_agents.row = agents.rowid
    WHERE orchestrator_agent_id = NEW.id AND id IS NOT NULL;
END;

DROP TRIGGER orchestrator_agents_insert;

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
    INSERT INTO change_log (entity, entity_id, op, status, payload, before_session_id, before_status)
    SELECT 'agent', CAST(id AS TEXT), 'update', status, payload, session_id, status
    FROM agents CROSS JOIN feed_agents ON feed_agents.row = agents.rowid
    WHERE orchestrator_agent_id = NEW.id AND id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM definition_tellings
        WHERE key = coalesce(NEW.id, NEW.rowid) AND json_valid(json) AND json_extract(json, '$.name') IS CAST(NEW.name AS TEXT)
    );
    DELETE FROM definition_tellings WHERE key = coalesce(NEW.id, NEW.rowid);
    INSERT INTO definition_tellings (key, json)
    SELECT coalesce(NEW.id, NEW.rowid), json FROM definition_json WHERE row = NEW.rowid;
END;
