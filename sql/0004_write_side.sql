-- What the write side needs, and the questions about what was written: the history of each agent, leases, sums that
-- would otherwise cost a scan, and the answers to requests that may be repeated.
--
-- The triggers run in the SQLite of whoever writes, so they use nothing that came after SQLite 3.35; and as those of the
-- change log, they take any value of any type.

-- Sums of an agent's prompts, kept by the triggers of `prompts`.
ALTER TABLE agents ADD COLUMN tokens_input INTEGER NOT NULL DEFAULT 0;

ALTER TABLE agents ADD COLUMN tokens_output INTEGER NOT NULL DEFAULT 0;

ALTER TABLE agents ADD COLUMN prompts_cost_usd REAL NOT NULL DEFAULT 0.0;

-- Prompts by when they were made, status and model: of all agents (0, since an id is text) by the hour
-- ('2026-02-05T10') and by the minute ('2026-02-05T10:07'), of each agent by the minute.
CREATE TABLE IF NOT EXISTS prompt_sums (
    agent_id      NOT NULL,
    span          TEXT NOT NULL CHECK (span IN ('hour', 'minute')),
    period        TEXT NOT NULL,
    status        TEXT NOT NULL,
    model         TEXT NOT NULL,
    prompts       INTEGER NOT NULL,
    tokens_input  INTEGER NOT NULL,
    tokens_output INTEGER NOT NULL,
    cost_usd      REAL NOT NULL,
    PRIMARY KEY (agent_id, span, period, status, model)
) WITHOUT ROWID;

-- Log entries by when they were made and level, in the same way.
CREATE TABLE IF NOT EXISTS log_sums (
    agent_id  NOT NULL,
    span      TEXT NOT NULL CHECK (span IN ('hour', 'minute')),
    period    TEXT NOT NULL,
    log_level TEXT NOT NULL,
    entries   INTEGER NOT NULL,
    PRIMARY KEY (agent_id, span, period, log_level)
) WITHOUT ROWID;

-- Every status that an agent had. `seq` is that of the change log, 0 for what was there before the log.
CREATE TABLE IF NOT EXISTS agent_history (
    agent_id TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    status   TEXT NOT NULL,
    at       TEXT NOT NULL,
    PRIMARY KEY (agent_id, seq)
) WITHOUT ROWID;

-- The sessions that have agents, by the start of the first one.
CREATE TABLE IF NOT EXISTS sessions (
    session_id TEXT NOT NULL PRIMARY KEY,
    started_at TEXT NOT NULL
) WITHOUT ROWID;

-- The answers to requests with an `Idempotency-Key`. `request` tells one request from another.
CREATE TABLE IF NOT EXISTS idempotency_keys (
    key        TEXT NOT NULL PRIMARY KEY,
    request    TEXT NOT NULL,
    status     INTEGER NOT NULL,
    location   TEXT,
    etag       TEXT,
    body       TEXT NOT NULL,
    created_at TEXT NOT NULL
);

CREATE INDEX IF NOT EXISTS idx_idempotency_keys_created ON idempotency_keys (created_at);

CREATE INDEX IF NOT EXISTS idx_sessions_started ON sessions (started_at, session_id);

CREATE INDEX IF NOT EXISTS idx_agents_leased ON agents (heartbeat_at, lease_seconds)
WHERE heartbeat_at IS NOT NULL AND status IN ('initializing', 'planning', 'executing', 'reviewing');

CREATE INDEX IF NOT EXISTS idx_agents_status_started ON agents (status, replace(started_at, ' ', 'T'));

-- Answers how many agents have which status and what they cost, without reading the agents.
CREATE INDEX IF NOT EXISTS idx_agents_status_cost ON agents (status, cost_usd, prompts_cost_usd);

DROP INDEX IF EXISTS idx_agents_status;

CREATE INDEX IF NOT EXISTS idx_system_logs_created ON system_logs (replace(created_at, ' ', 'T'));

CREATE INDEX IF NOT EXISTS idx_system_logs_component ON system_logs (component);

-- What is there already: by agent, and then from that for all.
INSERT INTO prompt_sums
SELECT
    CAST(agent_id AS TEXT) AS agent, 'minute', substr(replace(CAST(created_at AS TEXT), ' ', 'T'), 1, 16) AS period,
    status, coalesce(CAST(model_used AS TEXT), '') AS model, count(*), sum(coalesce(CAST(tokens_input AS INTEGER), 0)),
    sum(coalesce(CAST(tokens_output AS INTEGER), 0)),
    round(sum(iif(abs(CAST(cost_usd AS REAL)) < 1e300, CAST(cost_usd AS REAL), 0.0)), 9)
