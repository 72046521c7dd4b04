//! Log entries, counted in blocks of 1024 ids, off the write path.
//!
//! A block has how many entries of each level there are among its ids, and between which times. Only a block that is full
//! is counted, so that new entries touch none; the tail after the last block is counted from its rows on each reading, as
//! is a block that is `stale` since somebody has changed entries in it. So what is read is right at once, and the counting
//! only makes it quick.
//!
//! The blocks also find entries by time: they are listed by id, which goes about as their times do, but not quite, since
//! several clocks write them. A range of times is a range of blocks, which goes with any index that ends in the id.

use crate::{Condition, Connection, Error, Value};

/// How many blocks one step counts.
const BLOCKS: i64 = 8;

/// A table of log entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// `agent_logs`.
    Agent,
    /// `system_logs`.
    System,
}

/// The first id after all blocks.
macro_rules! tail {
    ($log:literal) => {
        concat!(
            "coalesce((SELECT (max(block) + 1) << 10 FROM log_blocks WHERE log = '",
            $log,
            "'), -9223372036854775808)"
        )
    };
}

impl Log {
    /// SQL about one of the two logs: `{log}` is its name in `log_blocks`, `{table}` its table, `{tail}` the first id after
    /// all blocks.
    pub(crate) fn sql(self, sql: &str) -> String {
        let (log, table, tail) = match self {
            Self::Agent => ("agent", "agent_logs", tail!("agent")),
            Self::System => ("system", "system_logs", tail!("system")),
        };
        sql.replace("{log}", log)
            .replace("{table}", table)
            .replace("{tail}", tail)
    }
}

/// Counts entries by level: the blocks that fulfil `$counted` by their counts, the rows of the blocks that fulfil `$read`,
/// and the tail; rows where they fulfil `$row`.
macro_rules! entries_by_level {
    ($counted:literal, $read:literal, $row:literal) => {
        concat!(
            "WITH counted AS (SELECT sum(debug) AS debug, sum(info) AS info, sum(warning) AS warning, \
             sum(error) AS error, sum(critical) AS critical FROM log_blocks WHERE log = 'agent' AND NOT stale",
            $counted,
            ") SELECT log_level, sum(entries) AS entries FROM (\
             SELECT 'DEBUG' AS log_level, debug AS entries FROM counted UNION ALL SELECT 'INFO', info FROM counted \
             UNION ALL SELECT 'WARNING', warning FROM counted UNION ALL SELECT 'ERROR', error FROM counted \
             UNION ALL SELECT 'CRITICAL', critical FROM counted \
             UNION ALL SELECT log_level, 1 FROM log_blocks CROSS JOIN agent_logs \
             ON id >= block << 10 AND id < (block + 1) << 10 WHERE log = 'agent' AND ",
            $read,
            $row,
            " UNION ALL SELECT log_level, 1 FROM agent_logs WHERE id >= ",
            tail!("agent"),
            $row,
            ") WHERE entries > 0 GROUP BY log_level"
        )
    };
}

/// The conditions on entries of a range of times.
macro_rules! ranges {
    ($log:literal) => {
        TimeRange {
            since: "created_time >= ?",
            until: "created_time < ?",
            from_block: concat!(
                "id >= coalesce((SELECT min(block) << 10 FROM log_blocks \
                 WHERE log = '",
                $log,
                "' AND (stale OR last_time >= ?)), ",
                tail!($log),
                ")"
            ),
            to_block: concat!(
                "id < (SELECT (max(block) + 1) << 10 FROM log_blocks \
                 WHERE log = '",
                $log,
                "' AND (stale OR first_time < ?))"
            ),
            in_tail: concat!("id >= ", tail!($log)),
        }
    };
}

struct TimeRange {
    since: &'static str,
    until: &'static str,
    from_block: &'static str,
    to_block: &'static str,
    in_tail: &'static str,
}

