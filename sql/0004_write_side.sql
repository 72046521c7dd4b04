-- What the write side needs: the history of each agent, and the answers to requests that may be repeated. The sums that
-- stood here are in 0006, which counts in another way.

-- Every status that an agent had. `seq` is that of the change log, 0 for what was there before the log.
CREATE TABLE IF NOT EXISTS agent_history (
    agent_id TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    status   TEXT NOT NULL,
    at       TEXT NOT NULL,
    PRIMARY KEY (agent_id, seq)
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