FROM prompts GROUP BY agent, period, status, model;

INSERT INTO prompt_sums
SELECT 0, span, period, status, model, sum(prompts), sum(tokens_input), sum(tokens_output), round(sum(cost_usd), 9)
FROM prompt_sums GROUP BY span, period, status, model;

INSERT INTO prompt_sums
SELECT
    0, 'hour', substr(period, 1, 13) AS hour, status, model, sum(prompts), sum(tokens_input), sum(tokens_output),
    round(sum(cost_usd), 9)
FROM prompt_sums WHERE agent_id = 0 GROUP BY hour, status, model;

INSERT INTO log_sums
SELECT
    CAST(agent_id AS TEXT) AS agent, 'minute', substr(replace(CAST(created_at AS TEXT), ' ', 'T'), 1, 16) AS period,
    log_level, count(*)
FROM agent_logs GROUP BY agent, period, log_level;

INSERT INTO log_sums
SELECT 0, span, period, log_level, sum(entries) FROM log_sums GROUP BY span, period, log_level;

INSERT INTO log_sums
SELECT 0, 'hour', substr(period, 1, 13) AS hour, log_level, sum(entries)
FROM log_sums WHERE agent_id = 0 GROUP BY hour, log_level;

UPDATE agents
SET tokens_input = sums.tokens_input, tokens_output = sums.tokens_output, prompts_cost_usd = sums.cost_usd
FROM (
    SELECT agent_id, sum(tokens_input) AS tokens_input, sum(tokens_output) AS tokens_output, sum(cost_usd) AS cost_usd
    FROM prompt_sums WHERE agent_id <> 0 GROUP BY agent_id
) AS sums
WHERE sums.agent_id = agents.id;

INSERT INTO agent_history (agent_id, seq, status, at)
SELECT entity_id, seq, status, created_at
FROM (
    SELECT entity_id, seq, status, created_at, op, lag(status) OVER (PARTITION BY entity_id ORDER BY seq) AS before
    FROM change_log WHERE entity = 'agent'
)
WHERE op <> 'delete' AND status IS NOT NULL AND status IS NOT before AND entity_id IN (SELECT id FROM agents);

INSERT INTO agent_history (agent_id, seq, status, at)
SELECT CAST(id AS TEXT), 0, status, CAST(coalesce(updated_at, completed_at, started_at) AS TEXT)
FROM agents
WHERE id IS NOT NULL AND CAST(id AS TEXT) NOT IN (SELECT agent_id FROM agent_history);

INSERT INTO sessions (session_id, started_at)
SELECT CAST(session_id AS TEXT), min(replace(CAST(started_at AS TEXT), ' ', 'T')) FROM agents GROUP BY 1;

-- An agent costs what it says, or what its prompts cost, whichever is more.
DROP VIEW feed_agents;

CREATE VIEW feed_agents AS
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
        'cost_usd', max(
            iif(abs(CAST(agents.cost_usd AS REAL)) < 1e300, CAST(agents.cost_usd AS REAL), 0.0), agents.prompts_cost_usd
        ),
        'error_message', CAST(agents.error_message AS TEXT)
    ) AS payload
FROM agents
LEFT JOIN orchestrator_agents ON orchestrator_agents.id = agents.orchestrator_agent_id;

-- As before, with the new columns. `heartbeat_at` and `lease_seconds` are still no change of the agent.
DROP TRIGGER agents_touch;

CREATE TRIGGER agents_touch
AFTER UPDATE OF orchestrator_agent_id, session_id, parent_agent_id, status, context, config, metadata, started_at,
    completed_at, cost_usd, error_message, cancel_requested, tokens_input, tokens_output, prompts_cost_usd ON agents
WHEN (NEW.orchestrator_agent_id, NEW.session_id, NEW.parent_agent_id, NEW.status, NEW.context, NEW.config,
        NEW.metadata, NEW.started_at, NEW.completed_at, NEW.cost_usd, NEW.error_message, NEW.cancel_requested,
        NEW.tokens_input, NEW.tokens_output, NEW.prompts_cost_usd)
    IS NOT (OLD.orchestrator_agent_id, OLD.session_id, OLD.parent_agent_id, OLD.status, OLD.context, OLD.config,
        OLD.metadata, OLD.started_at, OLD.completed_at, OLD.cost_usd, OLD.error_message, OLD.cancel_requested,
        OLD.tokens_input, OLD.tokens_output, OLD.prompts_cost_usd)
