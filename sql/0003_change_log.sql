-- The change log: a row for every change of an agent that the live feed shows, written in the transaction of the
-- change, whoever makes it. The triggers that write it stand in 0006, which replaced those that stood here.

CREATE TABLE IF NOT EXISTS change_log (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    entity     TEXT NOT NULL,
    entity_id  TEXT NOT NULL,
    op         TEXT NOT NULL CHECK (op IN ('insert', 'update', 'delete')),
    status     TEXT,
    payload    TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

-- Tells one database from another, so that a position in the log is not taken for one in another log.
CREATE TABLE IF NOT EXISTS database_identity (
    id TEXT NOT NULL
);

INSERT INTO database_identity (id)
SELECT lower(hex(randomblob(16))) WHERE NOT EXISTS (SELECT 1 FROM database_identity);
