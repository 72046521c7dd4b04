-- Who keeps the database in order where several processes share a server: one at a time, and for as long as it says so
-- again and again.
CREATE TABLE IF NOT EXISTS maintenance_lease (
    place INTEGER PRIMARY KEY CHECK (place = 1),
    holder TEXT NOT NULL,
    ends_at TEXT NOT NULL
);

INSERT OR IGNORE INTO maintenance_lease (place, holder, ends_at) VALUES (1, '', '');