BEGIN
    UPDATE agents
    SET version = OLD.version + 1, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE id = NEW.id;
END;

-- The history goes with the change log: `last_insert_rowid()` is the number that the log has just given.
DROP TRIGGER agents_log_insert;

CREATE TRIGGER agents_log_insert AFTER INSERT ON agents
BEGIN
    INSERT INTO change_log (entity, entity_id, op, status, payload)
    SELECT 'agent', id, 'insert', status, payload FROM feed_agents WHERE id = NEW.id;
    INSERT INTO agent_history (agent_id, seq, status, at)
    SELECT CAST(id AS TEXT), last_insert_rowid(), status, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    FROM agents WHERE id = NEW.id;
    INSERT INTO sessions (session_id, started_at)
    VALUES (CAST(NEW.session_id AS TEXT), replace(CAST(NEW.started_at AS TEXT), ' ', 'T'))
    ON CONFLICT (session_id) DO UPDATE SET started_at = excluded.started_at WHERE excluded.started_at < started_at;
END;

DROP TRIGGER agents_log_update;

CREATE TRIGGER agents_log_update AFTER UPDATE OF version ON agents
BEGIN
    INSERT INTO change_log (entity, entity_id, op, status, payload)
    SELECT 'agent', id, 'update', status, payload FROM feed_agents WHERE id = NEW.id;
    INSERT INTO agent_history (agent_id, seq, status, at)
    SELECT CAST(NEW.id AS TEXT), last_insert_rowid(), NEW.status, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE NEW.id IS NOT NULL AND NEW.status IS NOT (
        SELECT status FROM agent_history WHERE agent_id = CAST(NEW.id AS TEXT) ORDER BY seq DESC LIMIT 1
    );
END;

DROP TRIGGER agents_log_delete;

CREATE TRIGGER agents_log_delete BEFORE DELETE ON agents
BEGIN
    INSERT INTO change_log (entity, entity_id, op, status, payload)
    SELECT 'agent', id, 'delete', status, payload FROM feed_agents WHERE id = OLD.id;
    DELETE FROM agent_history WHERE agent_id = CAST(OLD.id AS TEXT);
END;

CREATE TRIGGER IF NOT EXISTS agents_session_left AFTER DELETE ON agents
BEGIN
    DELETE FROM sessions
    WHERE session_id = CAST(OLD.session_id AS TEXT)
        AND NOT EXISTS (SELECT 1 FROM agents WHERE session_id = OLD.session_id);
END;

CREATE TRIGGER IF NOT EXISTS agents_session_changed AFTER UPDATE OF session_id ON agents
WHEN NEW.session_id IS NOT OLD.session_id
BEGIN
    INSERT INTO sessions (session_id, started_at)
    VALUES (CAST(NEW.session_id AS TEXT), replace(CAST(NEW.started_at AS TEXT), ' ', 'T'))
    ON CONFLICT (session_id) DO UPDATE SET started_at = excluded.started_at WHERE excluded.started_at < started_at;
    DELETE FROM sessions
    WHERE session_id = CAST(OLD.session_id AS TEXT)
        AND NOT EXISTS (SELECT 1 FROM agents WHERE session_id = OLD.session_id);
END;

