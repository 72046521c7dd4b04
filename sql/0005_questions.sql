-- What keeps the questions about one session, one agent or one definition quick, however much it has done.

-- Indexes in the order of the lists that go through them, so that a list reads no more rows than it gives. Those of the
-- existing service keep their names.
DROP INDEX IF EXISTS idx_agents_session;

CREATE INDEX idx_agents_session ON agents (session_id, replace(started_at, ' ', 'T'));

DROP INDEX IF EXISTS idx_agents_orch;

CREATE INDEX idx_agents_orch ON agents (orchestrator_agent_id, replace(started_at, ' ', 'T'));

DROP INDEX IF EXISTS idx_agents_parent;

CREATE INDEX idx_agents_parent ON agents (parent_agent_id, replace(started_at, ' ', 'T'));

DROP INDEX IF EXISTS idx_prompts_agent;

CREATE INDEX idx_prompts_agent ON prompts (agent_id, replace(created_at, ' ', 'T'));

DROP INDEX IF EXISTS idx_prompts_status;

CREATE INDEX idx_prompts_status ON prompts (status, replace(created_at, ' ', 'T'));

CREATE INDEX IF NOT EXISTS idx_prompts_type ON prompts (prompt_type, replace(created_at, ' ', 'T'));

-- The sums of each agent over all time: those by the minute are nearly as many as the rows where these are spread
-- thinly. They follow the sums by the minute.
CREATE TABLE IF NOT EXISTS prompt_totals (
    agent_id      TEXT NOT NULL,
    status        TEXT NOT NULL,
    model         TEXT NOT NULL,
    prompts       INTEGER NOT NULL,
    tokens_input  INTEGER NOT NULL,
    tokens_output INTEGER NOT NULL,
    cost_usd      REAL NOT NULL,
    PRIMARY KEY (agent_id, status, model)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS log_totals (
    agent_id  TEXT NOT NULL,
    log_level TEXT NOT NULL,
    entries   INTEGER NOT NULL,
    PRIMARY KEY (agent_id, log_level)
) WITHOUT ROWID;

INSERT INTO prompt_totals (agent_id, status, model, prompts, tokens_input, tokens_output, cost_usd)
SELECT agent_id, status, model, sum(prompts), sum(tokens_input), sum(tokens_output), round(sum(cost_usd), 9)
FROM prompt_sums WHERE agent_id <> 0 GROUP BY agent_id, status, model;

INSERT INTO log_totals (agent_id, log_level, entries)
SELECT agent_id, log_level, sum(entries) FROM log_sums WHERE agent_id <> 0 GROUP BY agent_id, log_level;

CREATE TRIGGER IF NOT EXISTS prompt_totals_insert AFTER INSERT ON prompt_sums WHEN NEW.agent_id <> 0
BEGIN
    INSERT INTO prompt_totals (agent_id, status, model, prompts, tokens_input, tokens_output, cost_usd)
    VALUES (NEW.agent_id, NEW.status, NEW.model, NEW.prompts, NEW.tokens_input, NEW.tokens_output, NEW.cost_usd)
    ON CONFLICT (agent_id, status, model) DO UPDATE SET
        prompts = prompts + excluded.prompts,
        tokens_input = tokens_input + excluded.tokens_input,
        tokens_output = tokens_output + excluded.tokens_output,
        cost_usd = round(cost_usd + excluded.cost_usd, 9);
END;

CREATE TRIGGER IF NOT EXISTS prompt_totals_update AFTER UPDATE ON prompt_sums WHEN NEW.agent_id <> 0
BEGIN
    UPDATE prompt_totals SET
        prompts = prompts + NEW.prompts - OLD.prompts,
        tokens_input = tokens_input + NEW.tokens_input - OLD.tokens_input,
        tokens_output = tokens_output + NEW.tokens_output - OLD.tokens_output,
        cost_usd = round(cost_usd + NEW.cost_usd - OLD.cost_usd, 9)
    WHERE agent_id = NEW.agent_id AND status = NEW.status AND model = NEW.model;
END;

CREATE TRIGGER IF NOT EXISTS prompt_totals_delete AFTER DELETE ON prompt_sums WHEN OLD.agent_id <> 0
BEGIN
    DELETE FROM prompt_totals
    WHERE agent_id = OLD.agent_id AND status = OLD.status AND model = OLD.model AND prompts = 0;
END;

CREATE TRIGGER IF NOT EXISTS log_totals_insert AFTER INSERT ON log_sums WHEN NEW.agent_id <> 0
BEGIN
    INSERT INTO log_totals (agent_id, log_level, entries) VALUES (NEW.agent_id, NEW.log_level, NEW.entries)
    ON CONFLICT (agent_id, log_level) DO UPDATE SET entries = entries + excluded.entries;
END;

CREATE TRIGGER IF NOT EXISTS log_totals_update AFTER UPDATE ON log_sums WHEN NEW.agent_id <> 0
BEGIN
    UPDATE log_totals SET entries = entries + NEW.entries - OLD.entries
    WHERE agent_id = NEW.agent_id AND log_level = NEW.log_level;
END;

CREATE TRIGGER IF NOT EXISTS log_totals_delete AFTER DELETE ON log_sums WHEN OLD.agent_id <> 0
BEGIN
    DELETE FROM log_totals WHERE agent_id = OLD.agent_id AND log_level = OLD.log_level AND entries = 0;
END;
