-- A row that another one takes the place of by its rowid.
--
-- `INSERT OR REPLACE` that names a rowid deletes the row that has it, without a trigger of its own; where that row had another
-- id, what it was counted and told as stays. So before each insert into the place of another row that is noted, and once
-- something is inserted there, taken back. `INSERT OR IGNORE` leaves the row where it is: then nothing comes after, and the note
-- is void with the next insert. Without a rowid the first trigger finds no row, and the second no note.

-- The row that may be about to go, of the table `kind`.
CREATE TABLE IF NOT EXISTS replaced_rows (
    kind    TEXT NOT NULL,
    row     INTEGER NOT NULL,
    key     NOT NULL,
    status,
    payload
);

-- Prompts.
CREATE TRIGGER IF NOT EXISTS prompts_replace BEFORE INSERT ON prompts
WHEN EXISTS (SELECT 1 FROM prompts WHERE rowid = NEW.rowid AND id IS NOT NEW.id)
BEGIN
    DELETE FROM replaced_rows;
    INSERT INTO replaced_rows (kind, row, key)
    SELECT 'prompts', rowid, coalesce(id, rowid) FROM prompts WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER IF NOT EXISTS prompts_replaced AFTER INSERT ON prompts
WHEN EXISTS (SELECT 1 FROM replaced_rows)
BEGIN
    DELETE FROM counted_prompts WHERE key IN (SELECT key FROM replaced_rows WHERE kind = 'prompts' AND row = NEW.rowid);
    UPDATE agents SET version = version + 1, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE id IN (SELECT agent_id FROM untold_agents)
        AND told IS NOT (SELECT json FROM agent_json WHERE agent_json.row = agents.rowid);
    DELETE FROM untold_agents;
    DELETE FROM replaced_rows;
END;

-- Agents.
CREATE TRIGGER IF NOT EXISTS agents_replace BEFORE INSERT ON agents
WHEN EXISTS (SELECT 1 FROM agents WHERE rowid = NEW.rowid AND id IS NOT NEW.id)
BEGIN
    DELETE FROM replaced_rows;
    INSERT INTO replaced_rows (kind, row, key, status, payload)
    SELECT 'agents', agents.rowid, coalesce(id, agents.rowid), status, payload
    FROM agents CROSS JOIN feed_agents ON feed_agents.row = agents.rowid WHERE agents.rowid = NEW.rowid;
END;

CREATE TRIGGER IF NOT EXISTS agents_replaced AFTER INSERT ON agents
WHEN EXISTS (SELECT 1 FROM replaced_rows)
BEGIN
    DELETE FROM replaced_rows
    WHERE kind <> 'agents' OR row <> NEW.rowid OR key NOT IN (SELECT key FROM counted_agents WHERE key = replaced_rows.key);
    INSERT INTO change_log (entity, entity_id, op, status, payload)
    SELECT 'agent', CAST(key AS TEXT), 'delete', status, payload FROM replaced_rows WHERE key <> row;
    DELETE FROM counted_agents WHERE key IN (SELECT key FROM replaced_rows);
    DELETE FROM agent_history WHERE agent_id IN (SELECT CAST(key AS TEXT) FROM replaced_rows WHERE key <> row);
    DELETE FROM replaced_rows;
END;

-- Definitions.
CREATE TRIGGER IF NOT EXISTS orchestrator_agents_replace BEFORE INSERT ON orchestrator_agents
WHEN EXISTS (SELECT 1 FROM orchestrator_agents WHERE rowid = NEW.rowid AND id IS NOT NEW.id)
BEGIN
    DELETE FROM replaced_rows;
    INSERT INTO replaced_rows (kind, row, key)
    SELECT 'orchestrator_agents', rowid, coalesce(id, rowid) FROM orchestrator_agents WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER IF NOT EXISTS orchestrator_agents_replaced AFTER INSERT ON orchestrator_agents
WHEN EXISTS (SELECT 1 FROM replaced_rows)
BEGIN
    DELETE FROM replaced_rows WHERE kind <> 'orchestrator_agents' OR row <> NEW.rowid;
    INSERT INTO change_log (entity, entity_id, op, payload)
    SELECT 'definition', CAST(key AS TEXT), 'delete', json FROM definition_tellings
    WHERE key IN (SELECT key FROM replaced_rows WHERE key <> row);
    DELETE FROM definition_tellings WHERE key IN (SELECT key FROM replaced_rows WHERE key <> row);
    DELETE FROM replaced_rows;
END;

-- Workflows.
CREATE TRIGGER IF NOT EXISTS workflows_replace BEFORE INSERT ON ai_developer_workflows
WHEN EXISTS (SELECT 1 FROM ai_developer_workflows WHERE rowid = NEW.rowid AND id IS NOT NEW.id)
BEGIN
    DELETE FROM replaced_rows;
    INSERT INTO replaced_rows (kind, row, key, status, payload)
    SELECT 'workflows', workflows.rowid, coalesce(id, workflows.rowid), status, json
    FROM ai_developer_workflows AS workflows CROSS JOIN workflow_json ON workflow_json.row = workflows.rowid
    WHERE workflows.rowid = NEW.rowid;
END;

CREATE TRIGGER IF NOT EXISTS workflows_replaced AFTER INSERT ON ai_developer_workflows
WHEN EXISTS (SELECT 1 FROM replaced_rows)
BEGIN
    DELETE FROM replaced_rows
    WHERE kind <> 'workflows' OR row <> NEW.rowid OR key NOT IN (SELECT key FROM told_workflows WHERE key = replaced_rows.key);
    INSERT INTO change_log (entity, entity_id, op, status, payload)
    SELECT 'workflow', CAST(key AS TEXT), 'delete', status, payload FROM replaced_rows WHERE key <> row;
    DELETE FROM told_workflows WHERE key IN (SELECT key FROM replaced_rows WHERE key <> row);
    DELETE FROM replaced_rows;
END;

-- Messages.
CREATE TRIGGER IF NOT EXISTS messages_replace BEFORE INSERT ON orchestrator_chat
WHEN EXISTS (SELECT 1 FROM orchestrator_chat WHERE rowid = NEW.rowid AND id IS NOT NEW.id)
BEGIN
    DELETE FROM replaced_rows;
    INSERT INTO replaced_rows (kind, row, key, payload)
    SELECT 'messages', chat.rowid, coalesce(id, chat.rowid), json
    FROM orchestrator_chat AS chat CROSS JOIN message_json ON message_json.row = chat.rowid WHERE chat.rowid = NEW.rowid;
END;

CREATE TRIGGER IF NOT EXISTS messages_replaced AFTER INSERT ON orchestrator_chat
WHEN EXISTS (SELECT 1 FROM replaced_rows)
BEGIN
    DELETE FROM replaced_rows
    WHERE kind <> 'messages' OR row <> NEW.rowid OR key NOT IN (SELECT key FROM message_numbers WHERE key = replaced_rows.key);
    INSERT INTO change_log (entity, entity_id, op, payload)
    SELECT 'message', CAST(key AS TEXT), 'delete', payload FROM replaced_rows WHERE key <> row;
    DELETE FROM message_numbers WHERE key IN (SELECT key FROM replaced_rows WHERE key <> row);
    DELETE FROM replaced_rows;
END;
