//! Finding log entries by a text in them, without reading the others.
//!
//! `agent_logs_text` and `system_logs_text` have the trigrams of each part of 64 entries (FTS5, contentless), so they say
//! which parts a text may be in; those are looked through. They are filled off the write path, after a block was counted
//! ([`log_blocks`](crate::log_blocks)): what comes after all blocks, what was not filled yet and what somebody has changed
//! since are looked through as well. So what is found is right at once, and the filling only makes it quick. Where nothing
//! fills them, it is the search that it would be without them.

use std::ops::RangeInclusive;

use crate::log_blocks::Log;
use crate::{Access, Condition, Connection, Error, List, Page, Select, Value, Window};

/// A text has no trigrams below this.
const SHORTEST: usize = 3;
/// How many trigrams of a text are asked for: more cost time and spare little.
const MOST_TRIGRAMS: usize = 24;
/// How many parts are looked through, and then how many more, before the entries themselves are: what is in that many is
/// soon found anyway.
const MOST_PARTS: [i64; 2] = [32, 1024];
/// How many bytes of text are filled in by one step, that nobody waits long for the write lock.
const MOST_BYTES: i64 = 64 << 10;
/// What a part of more text has in place of its trigrams; every text may be in it.
const ANY: &str = "\u{e000}\u{e000}\u{e000}";
/// How many parts a block has.
const PARTS: i64 = 16;

/// The condition on entries in parts, before the tail, with the text. The sign keeps SQLite from the
/// tail's bound, which is no near one.
macro_rules! in_parts {
    ($table:literal) => {
        concat!(
            "id IN (SELECT entry.id FROM json_each(?) AS part CROSS JOIN ",
            $table,
            " AS entry ON entry.id >= part.value << 6 AND entry.id < (part.value + 1) << 6 \
             WHERE +entry.id < ? AND instr(lower(entry.message), lower(?)))"
        )
    };
}

/// How a list is searched for a text.
#[derive(Debug)]
pub struct Search<'a> {
    /// The log.
    pub log: Log,
    /// Its list.
    pub list: List,
    /// What is read of an entry.
    pub select: Select<'a>,
    /// The text.
    pub text: &'a str,
    /// The conditions on an entry, that it has the text among them.
    pub conditions: Vec<Condition>,
    /// The same as the alternatives by which entries are found that are in no block.
    pub alternatives: Vec<Vec<Condition>>,
}

impl Search<'_> {
    /// Gives the entries of `window`. In a transaction, since it takes several statements.
    ///
    /// # Errors
    /// Those of [`List::page`].
    pub fn page(&self, db: &dyn Connection, window: Window<'_>) -> Result<Page, Error> {
        let page = |alternatives: &[Vec<Condition>], window: Window<'_>| {
            self.list
                .page(db, self.select, Access::Free, alternatives, window)
        };
        let Some(trigrams) = trigrams(self.text) else {
            return page(&self.alternatives, window);
        };
        let mut found = Page {
            rows: Vec::new(),
            has_more: false,
            end: None,
            key: self.select.key,
        };
        let mut after: Option<Vec<Value>> = window.after.map(<[Value]>::to_vec);
        // Gives whether that is all that is wanted.
        let mut look = |alternatives: &[Vec<Condition>], after: Option<&[Value]>| {
            let left = window.limit - found.rows.len();
            let limit = left.max(1);
            let more = page(
                alternatives,
                Window {
                    descending: window.descending,
                    after,
                    limit,
                },
            )?;
            found.has_more = more.has_more || left == 0 && !more.rows.is_empty();
            found.rows.extend(more.rows.into_iter().take(left));
            Ok::<_, Error>(found.has_more)
        };
        for most in MOST_PARTS {
            let (mut from, mut to) = (i64::MIN, i64::MAX);
            if let Some([Value::Integer(after)]) = after.as_deref() {
                let bound = if window.descending {
                    &mut to
                } else {
                    &mut from
                };
                *bound = after >> 6;
            }
            let parts = self
                .log
                .parts(db, &trigrams, most, from..=to, window.descending)?;
            let is_all = parts.number < most;
            let mut alternatives = Vec::new();
            if is_all || window.descending {
                alternatives.extend(self.in_tail(&parts));
            }
            if parts.number > 0 {
                alternatives.push(self.in_parts(&parts));
            }
            if look(&alternatives, after.as_deref())? || is_all {
                return Ok(found);
            }
            let last = if window.descending {
                parts.first << 6
            } else {
                ((parts.last + 1) << 6) - 1
            };
            after = Some(vec![last.into()]);
        }
        // What lies beyond is looked for as if there were no parts.
        look(&self.alternatives, after.as_deref())?;
        Ok(found)
    }

    /// The alternatives for entries that come after all blocks.
    fn in_tail(&self, parts: &Parts) -> Vec<Vec<Condition>> {
        let mut alternatives = self.alternatives.clone();
        for conditions in &mut alternatives {
            conditions.push(Condition::new("id >= ?", parts.tail));
        }
        alternatives
    }

    /// The conditions on entries in parts of blocks. These are found by their ids, whatever else they fulfil.
    fn in_parts(&self, parts: &Parts) -> Vec<Condition> {
        let conditions = self.conditions.iter().cloned();
        let mut conditions: Vec<Condition> = conditions.map(Condition::beside).collect();
        let sql = match self.log {
            Log::Agent => in_parts!("agent_logs"),
            Log::System => in_parts!("system_logs"),
        };
        let values = vec![
            parts.json.as_str().into(),
            parts.tail.into(),
            self.text.into(),
        ];
        conditions.push(Condition::of(sql, values));
        conditions
    }
}

