//! Deleting what much hangs on.
//!
//! SQLite's foreign keys would delete an agent with all its log entries by one statement, and hold the write lock for as
//! long as that takes. So the row itself goes at once, with the foreign keys off ([`crate::Database::write_unchecked`]),
//! and the table `deletions` keeps what is to follow it, in short steps: by the request itself for a moment, and then by
//! the maintenance. What was made before the deletion goes, and nothing that comes later under the same id.

use crate::{Connection, Error, Value};

/// The tables whose rows others hang on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// `orchestrator_agents`: running agents hang on them.
    Definition,
    /// `agents`: prompts and log entries hang on them, and agents that they have started.
    Agent,
}

impl Owner {
    fn table(self) -> &'static str {
        match self {
            Self::Definition => "orchestrator_agents",
            Self::Agent => "agents",
        }
    }
}

/// Deletes the row itself. With foreign keys off, inside a transaction.
///
/// # Errors
/// Those of the connection.
pub fn begin(db: &dyn Connection, owner: Owner, id: &Value) -> Result<(), Error> {
    note(db, owner, id)?;
    let sql = format!("DELETE FROM {} WHERE id = ?1", owner.table());
    db.execute(&sql, std::slice::from_ref(id))?;
    Ok(())
}

/// Notes that what hangs on the row is to follow it.
fn note(db: &dyn Connection, owner: Owner, id: &Value) -> Result<(), Error> {
    let sql = match owner {
        Owner::Definition => {
            "INSERT OR REPLACE INTO deletions (kind, id, last_row, last_log, deleted_time) \
             SELECT 'orchestrator_agents', CAST(?1 AS TEXT), coalesce(max(rowid), 0), 0, \
             strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM agents"
        }
        Owner::Agent => {
            "INSERT OR REPLACE INTO deletions (kind, id, last_row, last_log, deleted_time) \
             SELECT 'agents', CAST(?1 AS TEXT), coalesce((SELECT max(rowid) FROM prompts), 0), coalesce(max(id), 0), \
             strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM agent_logs"
        }
    };
    db.execute(sql, std::slice::from_ref(id))?;
    Ok(())
}

/// Whether there is something to follow.
///
/// # Errors
/// Those of the connection.
pub fn are_pending(db: &dyn Connection) -> Result<bool, Error> {
    Ok(!db
        .execute("SELECT 1 FROM deletions LIMIT 1", &[])?
        .is_empty())
}

/// Deletes some of what is to follow, at most `limit` rows. Gives whether there may be more. With foreign keys off, inside
/// a transaction.
///
/// # Errors
/// Those of the connection.
pub fn step(db: &dyn Connection, limit: usize) -> Result<bool, Error> {
    // An id may be text that is no UTF-8, which only its bytes tell.
    const NEXT: &str = "SELECT kind, CAST(id AS BLOB) AS id, last_row, last_log, deleted_time FROM deletions LIMIT 1";
    let Some(mut row) = db.execute(NEXT, &[])?.into_iter().next() else {
        return Ok(false);
    };
    let (kind, id) = (row.text("kind")?, row.take("id")?);
    let before = Before {
        last_row: row.take("last_row")?,
        last_log: row.take("last_log")?,
        time: row.take("deleted_time")?,
    };
    let left = if kind == Owner::Agent.table() {
        delete_of_agent(db, &id, &before, limit)?
    } else {
        delete_of_definition(db, &id, &before, limit)?
    };
    if !left {
        let done = "DELETE FROM deletions WHERE kind = ?1 AND id = CAST(?2 AS TEXT)";
        db.execute(done, &[kind.into(), id])?;
    }
    Ok(true)
}

/// What was there before a deletion: a row is older where its number and its time both are. A number may be given again,
/// and a time may have no more than seconds.
struct Before {
    last_row: Value,
    last_log: Value,
    time: Value,
}

/// Tables that the existing service has in newer databases, and the columns by which their rows hang on another.
const OTHERS: [(&str, &str, Owner); 3] = [
    ("orchestrator_chat", "agent_id", Owner::Agent),
    (
        "orchestrator_chat",
        "orchestrator_agent_id",
        Owner::Definition,
    ),
    (
        "ai_developer_workflows",
        "orchestrator_agent_id",
        Owner::Definition,
    ),
];

