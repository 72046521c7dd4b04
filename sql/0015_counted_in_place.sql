-- The same counts and tellings with less work for whoever writes: an agent or a prompt that changes is counted in its place,
-- not taken out and put in again, and what the change log has of an agent is written once.

-- An agent is told, logged with what it was counted as before, and counted. `last_insert_rowid()` is the log's until the
-- history has it, as what a trigger inserts in its turn does not count.
DROP TRIGGER agents_count;

DROP TRIGGER agents_insert;

CREATE TRIGGER agents_insert AFTER INSERT ON agents
BEGIN
    UPDATE agents SET told = (SELECT json FROM agent_json WHERE row = NEW.rowid) WHERE rowid = NEW.rowid;
    INSERT INTO change_log (entity, entity_id, op, status, payload, before_session_id, before_status)
    SELECT 'agent', CAST(NEW.id AS TEXT), 'insert', NEW.status, payload, before.session_id, before.status
    FROM feed_agents LEFT JOIN counted_agents AS before ON before.key = NEW.id
    WHERE row = NEW.rowid AND NEW.id IS NOT NULL;
    INSERT INTO agent_history (agent_id, seq, status, at)
    SELECT CAST(NEW.id AS TEXT), last_insert_rowid(), NEW.status, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE NEW.id IS NOT NULL;
    INSERT INTO counted_agents (key, session_id, started_time, status, tokens_input, tokens_output, cost)
    SELECT key, session_id, started_time, status, tokens_input, tokens_output, cost FROM counting_agents WHERE row = NEW.rowid
    ON CONFLICT (key) DO UPDATE SET
        session_id = excluded.session_id, started_time = excluded.started_time, status = excluded.status,
        tokens_input = excluded.tokens_input, tokens_output = excluded.tokens_output, cost = excluded.cost;
END;

DROP TRIGGER agents_log;

CREATE TRIGGER agents_log AFTER UPDATE OF version ON agents WHEN NEW.version IS NOT OLD.version
BEGIN
    UPDATE agents SET told = (SELECT json FROM agent_json WHERE row = NEW.rowid) WHERE rowid = NEW.rowid;
    INSERT INTO change_log (entity, entity_id, op, status, payload, before_session_id, before_status)
    SELECT 'agent', CAST(NEW.id AS TEXT), 'update', NEW.status, payload, before.session_id, coalesce(before.status, 'unknown')
    FROM feed_agents LEFT JOIN counted_agents AS before ON before.key = NEW.id
    WHERE row = NEW.rowid AND NEW.id IS NOT NULL;
    INSERT INTO agent_history (agent_id, seq, status, at)
    SELECT CAST(NEW.id AS TEXT), last_insert_rowid(), NEW.status, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE NEW.id IS NOT NULL AND NEW.status IS NOT (
        SELECT status FROM agent_history WHERE agent_id = CAST(NEW.id AS TEXT) ORDER BY seq DESC LIMIT 1
    );
    INSERT INTO counted_agents (key, session_id, started_time, status, tokens_input, tokens_output, cost)
    SELECT key, session_id, started_time, status, tokens_input, tokens_output, cost FROM counting_agents WHERE row = NEW.rowid
    ON CONFLICT (key) DO UPDATE SET
        session_id = excluded.session_id, started_time = excluded.started_time, status = excluded.status,
        tokens_input = excluded.tokens_input, tokens_output = excluded.tokens_output, cost = excluded.cost
    WHERE (excluded.session_id, excluded.started_time, excluded.status, excluded.tokens_input, excluded.tokens_output, excluded.cost)
        IS NOT (session_id, started_time, status, tokens_input, tokens_output, cost);
END;

CREATE TRIGGER counted_agents_update AFTER UPDATE ON counted_agents
WHEN (NEW.session_id, NEW.status, NEW.tokens_input, NEW.tokens_output, NEW.cost)
    IS NOT (OLD.session_id, OLD.status, OLD.tokens_input, OLD.tokens_output, OLD.cost)
