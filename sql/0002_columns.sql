-- What we add to those tables: columns. Their triggers and indexes stand in 0006, which replaced those that stood here.

ALTER TABLE orchestrator_agents ADD COLUMN metadata TEXT;

ALTER TABLE orchestrator_agents ADD COLUMN is_active INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1));

ALTER TABLE orchestrator_agents ADD COLUMN version INTEGER NOT NULL DEFAULT 1;

ALTER TABLE agents ADD COLUMN metadata TEXT;

ALTER TABLE agents ADD COLUMN updated_at TEXT;

ALTER TABLE agents ADD COLUMN heartbeat_at TEXT;

ALTER TABLE agents ADD COLUMN lease_seconds INTEGER;

ALTER TABLE agents ADD COLUMN cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1));

ALTER TABLE agents ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