/// Deletes rows of the other tables, where these are there and nothing has come back under the id. Gives whether there may be
/// more.
fn delete_of_others(
    db: &dyn Connection,
    owner: Owner,
    id: &Value,
    limit: usize,
) -> Result<bool, Error> {
    const COLUMN: &str = "SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2";
    for (table, column, of) in OTHERS {
        if of != owner
            || db
                .execute(COLUMN, &[table.into(), column.into()])?
                .is_empty()
        {
            continue;
        }
        let sql = format!(
            "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE {column} = CAST(?1 AS TEXT) LIMIT ?2) \
             AND NOT EXISTS (SELECT 1 FROM {owner} WHERE {owner}.id = CAST(?1 AS TEXT)) RETURNING 1",
            owner = owner.table(),
        );
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        if db.execute(&sql, &[id.clone(), most.into()])?.len() >= limit {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Deletes log entries and prompts of an agent, and takes it from the agents that it has started. Gives whether there may be
/// more.
fn delete_of_agent(
    db: &dyn Connection,
    id: &Value,
    before: &Before,
    limit: usize,
) -> Result<bool, Error> {
    const LOGS: &str = "DELETE FROM agent_logs WHERE id IN (\
        SELECT id FROM agent_logs WHERE agent_id = CAST(?1 AS TEXT) AND id <= ?2 LIMIT ?3) RETURNING id";
    // Where there is such an agent again, what came after the deletion is its own.
    const PROMPTS: &str = "DELETE FROM prompts WHERE rowid IN (SELECT rowid FROM prompts WHERE agent_id = CAST(?1 AS TEXT) \
        AND (rowid <= ?2 AND created_time <= ?3 OR NOT EXISTS (SELECT 1 FROM agents WHERE id = CAST(?1 AS TEXT))) LIMIT ?4) \
        RETURNING rowid";
    const CHILDREN: &str = "UPDATE agents SET parent_agent_id = NULL WHERE rowid IN (\
        SELECT rowid FROM agents WHERE parent_agent_id = CAST(?1 AS TEXT) LIMIT ?2) \
        AND NOT EXISTS (SELECT 1 FROM agents WHERE id = CAST(?1 AS TEXT)) RETURNING rowid";
    let most: Value = i64::try_from(limit).unwrap_or(i64::MAX).into();
    let Before {
        last_row,
        last_log,
        time,
    } = before;
    let parts: [(&str, &[Value]); 3] = [
        (LOGS, &[id.clone(), last_log.clone(), most.clone()]),
        (
            PROMPTS,
            &[id.clone(), last_row.clone(), time.clone(), most.clone()],
        ),
        (CHILDREN, &[id.clone(), most]),
    ];
    for (sql, parameters) in parts {
        if db.execute(sql, parameters)?.len() >= limit {
            return Ok(true);
        }
    }
    delete_of_others(db, Owner::Agent, id, limit)
}

/// Deletes agents of a definition, of which each is a deletion of its own. Gives whether there may be more.
fn delete_of_definition(
    db: &dyn Connection,
    id: &Value,
    before: &Before,
    limit: usize,
) -> Result<bool, Error> {
    const AGENTS: &str = "SELECT rowid AS row, CAST(id AS BLOB) AS id FROM agents \
        WHERE orchestrator_agent_id = CAST(?1 AS TEXT) AND (rowid <= ?2 AND started_time <= ?3 \
        OR NOT EXISTS (SELECT 1 FROM orchestrator_agents WHERE id = CAST(?1 AS TEXT))) LIMIT ?4";
    // An agent costs as much as some rows of others: its change, its history, its sums.
    let few: Value = i64::try_from(limit / 10 + 1).unwrap_or(i64::MAX).into();
    let parameters = [
        id.clone(),
        before.last_row.clone(),
        before.time.clone(),
        few,
    ];
    let agents = db.execute(AGENTS, &parameters)?;
    if agents.is_empty() {
        return delete_of_others(db, Owner::Definition, id, limit);
    }
    for mut agent in agents {
        let id = agent.take("id")?;
        if id != Value::Null {
            note(db, Owner::Agent, &id)?;
        }
        db.execute("DELETE FROM agents WHERE rowid = ?1", &[agent.take("row")?])?;
    }
    Ok(true)
}