/// Where a text may be.
struct Parts {
    /// The first id after all blocks.
    tail: i64,
    /// How many parts of blocks.
    number: i64,
    /// The first and the last one.
    first: i64,
    last: i64,
    /// All of them, as a JSON array.
    json: String,
}

impl Log {
    /// The newest parts of entries of `since` or later and earlier than `until` that a text may be in, at most so many, as a
    /// JSON array, and whether there may be more. `None` for a text that may be in any. In a transaction.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn parts_between(
        self,
        db: &dyn Connection,
        text: &str,
        [since, until]: [&str; 2],
        most: i64,
    ) -> Result<Option<(String, bool)>, Error> {
        let Some(trigrams) = trigrams(text) else {
            return Ok(None);
        };
        let sql = self.sql("SELECT coalesce(min(block) << 4, 0) AS first, coalesce((max(block) << 4) + 15, -1) AS last \
             FROM log_blocks WHERE log = '{log}' AND (stale OR last_time >= ?1 AND first_time < ?2)"
        );
        let rows = db.execute(&sql, &[since.into(), until.into()])?;
        let Some(mut row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let range = row.integer("first")?..=row.integer("last")?;
        let parts = self.parts(db, &trigrams, most, range, true)?;
        Ok(Some((parts.json, parts.number == most)))
    }

    /// The next parts of a range that a text with these trigrams may be in, at most so many.
    fn parts(
        self,
        db: &dyn Connection,
        trigrams: &str,
        most: i64,
        range: RangeInclusive<i64>,
        descending: bool,
    ) -> Result<Parts, Error> {
        let direction = if descending { "DESC" } else { "ASC" };
        let (from, to) = range.into_inner();
        let sql = self.sql("SELECT {tail} AS tail, \
             count(*) AS number, coalesce(min(part), 0) AS first, coalesce(max(part), 0) AS last, \
             json_group_array(part) AS json FROM (SELECT part FROM (\
             SELECT * FROM (SELECT rowid AS part FROM {table}_text WHERE {table}_text MATCH ?1 \
             AND rowid >= ?2 AND rowid <= ?3 ORDER BY rowid {direction} LIMIT ?4) \
             UNION SELECT (block << 4) + value FROM (\
             SELECT block, 0 AS done FROM log_blocks WHERE log = '{log}' AND stale \
             UNION ALL SELECT block, searched FROM log_blocks WHERE log = '{log}' AND searched < 16) \
             CROSS JOIN json_each('[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]') WHERE value >= done) \
             WHERE part >= ?2 AND part <= ?3 ORDER BY part {direction} LIMIT ?4)"
        )
        .replace("{direction}", direction);
        let parameters = [trigrams.into(), from.into(), to.into(), most.into()];
        let mut row = db
            .execute(&sql, &parameters)?
            .into_iter()
            .next()
            .ok_or_else(|| Error::Statement("a count gave no row".to_owned()))?;
        Ok(Parts {
            tail: row.integer("tail")?,
            number: row.integer("number")?,
            first: row.integer("first")?,
            last: row.integer("last")?,
            json: row.text("json")?,
        })
    }

    /// Whether there are entries to fill in.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn is_unsearched(self, db: &dyn Connection) -> Result<bool, Error> {
        Ok(self.next_unsearched(db)?.is_some())
    }

    /// Fills in some entries, the newest first, and gives whether there are more. Inside a transaction.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn fill_some(self, db: &dyn Connection) -> Result<bool, Error> {
        let Some((block, searched)) = self.next_unsearched(db)? else {
            return Ok(false);
        };
        let (first, end) = ((block * PARTS) + searched, (block + 1) * PARTS);
        let sizes = self.sql(
            "SELECT id >> 6 AS part, sum(octet_length(message)) AS bytes FROM {table} \
             WHERE id >= ?1 << 6 AND id < ?2 << 6 GROUP BY id >> 6",
        );
        let clear = self.sql("DELETE FROM {table}_text WHERE rowid >= ?1 AND rowid < ?2");
        let fill = self.sql("INSERT INTO {table}_text (rowid, message) \
             SELECT id >> 6, group_concat(replace(CAST(message AS TEXT), char(0), char(10)), char(10)) FROM {table} \
             WHERE id >= ?1 << 6 AND id < ?2 << 6 GROUP BY id >> 6"
        );
        let fill_any = self.sql("INSERT INTO {table}_text (rowid, message) VALUES (?1, ?2)");
        let done =
            self.sql("UPDATE log_blocks SET searched = ?2 WHERE log = '{log}' AND block = ?1");
        let (mut until, mut sum, mut too_large) = (end, 0, None);
        for mut row in db.execute(&sizes, &[first.into(), end.into()])? {
            let (part, bytes) = (row.integer("part")?, row.integer("bytes")?);
            sum += bytes;
            if sum > MOST_BYTES {
                // At least one, and one that is too large for itself.
                too_large = (sum == bytes).then_some(part);
                until = part + i64::from(sum == bytes);
                break;
            }
        }
        db.execute(&clear, &[first.into(), until.into()])?;
        match too_large {
            Some(part) => db.execute(&fill_any, &[part.into(), ANY.into()])?,
            None => db.execute(&fill, &[first.into(), until.into()])?,
        };
        let searched = until - block * PARTS;
        db.execute(&done, &[block.into(), searched.into()])?;
        Ok(true)
    }

    /// The newest block that is not filled in, and how many of its parts are.
    fn next_unsearched(self, db: &dyn Connection) -> Result<Option<(i64, i64)>, Error> {
        let sql = self.sql("SELECT block, searched FROM log_blocks WHERE log = '{log}' AND searched < 16 AND NOT stale \
             ORDER BY block DESC LIMIT 1"
        );
        let row = db.execute(&sql, &[])?.into_iter().next();
        row.map(|mut row| Ok((row.integer("block")?, row.integer("searched")?)))
            .transpose()
    }

    /// Removes what is filled in of a block that has no entries any more.
    pub(crate) fn forget_texts(self, db: &dyn Connection, block: i64) -> Result<(), Error> {
        let sql =
            self.sql("DELETE FROM {table}_text WHERE rowid >= ?1 << 4 AND rowid < (?1 + 1) << 4");
        db.execute(&sql, &[block.into()])?;
        Ok(())
    }
}

/// The trigrams of a text as FTS5 is asked for them, or for what every text may be in. `None` where it has none.
fn trigrams(text: &str) -> Option<String> {
    let mut characters: Vec<char> = text.chars().collect();
    // In a text that is no proper UTF-8, what follows such a character may be taken for a part of it.
    if characters.last().is_some_and(|last| !last.is_ascii()) {
        characters.pop();
    }
    if characters.len() < SHORTEST || characters.contains(&'\0') {
        return None;
    }
    let trigrams: Vec<String> = characters
        .windows(SHORTEST)
        .map(|trigram| String::from_iter(trigram).replace('"', "\"\""))
        .collect();
    let step = trigrams.len().div_ceil(MOST_TRIGRAMS);
    let mut all: Vec<String> = trigrams
        .into_iter()
        .step_by(step)
        .map(|trigram| format!("\"{trigram}\""))
        .collect();
    all.sort();
    all.dedup();
    Some(format!("({}) OR \"{ANY}\"", all.join(" AND ")))
}
