//! The port for changes: what was changed since a number, and what there is now.
//!
//! Of log entries see [`crate::log_tail`].
//!
//! One implementation, over [`Connection`], for the live feed over WebSocket and over Server-Sent Events. Run several of
//! these inside one transaction ([`crate::Database::read`]) to have them see the same log.

use crate::{Connection, Error, Row, Value};

/// How many changes are read at once.
pub const PAGE: i64 = 64;

/// Where the log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The number of the last change that there ever was, 0 where there was none.
    pub seq: i64,
    /// What tells the database from another.
    pub database: String,
}

/// How a definition is told: as triggers keep it, and from its row where they do not yet.
pub const DEFINITION: &str = "coalesce((SELECT json FROM definition_tellings WHERE key = orchestrator_agents.id), \
     (SELECT json FROM definition_json WHERE row = orchestrator_agents.rowid))";
/// The most rows of a snapshot, but for messages.
pub const MOST_ROWS: usize = 1000;
/// The most bytes of the rows of one kind in a snapshot, but for a single row that has more.
const MOST_BYTES: usize = 8 << 20;

/// What the log has changes of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// A running agent.
    Agent,
    /// A workflow.
    Workflow,
    /// A message.
    Message,
    /// A definition.
    Definition,
}

impl Entity {
    /// What the log calls it.
    fn read(word: &str) -> Option<Self> {
        Some(match word {
            "agent" => Self::Agent,
            "workflow" => Self::Workflow,
            "message" => Self::Message,
            "definition" => Self::Definition,
            _ => return None,
        })
    }
}

/// A row as the feed tells it; of an agent also what it is found by, which others have not.
#[derive(Debug)]
pub struct Told {
    /// Its id.
    pub id: String,
    /// Its session.
    pub session_id: String,
    /// Its status as it is told.
    pub status: String,
    /// The JSON object.
    pub json: String,
}

/// What a change of an agent replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// The log does not say.
    Unknown,
    /// Nothing: the agent is new.
    Absent,
    /// An agent.
    Was {
        /// Of this session.
        session_id: String,
        /// Told with this status.
        status: String,
        /// Whether it may have been told as failed meanwhile, for its lease, which no change says.
        or_failed: bool,
    },
}

/// One change.
#[derive(Debug)]
pub struct Change {
    /// Its number.
    pub seq: i64,
    /// What it is of; `None` for what this version does not know.
    pub entity: Option<Entity>,
    /// The row's id.
    pub id: String,
    /// The session that the row is of, where it is no agent; `None` where it is of none, or nobody knows.
    pub session_id: Option<String>,
    /// What it replaced, where it is of an agent.
    pub before: Before,
    /// The row after the change; `None` where it was deleted.
    pub row: Option<Told>,
}

/// The columns that [`told`] reads, of a row with a `payload`.
macro_rules! told {
    () => {
        "iif(json_valid(payload), json_extract(payload, '$.id'), '') AS id, \
         iif(json_valid(payload), json_extract(payload, '$.session_id'), '') AS session_id, \
         iif(json_valid(payload), json_extract(payload, '$.status'), '') AS status, payload"
    };
}

fn told(row: &mut Row) -> Result<Told, Error> {
    Ok(Told {
        id: row.text("id")?,
        session_id: row.text("session_id")?,
        status: row.text("status")?,
        json: row.text("payload")?,
    })
}

/// Where the log is.
///
/// # Errors
/// Those of the connection.
pub fn position(db: &dyn Connection) -> Result<Position, Error> {
    const SQL: &str = "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'change_log'), 0), \
        coalesce((SELECT max(seq) FROM change_log), 0)) AS seq, \
        (SELECT id FROM database_identity) AS database";
    let mut position = Position {
        seq: 0,
        database: String::new(),
    };
    for mut row in db.execute(SQL, &[])? {
        position.seq = row.integer("seq")?;
        position.database = row.text("database")?;
    }
    Ok(position)
}

/// The newest of all that the feed tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Newest {
    /// The number of the last change.
    pub seq: i64,
    /// The number of the last log entry.
    pub log_id: i64,
}

