-- What we add to those tables: columns, the triggers that keep `version` and `updated_at` right whoever writes,
-- and the indexes of our own queries.
--
-- Lists go newest first over times that several writers stored in several forms ('2026-02-05 10:00:00',
-- '2026-02-05T10:00:00.123456', '2026-02-05T10:00:00.123Z'). `replace(t, ' ', 'T')` makes these sort as times, and
-- unlike the date functions it gives the same result in every SQLite version, which an index needs that several
-- libraries write to.

ALTER TABLE orchestrator_agents ADD COLUMN metadata TEXT;

ALTER TABLE orchestrator_agents ADD COLUMN is_active INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1));

ALTER TABLE orchestrator_agents ADD COLUMN version INTEGER NOT NULL DEFAULT 1;

ALTER TABLE agents ADD COLUMN metadata TEXT;

ALTER TABLE agents ADD COLUMN updated_at TEXT;

ALTER TABLE agents ADD COLUMN heartbeat_at TEXT;

ALTER TABLE agents ADD COLUMN lease_seconds INTEGER;

ALTER TABLE agents ADD COLUMN cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1));

ALTER TABLE agents ADD COLUMN version INTEGER NOT NULL DEFAULT 1;

CREATE TRIGGER IF NOT EXISTS orchestrator_agents_touch
AFTER UPDATE OF name, description, agent_type, capabilities, default_model, metadata, is_active ON orchestrator_agents
WHEN (NEW.name, NEW.description, NEW.agent_type, NEW.capabilities, NEW.default_model, NEW.metadata, NEW.is_active)
    IS NOT (OLD.name, OLD.description, OLD.agent_type, OLD.capabilities, OLD.default_model, OLD.metadata, OLD.is_active)
BEGIN
    UPDATE orchestrator_agents
    SET version = OLD.version + 1, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE id = NEW.id;
END;

-- The existing service has a trigger that sets `updated_at` after an update, to the second. Where it runs after ours,
-- this gives the time its milliseconds back.
CREATE TRIGGER IF NOT EXISTS orchestrator_agents_precise
AFTER UPDATE OF updated_at ON orchestrator_agents
WHEN NEW.updated_at = datetime('now')
BEGIN
    UPDATE orchestrator_agents SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE id = NEW.id;
END;

CREATE TRIGGER IF NOT EXISTS agents_touch
AFTER UPDATE OF orchestrator_agent_id, session_id, parent_agent_id, status, context, config, metadata, started_at,
    completed_at, cost_usd, error_message, cancel_requested ON agents
WHEN (NEW.orchestrator_agent_id, NEW.session_id, NEW.parent_agent_id, NEW.status, NEW.context, NEW.config,
        NEW.metadata, NEW.started_at, NEW.completed_at, NEW.cost_usd, NEW.error_message, NEW.cancel_requested)
    IS NOT (OLD.orchestrator_agent_id, OLD.session_id, OLD.parent_agent_id, OLD.status, OLD.context, OLD.config,
        OLD.metadata, OLD.started_at, OLD.completed_at, OLD.cost_usd, OLD.error_message, OLD.cancel_requested)
BEGIN
    UPDATE agents
    SET version = OLD.version + 1, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE id = NEW.id;
END;

CREATE INDEX IF NOT EXISTS idx_orchestrator_agents_created ON orchestrator_agents (replace(created_at, ' ', 'T'));

CREATE INDEX IF NOT EXISTS idx_agents_started ON agents (replace(started_at, ' ', 'T'));

CREATE INDEX IF NOT EXISTS idx_agents_status ON agents (status);

CREATE INDEX IF NOT EXISTS idx_agents_parent ON agents (parent_agent_id);

CREATE INDEX IF NOT EXISTS idx_prompts_created ON prompts (replace(created_at, ' ', 'T'));

CREATE INDEX IF NOT EXISTS idx_agent_logs_level ON agent_logs (log_level);

CREATE INDEX IF NOT EXISTS idx_agent_logs_type ON agent_logs (log_type);

CREATE INDEX IF NOT EXISTS idx_agent_logs_created ON agent_logs (replace(created_at, ' ', 'T'));