BEGIN
    INSERT INTO agent_usage (session_id, status, agents, tokens_input_high, tokens_input_low, tokens_output_high, tokens_output_low, cost_high, cost_low)
    SELECT scope.session_id, scope.status, scope.agents,
        scope.agents * (scope.tokens_input >> 32), scope.agents * (scope.tokens_input & 4294967295),
        scope.agents * (scope.tokens_output >> 32), scope.agents * (scope.tokens_output & 4294967295),
        scope.agents * (scope.cost >> 32), scope.agents * (scope.cost & 4294967295)
    FROM (
        SELECT 0 AS session_id, OLD.status AS status, -1 AS agents, OLD.tokens_input AS tokens_input, OLD.tokens_output AS tokens_output, OLD.cost AS cost
        UNION ALL SELECT OLD.session_id, OLD.status, -1, OLD.tokens_input, OLD.tokens_output, OLD.cost
        UNION ALL SELECT 0, NEW.status, 1, NEW.tokens_input, NEW.tokens_output, NEW.cost
        UNION ALL SELECT NEW.session_id, NEW.status, 1, NEW.tokens_input, NEW.tokens_output, NEW.cost
    ) AS scope WHERE true
    ON CONFLICT (session_id, status) DO UPDATE SET
        agents = agents + excluded.agents,
        tokens_input_high = tokens_input_high + excluded.tokens_input_high,
        tokens_input_low = tokens_input_low + excluded.tokens_input_low,
        tokens_output_high = tokens_output_high + excluded.tokens_output_high,
        tokens_output_low = tokens_output_low + excluded.tokens_output_low,
        cost_high = cost_high + excluded.cost_high,
        cost_low = cost_low + excluded.cost_low;
    DELETE FROM agent_usage WHERE session_id IN (0, OLD.session_id) AND status = OLD.status AND agents = 0;
END;

-- A session is there while it has agents, and starts with its first one.
CREATE TRIGGER counted_agents_moved AFTER UPDATE OF session_id, started_time ON counted_agents
WHEN (NEW.session_id, NEW.started_time) IS NOT (OLD.session_id, OLD.started_time)
BEGIN
    DELETE FROM sessions
    WHERE session_id IN (OLD.session_id, NEW.session_id)
        AND NOT EXISTS (SELECT 1 FROM agents WHERE agents.session_id = sessions.session_id);
    INSERT INTO sessions (session_id, started_time)
    SELECT scope.session_id, (SELECT started_time FROM agents WHERE session_id = scope.session_id ORDER BY started_time LIMIT 1)
    FROM (SELECT OLD.session_id AS session_id UNION SELECT NEW.session_id) AS scope
    WHERE EXISTS (SELECT 1 FROM agents WHERE session_id = scope.session_id)
    ON CONFLICT (session_id) DO UPDATE SET started_time = excluded.started_time
    WHERE started_time IS NOT excluded.started_time;
END;

DROP TRIGGER prompts_insert;

CREATE TRIGGER prompts_insert AFTER INSERT ON prompts
BEGIN
    INSERT INTO counted_prompts (key, agent_id, minute, status, model, tokens_input, tokens_output, cost)
    SELECT key, agent_id, minute, status, model, tokens_input, tokens_output, cost
    FROM counting_prompts WHERE row = NEW.rowid
    ON CONFLICT (key) DO UPDATE SET
        agent_id = excluded.agent_id, minute = excluded.minute, status = excluded.status, model = excluded.model,
        tokens_input = excluded.tokens_input, tokens_output = excluded.tokens_output, cost = excluded.cost;
    UPDATE agents SET version = version + 1, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE id IN (SELECT agent_id FROM untold_agents)
        AND told IS NOT (SELECT json FROM agent_json WHERE agent_json.row = agents.rowid);
    DELETE FROM untold_agents;
END;

DROP TRIGGER prompts_update;