impl Log {
    /// Adds to `conditions` that entries are of `since` or later and earlier than `until`. Gives the alternatives.
    #[must_use]
    pub fn between(
        self,
        mut conditions: Vec<Condition>,
        since: Option<Value>,
        until: Option<Value>,
    ) -> Vec<Vec<Condition>> {
        let range = match self {
            Self::Agent => ranges!("agent"),
            Self::System => ranges!("system"),
        };
        if let Some(since) = since {
            conditions.push(Condition::new(range.from_block, since.clone()));
            conditions.push(Condition::new(range.since, since));
        }
        let Some(until) = until else {
            return vec![conditions];
        };
        conditions.push(Condition::new(range.until, until.clone()));
        let mut in_tail = conditions.clone();
        in_tail.push(Condition::plain(range.in_tail));
        conditions.push(Condition::new(range.to_block, until));
        vec![conditions, in_tail]
    }

    /// Whether there are blocks to count.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn is_behind(self, db: &dyn Connection) -> Result<bool, Error> {
        let sql = self.sql("SELECT EXISTS (SELECT 1 FROM log_blocks WHERE log = '{log}' AND stale) OR coalesce(\
             (SELECT max(id) >> 10 FROM {table}) > (SELECT min(id) >> 10 FROM {table} WHERE id >= \
             {tail}), 0) \
             OR EXISTS (SELECT 1 FROM log_blocks WHERE log = '{log}' AND debug + info + warning + error + critical = 0 \
             AND block < (SELECT max(block) FROM log_blocks WHERE log = '{log}')) AS is_behind"
        );
        let rows = db.execute(&sql, &[])?;
        rows.into_iter()
            .next()
            .map_or(Ok(false), |mut row| row.boolean("is_behind"))
    }

    /// Counts some blocks, and gives whether there may be more to count. Inside a transaction.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn count_some(self, db: &dyn Connection) -> Result<bool, Error> {
        let stale = self.sql("SELECT block FROM log_blocks WHERE log = '{log}' AND stale LIMIT 1");
        if let Some(mut row) = db.execute(&stale, &[])?.into_iter().next() {
            let block = row.integer("block")?;
            let empty = self.sql("DELETE FROM log_blocks WHERE log = '{log}' AND block = ?1");
            // Where entries are left, it is made anew; the last block stays, since what comes after it is the tail.
            self.count(db, block, block + 1)?;
            if self.is_empty(db, block)? && !self.is_last(db, block)? {
                db.execute(&empty, &[block.into()])?;
                self.forget_texts(db, block)?;
            }
            return Ok(true);
        }
        let next = self.sql(
            "SELECT min(id) >> 10 AS first, max(id) >> 10 AS last FROM {table} WHERE id >= \
             {tail}",
        );
        let Some(mut row) = db.execute(&next, &[])?.into_iter().next() else {
            return Ok(false);
        };
        let (first, last) = (row.integer("first")?, row.integer("last")?);
        if first >= last {
            return self.sweep(db);
        }
        self.count(db, first, last.min(first + BLOCKS))?;
        Ok(true)
    }

    /// Counts the blocks from `first` until before `end`.
    fn count(self, db: &dyn Connection, first: i64, end: i64) -> Result<(), Error> {
        let clear = self.sql("UPDATE log_blocks SET debug = 0, info = 0, warning = 0, error = 0, critical = 0, stale = 0, searched = 0 \
             WHERE log = '{log}' AND block >= ?1 AND block < ?2"
        );
        let count = self.sql("INSERT INTO log_blocks (log, block, debug, info, warning, error, critical, first_time, last_time, stale) \
             SELECT '{log}', id >> 10, sum(log_level IS 'DEBUG'), sum(log_level IS 'INFO'), sum(log_level IS 'WARNING'), \
             sum(log_level IS 'ERROR'), sum(log_level IS 'CRITICAL'), min(created_time), max(created_time), 0 \
             FROM {table} WHERE id >= ?1 << 10 AND id < ?2 << 10 GROUP BY id >> 10 \
             ON CONFLICT (log, block) DO UPDATE SET debug = excluded.debug, info = excluded.info, \
             warning = excluded.warning, error = excluded.error, critical = excluded.critical, \
             first_time = excluded.first_time, last_time = excluded.last_time, stale = 0, searched = 0"
        );
        db.execute(&clear, &[first.into(), end.into()])?;
        db.execute(&count, &[first.into(), end.into()])?;
        Ok(())
    }

    fn is_empty(self, db: &dyn Connection, block: i64) -> Result<bool, Error> {
        let sql =
            self.sql("SELECT 1 FROM {table} WHERE id >= ?1 << 10 AND id < (?1 + 1) << 10 LIMIT 1");
        Ok(db.execute(&sql, &[block.into()])?.is_empty())
    }

    fn is_last(self, db: &dyn Connection, block: i64) -> Result<bool, Error> {
        let sql = self.sql("SELECT 1 FROM log_blocks WHERE log = '{log}' AND block > ?1 LIMIT 1");
        Ok(db.execute(&sql, &[block.into()])?.is_empty())
    }

    /// Deletes blocks whose entries are all gone. Gives whether there may be more.
    fn sweep(self, db: &dyn Connection) -> Result<bool, Error> {
        let sql = self.sql("DELETE FROM log_blocks WHERE log = '{log}' AND block IN (SELECT block FROM log_blocks WHERE log = '{log}' \
             AND debug + info + warning + error + critical = 0 \
             AND block < (SELECT max(block) FROM log_blocks WHERE log = '{log}') LIMIT 100) RETURNING block"
        );
        let rows = db.execute(&sql, &[])?;
        let is_some = !rows.is_empty();
        for mut row in rows {
            self.forget_texts(db, row.integer("block")?)?;
        }
        Ok(is_some)
    }

    /// Deletes entries that are more than `days` days old, at most `limit` of them, so that nobody waits long for the write
    /// lock. One whose time is no time never is. Gives how many they were.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn delete_old(self, db: &dyn Connection, days: i64, limit: usize) -> Result<usize, Error> {
        let sql = self
            .sql("DELETE FROM {table} WHERE id IN ({old} LIMIT +?2) RETURNING id")
            .replace("{old}", &self.old());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Ok(db.execute(&sql, &[days.into(), limit.into()])?.len())
    }

    /// How many entries that is true of.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn count_old(self, db: &dyn Connection, days: i64) -> Result<i64, Error> {
        let sql = format!("SELECT count(*) AS entries FROM ({})", self.old());
        let rows = db.execute(&sql, &[days.into()])?;
        rows.into_iter()
            .next()
            .map_or(Ok(0), |mut row| row.integer("entries"))
    }

    /// The ids of the entries that are more than `?1` days old: those of blocks that have such, and of the tail.
    fn old(self) -> String {
        self.sql("SELECT id FROM log_blocks CROSS JOIN {table} ON id >= block << 10 AND id < (block + 1) << 10 \
             WHERE log = '{log}' AND (stale OR first_time < \
             strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || ?1 || ' days')) AND (stale OR debug + info + warning + error + critical > 0) \
             AND created_time < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || ?1 || ' days') \
             AND created_time GLOB '[0-9][0-9][0-9][0-9]-*T*Z' \
             UNION ALL SELECT id FROM {table} \
             WHERE id >= {tail} \
             AND created_time < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || ?1 || ' days') \
             AND created_time GLOB '[0-9][0-9][0-9][0-9]-*T*Z'"
        )
    }
}

/// The condition on entries of `agent_logs` that are in no block.
pub const IN_TAIL: &str = concat!("id >= ", tail!("agent"));

/// How many entries of `agent_logs` there are of each level (columns `log_level`, `entries`), of all time: blocks by their
/// counts, the others and the tail by their rows.
pub const ENTRIES_BY_LEVEL: &str = entries_by_level!("", "stale", "");

/// The same from `?1` on: blocks that are wholly later by their counts, the others by their rows.
pub const ENTRIES_BY_LEVEL_SINCE: &str = entries_by_level!(
    " AND first_time >= ?1",
    "(stale OR first_time < ?1 AND last_time >= ?1)",
    " AND created_time >= ?1"
);