-- The sums of prompts. An agent whose sums change has changed, and so shows in the change log.
CREATE TRIGGER IF NOT EXISTS prompts_sum_insert AFTER INSERT ON prompts
BEGIN
    INSERT INTO prompt_sums (agent_id, span, period, status, model, prompts, tokens_input, tokens_output, cost_usd)
    SELECT
        iif(scope.own, CAST(prompt.agent_id AS TEXT), 0),
        scope.span,
        substr(replace(CAST(prompt.created_at AS TEXT), ' ', 'T'), 1, scope.width),
        prompt.status,
        coalesce(CAST(prompt.model_used AS TEXT), ''),
        prompt.sign,
        prompt.sign * coalesce(CAST(prompt.tokens_input AS INTEGER), 0),
        prompt.sign * coalesce(CAST(prompt.tokens_output AS INTEGER), 0),
        prompt.sign * iif(abs(CAST(prompt.cost_usd AS REAL)) < 1e300, CAST(prompt.cost_usd AS REAL), 0.0)
    FROM (
        SELECT 1 AS sign, NEW.agent_id AS agent_id, NEW.created_at AS created_at, NEW.status AS status,
            NEW.model_used AS model_used, NEW.tokens_input AS tokens_input, NEW.tokens_output AS tokens_output,
            NEW.cost_usd AS cost_usd
    ) AS prompt
    CROSS JOIN (
        SELECT 0 AS own, 'hour' AS span, 13 AS width UNION ALL SELECT 0, 'minute', 16 UNION ALL SELECT 1, 'minute', 16
    ) AS scope
    WHERE true
    ON CONFLICT (agent_id, span, period, status, model) DO UPDATE SET
        prompts = prompts + excluded.prompts,
        tokens_input = tokens_input + excluded.tokens_input,
        tokens_output = tokens_output + excluded.tokens_output,
        cost_usd = round(cost_usd + excluded.cost_usd, 9);
    UPDATE agents
    SET tokens_input = tokens_input + coalesce(CAST(NEW.tokens_input AS INTEGER), 0),
        tokens_output = tokens_output + coalesce(CAST(NEW.tokens_output AS INTEGER), 0),
        prompts_cost_usd = round(prompts_cost_usd + iif(abs(CAST(NEW.cost_usd AS REAL)) < 1e300, CAST(NEW.cost_usd AS REAL), 0.0), 9)
    WHERE id = NEW.agent_id;
END;

CREATE TRIGGER IF NOT EXISTS prompts_sum_delete AFTER DELETE ON prompts
BEGIN
    INSERT INTO prompt_sums (agent_id, span, period, status, model, prompts, tokens_input, tokens_output, cost_usd)
    SELECT
        iif(scope.own, CAST(prompt.agent_id AS TEXT), 0),
        scope.span,
        substr(replace(CAST(prompt.created_at AS TEXT), ' ', 'T'), 1, scope.width),
        prompt.status,
        coalesce(CAST(prompt.model_used AS TEXT), ''),
        prompt.sign,
        prompt.sign * coalesce(CAST(prompt.tokens_input AS INTEGER), 0),
        prompt.sign * coalesce(CAST(prompt.tokens_output AS INTEGER), 0),
        prompt.sign * iif(abs(CAST(prompt.cost_usd AS REAL)) < 1e300, CAST(prompt.cost_usd AS REAL), 0.0)
    FROM (
        SELECT -1 AS sign, OLD.agent_id AS agent_id, OLD.created_at AS created_at, OLD.status AS status,
            OLD.model_used AS model_used, OLD.tokens_input AS tokens_input, OLD.tokens_output AS tokens_output,
            OLD.cost_usd AS cost_usd
    ) AS prompt
    CROSS JOIN (
        SELECT 0 AS own, 'hour' AS span, 13 AS width UNION ALL SELECT 0, 'minute', 16 UNION ALL SELECT 1, 'minute', 16
    ) AS scope
    WHERE true
    ON CONFLICT (agent_id, span, period, status, model) DO UPDATE SET
        prompts = prompts + excluded.prompts,
        tokens_input = tokens_input + excluded.tokens_input,
        tokens_output = tokens_output + excluded.tokens_output,
        cost_usd = round(cost_usd + excluded.cost_usd, 9);
    DELETE FROM prompt_sums
    WHERE agent_id = 0 AND span = 'hour' AND period = substr(replace(CAST(OLD.created_at AS TEXT), ' ', 'T'), 1, 13) AND prompts = 0;
    DELETE FROM prompt_sums
    WHERE agent_id IN (CAST(OLD.agent_id AS TEXT), 0) AND span = 'minute'
        AND period = substr(replace(CAST(OLD.created_at AS TEXT), ' ', 'T'), 1, 16) AND prompts = 0;
    UPDATE agents
    SET tokens_input = tokens_input - coalesce(CAST(OLD.tokens_input AS INTEGER), 0),
        tokens_output = tokens_output - coalesce(CAST(OLD.tokens_output AS INTEGER), 0),
        prompts_cost_usd = round(prompts_cost_usd - iif(abs(CAST(OLD.cost_usd AS REAL)) < 1e300, CAST(OLD.cost_usd AS REAL), 0.0), 9)
    WHERE id = OLD.agent_id;
END;

