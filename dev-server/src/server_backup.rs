//! A copy of a libSQL server's database as an SQLite file.
//!
//! Row by row, in one transaction that sees one state of it. Tables first, then what is in them, then indexes and triggers:
//! a copy counts and logs nothing.

use anyhow::{Context as _, Result};
use database::{Connection, Value, change_log, transaction};
use rusqlite::{Connection as File, params_from_iter};

/// How many rows are read at once; fewer where these are more than the server hands over.
const PAGE: i64 = 1000;

/// Copies all of `source` into `target`, which is empty. Gives how many rows these are.
///
/// # Errors
/// Where one of the two fails.
pub(crate) fn copy(source: &dyn Connection, target: &File) -> Result<u64> {
    target.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF; BEGIN")?;
    let rows = transaction(source, "BEGIN", &mut |source| {
        Ok::<_, Fault>(copy_inside(source, target)?)
    })
    .map_err(|Fault(error)| error)?;
    target.execute_batch("COMMIT")?;
    Ok(rows)
}

/// Either side's error, on its way through the transaction.
struct Fault(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

fn copy_inside(source: &dyn Connection, target: &File) -> Result<u64> {
    const SCHEMA: &str = "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL \
        AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE 'libsql\\_%' ESCAPE '\\' \
        AND name NOT LIKE '%\\_logs\\_text\\_%' ESCAPE '\\' ORDER BY rowid";
    let mut has_index = false;
    let mut tables = Vec::new();
    let mut others = Vec::new();
    for mut row in source.execute(SCHEMA, &[])? {
        let sql = row.text("sql")?;
        let name = row.text("name")?;
        if name.ends_with("_logs_text") {
            target.execute_batch(&sql)?;
            has_index = true;
        } else if row.text("type")? == "table" {
            target.execute_batch(&sql)?;
            tables.push(name);
        } else {
            others.push(sql);
        }
    }
    let mut rows = 0;
    for table in &tables {
        rows += copy_table(source, target, table).with_context(|| format!("table {table}"))?;
    }
    target.execute_batch("DELETE FROM sqlite_sequence")?;
    for mut row in source.execute("SELECT name, seq FROM sqlite_sequence", &[])? {
        let sequence = (row.text("name")?, row.integer("seq")?);
        target.execute(
            "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)",
            sequence,
        )?;
    }
    if has_index {
        // The index of the log's texts is no data: the copy makes its own.
        target.execute_batch("UPDATE log_blocks SET searched = 0")?;
    }
    for sql in others {
        target.execute_batch(&sql)?;
    }
    let mut version = source.execute("PRAGMA user_version", &[])?;
    let version = version
        .pop()
        .context("no version")?
        .integer("user_version")?;
    target.pragma_update(None, "user_version", version)?;
    Ok(rows)
}

fn copy_table(source: &dyn Connection, target: &File, table: &str) -> Result<u64> {
    let (key, columns) = columns(source, table)?;
    let list = columns.join(", ");
    let table = quoted(table);
    let key_list = key.join(", ");
    let page = |condition: &str| {
        format!("SELECT {key_list}, {list} FROM {table} {condition} ORDER BY {key_list} LIMIT +?1")
    };
    let places: Vec<String> = (2..).take(key.len()).map(|n| format!("?{n}")).collect();
    let first = page("");
    let next = page(&format!("WHERE ({key_list}) > ({})", places.join(", ")));
    let places = vec!["?"; columns.len()].join(", ");
    let mut insert = target.prepare(&format!("INSERT INTO {table} ({list}) VALUES ({places})"))?;
    let mut after: Vec<Value> = Vec::new();
    let mut count = 0;
    loop {
        let sql = if after.is_empty() { &first } else { &next };
        let some = change_log::as_many_as_fit(PAGE, |limit| {
            let parameters: Vec<Value> = [limit.into()].into_iter().chain(after.clone()).collect();
            source.execute(sql, &parameters)
        })?;
        if some.is_empty() {
            return Ok(count);
        }
        for row in some {
            let mut values = row.into_values();
            let row = values.split_off(key.len());
            after = values;
            insert.execute(params_from_iter(&row))?;
            count += 1;
        }
    }
}

/// What tells the rows of a table apart, and all that is stored of one: not what is made of other columns.
fn columns(source: &dyn Connection, table: &str) -> Result<(Vec<String>, Vec<String>)> {
    const COLUMNS: &str = "SELECT name, pk, (SELECT wr FROM pragma_table_list WHERE name = ?1) AS without_rowid \
        FROM pragma_table_xinfo(?1) WHERE hidden = 0 ORDER BY cid";
    let mut key = Vec::new();
    let mut columns = Vec::new();
    let mut has_rowid = true;
    for mut row in source.execute(COLUMNS, &[table.into()])? {
        let name = quoted(&row.text("name")?);
        let place = row.integer("pk")?;
        if place > 0 {
            key.push((place, name.clone()));
        }
        columns.push(name);
        has_rowid = !row.boolean("without_rowid")?;
    }
    if has_rowid {
        // Lists are in its order, so it is kept.
        columns.insert(0, "rowid".to_owned());
        return Ok((vec!["rowid".to_owned()], columns));
    }
    key.sort();
    Ok((key.into_iter().map(|(_, name)| name).collect(), columns))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
