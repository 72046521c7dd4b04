-- Which log entries a text may be in: the trigrams of each 64 of them, filled off the write path, block by block.
--
-- No trigger writes to it, so a writer needs no FTS5 and waits for nothing. `searched` says how many of a block's 16 parts
-- of 64 ids are in it; the rest is looked through, as is a block that is `stale`. What is in it too much costs a look at
-- those 64 entries and nothing else.

ALTER TABLE log_blocks ADD COLUMN searched INTEGER NOT NULL DEFAULT 0;

CREATE INDEX idx_log_blocks_unsearched ON log_blocks (log, block) WHERE searched < 16;

CREATE VIRTUAL TABLE agent_logs_text USING fts5 (message, content = '', contentless_delete = 1, detail = 'none', tokenize = 'trigram');

CREATE VIRTUAL TABLE system_logs_text USING fts5 (message, content = '', contentless_delete = 1, detail = 'none', tokenize = 'trigram');

-- Another text makes a block stale as well.
DROP TRIGGER agent_logs_update;

CREATE TRIGGER agent_logs_update AFTER UPDATE OF id, log_level, message, created_at ON agent_logs
BEGIN
    INSERT INTO log_blocks (log, block, stale)
    SELECT 'agent', OLD.id >> 10, 1
    WHERE OLD.id < (SELECT (max(block) + 1) << 10 FROM log_blocks WHERE log = 'agent')
    ON CONFLICT (log, block) DO UPDATE SET stale = 1;
    INSERT INTO log_blocks (log, block, stale)
    SELECT 'agent', NEW.id >> 10, 1
    WHERE NEW.id < (SELECT (max(block) + 1) << 10 FROM log_blocks WHERE log = 'agent')
    ON CONFLICT (log, block) DO UPDATE SET stale = 1;
END;

DROP TRIGGER system_logs_update;

CREATE TRIGGER system_logs_update AFTER UPDATE OF id, log_level, message, created_at ON system_logs
BEGIN
    INSERT INTO log_blocks (log, block, stale)
    SELECT 'system', OLD.id >> 10, 1
    WHERE OLD.id < (SELECT (max(block) + 1) << 10 FROM log_blocks WHERE log = 'system')
    ON CONFLICT (log, block) DO UPDATE SET stale = 1;
    INSERT INTO log_blocks (log, block, stale)
    SELECT 'system', NEW.id >> 10, 1
    WHERE NEW.id < (SELECT (max(block) + 1) << 10 FROM log_blocks WHERE log = 'system')
    ON CONFLICT (log, block) DO UPDATE SET stale = 1;
END;