CREATE TRIGGER IF NOT EXISTS prompts_sum_update
AFTER UPDATE OF agent_id, created_at, status, model_used, tokens_input, tokens_output, cost_usd ON prompts
WHEN (NEW.agent_id, NEW.created_at, NEW.status, NEW.model_used, NEW.tokens_input, NEW.tokens_output, NEW.cost_usd)
    IS NOT (OLD.agent_id, OLD.created_at, OLD.status, OLD.model_used, OLD.tokens_input, OLD.tokens_output, OLD.cost_usd)
BEGIN
    INSERT INTO prompt_sums (agent_id, span, period, status, model, prompts, tokens_input, tokens_output, cost_usd)
    SELECT
        iif(scope.own, CAST(prompt.agent_id AS TEXT), 0),
        scope.span,
        substr(replace(CAST(prompt.created_at AS TEXT), ' ', 'T'), 1, scope.width),
        prompt.status,
        coalesce(CAST(prompt.model_used AS TEXT), ''),
        prompt.sign,
        prompt.sign * coalesce(CAST(prompt.tokens_input AS INTEGER), 0),
        prompt.sign * coalesce(CAST(prompt.tokens_output AS INTEGER), 0),
        prompt.sign * iif(abs(CAST(prompt.cost_usd AS REAL)) < 1e300, CAST(prompt.cost_usd AS REAL), 0.0)
    FROM (
        SELECT -1 AS sign, OLD.agent_id AS agent_id, OLD.created_at AS created_at, OLD.status AS status,
            OLD.model_used AS model_used, OLD.tokens_input AS tokens_input, OLD.tokens_output AS tokens_output,
            OLD.cost_usd AS cost_usd
        UNION ALL
        SELECT 1, NEW.agent_id, NEW.created_at, NEW.status, NEW.model_used, NEW.tokens_input,
            NEW.tokens_output, NEW.cost_usd
    ) AS prompt
    CROSS JOIN (
        SELECT 0 AS own, 'hour' AS span, 13 AS width UNION ALL SELECT 0, 'minute', 16 UNION ALL SELECT 1, 'minute', 16
    ) AS scope
    WHERE true
    ON CONFLICT (agent_id, span, period, status, model) DO UPDATE SET
        prompts = prompts + excluded.prompts,
        tokens_input = tokens_input + excluded.tokens_input,
        tokens_output = tokens_output + excluded.tokens_output,
        cost_usd = round(cost_usd + excluded.cost_usd, 9);
    DELETE FROM prompt_sums
    WHERE agent_id = 0 AND span = 'hour' AND period = substr(replace(CAST(OLD.created_at AS TEXT), ' ', 'T'), 1, 13) AND prompts = 0;
    DELETE FROM prompt_sums
    WHERE agent_id IN (CAST(OLD.agent_id AS TEXT), 0) AND span = 'minute'
        AND period = substr(replace(CAST(OLD.created_at AS TEXT), ' ', 'T'), 1, 16) AND prompts = 0;
    UPDATE agents
    SET tokens_input = tokens_input + coalesce(CAST(NEW.tokens_input AS INTEGER), 0) - coalesce(CAST(OLD.tokens_input AS INTEGER), 0),
        tokens_output = tokens_output + coalesce(CAST(NEW.tokens_output AS INTEGER), 0) - coalesce(CAST(OLD.tokens_output AS INTEGER), 0),
        prompts_cost_usd = round(prompts_cost_usd + iif(abs(CAST(NEW.cost_usd AS REAL)) < 1e300, CAST(NEW.cost_usd AS REAL), 0.0) - iif(abs(CAST(OLD.cost_usd AS REAL)) < 1e300, CAST(OLD.cost_usd AS REAL), 0.0), 9)
    WHERE id = NEW.agent_id AND NEW.agent_id IS OLD.agent_id;
END;

CREATE TRIGGER IF NOT EXISTS prompts_sum_move AFTER UPDATE OF agent_id ON prompts
WHEN NEW.agent_id IS NOT OLD.agent_id
BEGIN
    UPDATE agents
    SET tokens_input = tokens_input + coalesce(CAST(NEW.tokens_input AS INTEGER), 0),
        tokens_output = tokens_output + coalesce(CAST(NEW.tokens_output AS INTEGER), 0),
        prompts_cost_usd = round(prompts_cost_usd + iif(abs(CAST(NEW.cost_usd AS REAL)) < 1e300, CAST(NEW.cost_usd AS REAL), 0.0), 9)
    WHERE id = NEW.agent_id;
    UPDATE agents
    SET tokens_input = tokens_input - coalesce(CAST(OLD.tokens_input AS INTEGER), 0),
        tokens_output = tokens_output - coalesce(CAST(OLD.tokens_output AS INTEGER), 0),
        prompts_cost_usd = round(prompts_cost_usd - iif(abs(CAST(OLD.cost_usd AS REAL)) < 1e300, CAST(OLD.cost_usd AS REAL), 0.0), 9)
    WHERE id = OLD.agent_id;