CREATE TRIGGER prompts_update
AFTER UPDATE OF id, agent_id, created_at, status, model_used, tokens_input, tokens_output, cost_usd ON prompts
BEGIN
    DELETE FROM counted_prompts
    WHERE key = coalesce(OLD.id, OLD.rowid) AND coalesce(NEW.id, NEW.rowid) IS NOT coalesce(OLD.id, OLD.rowid);
    INSERT INTO counted_prompts (key, agent_id, minute, status, model, tokens_input, tokens_output, cost)
    SELECT key, agent_id, minute, status, model, tokens_input, tokens_output, cost
    FROM counting_prompts WHERE row = NEW.rowid
    ON CONFLICT (key) DO UPDATE SET
        agent_id = excluded.agent_id, minute = excluded.minute, status = excluded.status, model = excluded.model,
        tokens_input = excluded.tokens_input, tokens_output = excluded.tokens_output, cost = excluded.cost;
    UPDATE agents SET version = version + 1, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE id IN (SELECT agent_id FROM untold_agents)
        AND told IS NOT (SELECT json FROM agent_json WHERE agent_json.row = agents.rowid);
    DELETE FROM untold_agents;
END;

CREATE TRIGGER counted_prompts_update AFTER UPDATE ON counted_prompts
WHEN (NEW.agent_id, NEW.minute, NEW.status, NEW.model, NEW.tokens_input, NEW.tokens_output, NEW.cost)
    IS NOT (OLD.agent_id, OLD.minute, OLD.status, OLD.model, OLD.tokens_input, OLD.tokens_output, OLD.cost)
BEGIN
    INSERT INTO prompt_usage (agent_id, span, period, status, model, prompts, tokens_input_high, tokens_input_low, tokens_output_high, tokens_output_low, cost_high, cost_low)
    SELECT iif(scope.own, counted.agent_id, 0), scope.span, substr(counted.minute, 1, scope.width), counted.status, counted.model,
        counted.prompts,
        counted.prompts * (counted.tokens_input >> 32), counted.prompts * (counted.tokens_input & 4294967295),
        counted.prompts * (counted.tokens_output >> 32), counted.prompts * (counted.tokens_output & 4294967295),
        counted.prompts * (counted.cost >> 32), counted.prompts * (counted.cost & 4294967295)
    FROM (
        SELECT -1 AS prompts, OLD.agent_id AS agent_id, OLD.minute AS minute, OLD.status AS status, OLD.model AS model,
            OLD.tokens_input AS tokens_input, OLD.tokens_output AS tokens_output, OLD.cost AS cost
        UNION ALL SELECT 1, NEW.agent_id, NEW.minute, NEW.status, NEW.model, NEW.tokens_input, NEW.tokens_output, NEW.cost
    ) AS counted CROSS JOIN (
        SELECT 0 AS own, 'hour' AS span, 13 AS width UNION ALL SELECT 0, 'minute', 16 UNION ALL SELECT 1, 'all', 0
    ) AS scope WHERE true
    ON CONFLICT (agent_id, span, period, status, model) DO UPDATE SET
        prompts = prompts + excluded.prompts,
        tokens_input_high = tokens_input_high + excluded.tokens_input_high,
        tokens_input_low = tokens_input_low + excluded.tokens_input_low,
        tokens_output_high = tokens_output_high + excluded.tokens_output_high,
        tokens_output_low = tokens_output_low + excluded.tokens_output_low,
        cost_high = cost_high + excluded.cost_high,
        cost_low = cost_low + excluded.cost_low;
    DELETE FROM prompt_usage
    WHERE prompts = 0 AND status = OLD.status AND model = OLD.model AND (
        agent_id = 0 AND span = 'hour' AND period = substr(OLD.minute, 1, 13)
        OR agent_id = 0 AND span = 'minute' AND period = OLD.minute
        OR agent_id = OLD.agent_id AND span = 'all' AND period = ''
    );
    INSERT INTO untold_agents (agent_id) SELECT counted.agent_id
    FROM (SELECT OLD.agent_id AS agent_id UNION SELECT NEW.agent_id) AS counted
    WHERE NOT EXISTS (SELECT 1 FROM untold_agents WHERE agent_id = counted.agent_id);
END;
