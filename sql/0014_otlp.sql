-- What comes in by OTLP: who a span belongs to follows from the spans above it, which may come before or after it, in another
-- request, or never.

ALTER TABLE prompts ADD COLUMN metadata TEXT;

-- Each span and log record that was taken, so that one that comes again changes nothing, and one that comes late finds what
-- waits for it. Kept for 30 days.
CREATE TABLE IF NOT EXISTS otlp_items (
    -- A span has the id of the agent or the prompt that it is.
    id         TEXT PRIMARY KEY,
    trace_id   TEXT,
    -- A span that others name as theirs and that has not come is `missing`.
    kind       TEXT NOT NULL CHECK (kind IN ('agent', 'prompt', 'call', 'other', 'missing', 'record', 'system_record')),
    -- The agent above; where there is none the topmost span, which stands for one.
    owner_id   TEXT,
    above      TEXT CHECK (above IN ('agent', 'root', 'missing')),
    log_id     INTEGER,
    session_id TEXT,
    -- What its agent is called by, after a digit: the smallest that the agent's spans give.
    naming     TEXT,
    -- What is told of the agent that a topmost span stands for, in JSON.
    told       TEXT,
    seen_at    TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS idx_otlp_items_waiting ON otlp_items (owner_id) WHERE above = 'missing';

CREATE INDEX IF NOT EXISTS idx_otlp_items_agents ON otlp_items (trace_id) WHERE naming IS NOT NULL;

CREATE INDEX IF NOT EXISTS idx_otlp_items_seen ON otlp_items (seen_at);

-- The traces that name a session: the smallest that their spans name, which is that of agents that name none.
CREATE TABLE IF NOT EXISTS otlp_traces (
    id         TEXT PRIMARY KEY,
    session_id TEXT NOT NULL,
    seen_at    TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS idx_otlp_traces_seen ON otlp_traces (seen_at);