END;

-- The sums of log entries.
CREATE TRIGGER IF NOT EXISTS agent_logs_sum_insert AFTER INSERT ON agent_logs
BEGIN
    INSERT INTO log_sums (agent_id, span, period, log_level, entries)
    VALUES
        (0, 'hour', substr(replace(CAST(NEW.created_at AS TEXT), ' ', 'T'), 1, 13), NEW.log_level, 1),
        (0, 'minute', substr(replace(CAST(NEW.created_at AS TEXT), ' ', 'T'), 1, 16), NEW.log_level, 1),
        (CAST(NEW.agent_id AS TEXT), 'minute', substr(replace(CAST(NEW.created_at AS TEXT), ' ', 'T'), 1, 16), NEW.log_level, 1)
    ON CONFLICT (agent_id, span, period, log_level) DO UPDATE SET entries = entries + 1;
END;

CREATE TRIGGER IF NOT EXISTS agent_logs_sum_delete AFTER DELETE ON agent_logs
BEGIN
    UPDATE log_sums SET entries = entries - 1
    WHERE agent_id = 0 AND span = 'hour' AND period = substr(replace(CAST(OLD.created_at AS TEXT), ' ', 'T'), 1, 13)
        AND log_level = OLD.log_level;
    UPDATE log_sums SET entries = entries - 1
    WHERE agent_id IN (CAST(OLD.agent_id AS TEXT), 0) AND span = 'minute'
        AND period = substr(replace(CAST(OLD.created_at AS TEXT), ' ', 'T'), 1, 16) AND log_level = OLD.log_level;
    DELETE FROM log_sums
    WHERE agent_id = 0 AND span = 'hour' AND period = substr(replace(CAST(OLD.created_at AS TEXT), ' ', 'T'), 1, 13)
        AND log_level = OLD.log_level AND entries = 0;
    DELETE FROM log_sums
    WHERE agent_id IN (CAST(OLD.agent_id AS TEXT), 0) AND span = 'minute'
        AND period = substr(replace(CAST(OLD.created_at AS TEXT), ' ', 'T'), 1, 16) AND log_level = OLD.log_level AND entries = 0;
END;

CREATE TRIGGER IF NOT EXISTS agent_logs_sum_update AFTER UPDATE OF agent_id, log_level, created_at ON agent_logs
BEGIN
    UPDATE log_sums SET entries = entries - 1
    WHERE agent_id = 0 AND span = 'hour' AND period = substr(replace(CAST(OLD.created_at AS TEXT), ' ', 'T'), 1, 13)
        AND log_level = OLD.log_level;
    UPDATE log_sums SET entries = entries - 1
    WHERE agent_id IN (CAST(OLD.agent_id AS TEXT), 0) AND span = 'minute'
        AND period = substr(replace(CAST(OLD.created_at AS TEXT), ' ', 'T'), 1, 16) AND log_level = OLD.log_level;
    DELETE FROM log_sums
    WHERE agent_id = 0 AND span = 'hour' AND period = substr(replace(CAST(OLD.created_at AS TEXT), ' ', 'T'), 1, 13)
        AND log_level = OLD.log_level AND entries = 0;
    DELETE FROM log_sums
    WHERE agent_id IN (CAST(OLD.agent_id AS TEXT), 0) AND span = 'minute'
        AND period = substr(replace(CAST(OLD.created_at AS TEXT), ' ', 'T'), 1, 16) AND log_level = OLD.log_level AND entries = 0;
    INSERT INTO log_sums (agent_id, span, period, log_level, entries)
    VALUES
        (0, 'hour', substr(replace(CAST(NEW.created_at AS TEXT), ' ', 'T'), 1, 13), NEW.log_level, 1),
        (0, 'minute', substr(replace(CAST(NEW.created_at AS TEXT), ' ', 'T'), 1, 16), NEW.log_level, 1),
        (CAST(NEW.agent_id AS TEXT), 'minute', substr(replace(CAST(NEW.created_at AS TEXT), ' ', 'T'), 1, 16), NEW.log_level, 1)
    ON CONFLICT (agent_id, span, period, log_level) DO UPDATE SET entries = entries + 1;
END;