/// The newest change and log entry that there ever were, and what tells the database from another: one statement, and short.
///
/// # Errors
/// Those of the connection.
pub fn newest(db: &dyn Connection) -> Result<(Newest, String), Error> {
    const SQL: &str = "SELECT \
        max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'change_log'), 0), \
        coalesce((SELECT max(seq) FROM change_log), 0)) AS seq, \
        max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'agent_logs'), 0), \
        coalesce((SELECT max(id) FROM agent_logs), 0)) AS log_id, \
        (SELECT id FROM database_identity) AS database";
    let Some(mut row) = db.execute(SQL, &[])?.into_iter().next() else {
        return Ok((Newest::default(), String::new()));
    };
    let newest = Newest {
        seq: row.integer("seq")?,
        log_id: row.integer("log_id")?,
    };
    Ok((newest, row.text("database")?))
}

/// The changes after `seq`, in order, at most [`PAGE`] of them; `None` where `seq` is no position in the log, or what
/// follows it was pruned.
///
/// # Errors
/// Those of the connection.
pub fn since(db: &dyn Connection, seq: i64) -> Result<Option<Vec<Change>>, Error> {
    const SQL: &str = concat!(
        "SELECT seq, entity, entity_id, op, CASE entity WHEN 'workflow' THEN entity_id WHEN 'message' THEN \
         (SELECT session_id FROM agents WHERE id = iif(json_valid(payload), json_extract(payload, '$.agent_id'), NULL)) \
         END AS of_session, before_session_id, before_status, \
         before_status IN ('initializing', 'planning', 'executing', 'reviewing') \
         AND iif(json_valid(payload), json_extract(payload, '$.heartbeat_at'), NULL) IS NOT NULL AS or_failed, ",
        told!(),
        " FROM change_log WHERE seq > +?1 ORDER BY seq LIMIT +?2"
    );
    let rows = as_many_as_fit(PAGE, |limit| db.execute(SQL, &[seq.into(), limit.into()]))?;
    let changes = rows
        .into_iter()
        .map(|mut row| {
            Ok(Change {
                seq: row.integer("seq")?,
                entity: Entity::read(&row.text("entity")?),
                id: row.text("entity_id")?,
                session_id: row.optional_text("of_session")?,
                before: before(&mut row)?,
                row: match row.text("op")?.as_str() {
                    "delete" => None,
                    _ => Some(told(&mut row)?),
                },
            })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    // Numbers are given without gaps, so a gap is what was pruned.
    let is_whole = match changes.first() {
        Some(first) => seq.checked_add(1) == Some(first.seq),
        None => position(db)?.seq == seq,
    };
    Ok(is_whole.then_some(changes))
}

fn before(row: &mut Row) -> Result<Before, Error> {
    let or_failed = matches!(row.take("or_failed")?, Value::Integer(1));
    let session_id = row.optional_text("before_session_id")?;
    Ok(match (row.optional_text("before_status")?, session_id) {
        (None, _) => Before::Absent,
        (Some(status), Some(session_id)) => Before::Was {
            session_id,
            status,
            or_failed,
        },
        (Some(_), None) => Before::Unknown,
    })
}

/// The newest agents, newest first, at most `limit` of them: of one session, where that is given, with one of these
/// statuses, where there are some.
///
/// # Errors
/// Those of the connection.
pub fn agents(
    db: &dyn Connection,
    session_id: Option<&str>,
    status: &[&'static str],
    limit: i64,
) -> Result<Vec<Told>, Error> {
    let mut parts: Vec<(String, Value)> = Vec::new();
    let session = match session_id {
        None => "?1 IS NULL",
        Some(_) => "session_id = ?1",
    };
    let mut part = |status: Value, condition: &str| {
        let sql = format!(
            "SELECT {told}, started_time, row FROM (SELECT payload, started_time, agents.rowid AS row \
             FROM agents CROSS JOIN feed_agents ON feed_agents.row = agents.rowid \
             WHERE {session} AND {condition} ORDER BY started_time DESC, agents.rowid DESC LIMIT +?3)",
            told = told!()
        );
        parts.push((sql, status));
    };
    if status.is_empty() {
        part(Value::Null, "?2 IS NULL");
    }
    // One status after the other, as an index has the newest of one.
    for status in status {
        let of_session = if session_id.is_some() { "+" } else { "" };
        part(
            (*status).into(),
            &format!(
                "{of_session}status = ?2 AND (heartbeat_at IS NULL OR NOT EXISTS \
                 (SELECT 1 FROM lost_agents WHERE lost_agents.row = agents.rowid))"
            ),
        );
        if *status == "failed" {
            let lost = "?2 = 'failed' AND agents.rowid IN (SELECT row FROM lost_agents)";
            part((*status).into(), lost);
        }
    }
    as_many_as_fit(limit, |limit| {
        let mut newest = Vec::new();
        for (sql, status) in &parts {
            let some = db.execute(sql, &[session_id.into(), status.clone(), limit.into()])?;
            for mut row in some {
                let age = (row.text("started_time")?, row.integer("row")?);
                newest.push((age, told(&mut row)?));
            }
        }
        newest.sort_by(|(a, _), (b, _)| b.cmp(a));
        newest.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(newest.into_iter().map(|(_, agent)| agent).collect())
    })
}

/// What there is at one position in the log.
#[derive(Debug)]
pub struct Snapshot {
    /// The position.
    pub position: Position,
    /// The agents, newest first.
    pub agents: Vec<Told>,
    /// The rows of each other kind that was asked for, as JSON.
    pub others: Vec<(Entity, Vec<String>)>,
    /// The number of the last log entry.
    pub log_id: i64,
}

/// What there is: the newest agents ([`agents`]) and the rows of these kinds ([`rows`]). Inside a transaction.
///
/// # Errors
/// Those of the connection.
pub fn snapshot(
    db: &dyn Connection,
    session_id: Option<&str>,
    status: &[&'static str],
    others: &[Entity],
) -> Result<Snapshot, Error> {
    let most = i64::try_from(MOST_ROWS).unwrap_or(i64::MAX);
    Ok(Snapshot {
        position: position(db)?,
        agents: agents(db, session_id, status, most)?,
        others: others
            .iter()
            .map(|entity| Ok((*entity, rows(db, *entity, session_id)?)))
            .collect::<Result<_, Error>>()?,
        log_id: crate::log_tail::last_id(db)?,
    })
}

/// The rows of one kind that there are, newest first, as JSON: the newest [`MOST_ROWS`], or of messages those that wait and
/// the newest 100; of one session, where that is given. Fewer where these have more than 8 MB.
///
/// # Errors
/// Those of the connection.
pub fn rows(
    db: &dyn Connection,
    entity: Entity,
    session_id: Option<&str>,
) -> Result<Vec<String>, Error> {
    let sql = match entity {
        Entity::Agent => return Ok(Vec::new()),
        Entity::Workflow => WORKFLOWS.to_owned(),
        Entity::Message => MESSAGES.to_owned(),
        Entity::Definition => format!(
            "SELECT {DEFINITION} AS payload FROM orchestrator_agents WHERE id IS NOT NULL AND (?1 IS NULL OR true) \
             ORDER BY created_time DESC, rowid DESC LIMIT +?2 OFFSET +?3"
        ),
    };
    let mut rows = Vec::new();
    let mut bytes = 0;
    loop {
        let left = i64::try_from(MOST_ROWS - rows.len()).unwrap_or(0);
        let offset = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let some = as_many_as_fit(left.min(PAGE), |limit| {
            db.execute(&sql, &[session_id.into(), limit.into(), offset.into()])
        })?;
        if some.is_empty() {
            return Ok(rows);
        }
        for mut row in some {
            let json = row.text("payload")?;
            bytes += json.len();
            if bytes > MOST_BYTES && !rows.is_empty() {
                return Ok(rows);
            }
            rows.push(json);
        }
    }
}

const WORKFLOWS: &str = "SELECT (SELECT json FROM workflow_json WHERE row = ai_developer_workflows.rowid) AS payload \
    FROM ai_developer_workflows WHERE id IS NOT NULL AND (?1 IS NULL OR id = ?1) \
    ORDER BY created_time DESC, rowid DESC LIMIT +?2 OFFSET +?3";

/// Those that wait are not delivered yet, or questions without an answer.
const MESSAGES: &str = "SELECT (SELECT json FROM message_json WHERE message_json.row = chat.rowid) AS payload \
    FROM orchestrator_chat AS chat WHERE id IS NOT NULL \
    AND (?1 IS NULL OR agent_id IN (SELECT id FROM agents WHERE session_id = ?1)) AND rowid IN (\
    SELECT rowid FROM (SELECT rowid FROM orchestrator_chat WHERE ?1 IS NULL \
    OR agent_id IN (SELECT id FROM agents WHERE session_id = ?1) ORDER BY number DESC LIMIT 100) \
    UNION SELECT rowid FROM orchestrator_chat WHERE receiver_type = 'agent' AND delivered_at IS NULL \
    UNION SELECT rowid FROM orchestrator_chat AS question WHERE options IS NOT NULL \
    AND NOT EXISTS (SELECT 1 FROM orchestrator_chat AS reply WHERE reply.reply_to = question.id)) \
    ORDER BY number DESC, rowid DESC LIMIT +?2 OFFSET +?3";

/// An agent that is lost, and told so, while nobody has written it down: no change of the log says it yet.
#[derive(Debug)]
pub struct LostAgent {
    /// Its place in its table.
    pub row: i64,
    /// Its id.
    pub id: String,
}

/// All that are lost.
///
/// # Errors
/// Those of the connection.
pub fn lost(db: &dyn Connection) -> Result<Vec<LostAgent>, Error> {
    const SQL: &str =
        "SELECT row, CAST(id AS TEXT) AS id FROM lost_agents WHERE id IS NOT NULL ORDER BY row";
    let rows = db.execute(SQL, &[])?.into_iter();
    rows.map(|mut row| {
        Ok(LostAgent {
            row: row.integer("row")?,
            id: row.text("id")?,
        })
    })
    .collect()
}

/// The agents in the first of these rows, as the feed tells them, and how many rows these are: as many as fit.
///
/// # Errors
/// Those of the connection.
pub fn told_at(db: &dyn Connection, rows: &[i64]) -> Result<(usize, Vec<Told>), Error> {
    const SQL: &str = concat!(
        "SELECT ",
        told!(),
        " FROM (SELECT payload FROM json_each(?1) AS at CROSS JOIN feed_agents ON feed_agents.row = at.value)"
    );
    let mut count = 0;
    let limit = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let found = as_many_as_fit(limit, |limit| {
        count = usize::try_from(limit).unwrap_or(rows.len());
        let rows: Vec<String> = rows[..count].iter().map(i64::to_string).collect();
        db.execute(SQL, &[format!("[{}]", rows.join(",")).into()])
    })?;
    let agents = found.into_iter().map(|mut row| told(&mut row));
    Ok((count, agents.collect::<Result<_, _>>()?))
}

/// The agents that were written to in the changes after `after` up to `until`; `None` where some of these were pruned.
///
/// # Errors
/// Those of the connection.
pub fn written_to(
    db: &dyn Connection,
    after: i64,
    until: i64,
) -> Result<Option<Vec<String>>, Error> {
    const SQL: &str = "SELECT iif(json_valid(payload) AND json_extract(payload, '$.receiver_type') = 'agent', \
        CAST(json_extract(payload, '$.agent_id') AS TEXT), NULL) AS agent_id, \
        (SELECT min(seq) FROM change_log) AS first \
        FROM change_log WHERE seq > ?1 AND seq <= ?2 AND entity = 'message' AND op <> 'delete' \
        UNION ALL SELECT NULL, (SELECT min(seq) FROM change_log)";
    let mut agents = Vec::new();
    for mut row in db.execute(SQL, &[after.into(), until.into()])? {
        let first = row.take("first")?;
        if !matches!(first, Value::Integer(first) if first <= after.saturating_add(1)) {
            return Ok(None);
        }
        agents.extend(row.optional_text("agent_id")?);
    }
    Ok(Some(agents))
}

/// Deletes some of the changes but for the newest `keep`, at most `limit`. Gives how many.
///
/// # Errors
/// Those of the connection.
pub fn prune(db: &dyn Connection, keep: i64, limit: usize) -> Result<usize, Error> {
    const SQL: &str = "DELETE FROM change_log WHERE seq <= (SELECT max(seq) FROM change_log) - ?1 \
        AND seq < (SELECT min(seq) FROM change_log) + ?2 RETURNING seq";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    Ok(db.execute(SQL, &[keep.into(), limit.into()])?.len())
}

/// Runs a query for at most `limit` rows, or for fewer where these are more than the host hands over at once, and gives
/// what it gives.
///
/// # Errors
/// Those of the query; [`Error::TooLarge`] where one row is.
pub fn as_many_as_fit<T>(
    mut limit: i64,
    mut query: impl FnMut(i64) -> Result<T, Error>,
) -> Result<T, Error> {
    loop {
        match query(limit) {
            Err(Error::TooLarge) if limit > 1 => limit /= 2,
            result => return result,
        }
    }
}
