//! `/api/runtime/sessions`: the agents that work together, as one row.
//!
//! Triggers keep which sessions there are, since when, and the sums of their agents by status.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use database::{Access, Condition, Connection, Database, Error, Row, Select, Window};
use domain::Timestamp;
use http_api::routing::{Table, get, path};
use http_api::{
    ApiError, Declared, ExportAs, Field, Id, Input, Kind, ListOrFile, ListQuery, Listed, Order,
    PageOf, Reading,
};
use serde::Serialize;

use crate::counts::{AgentCounts, Usage, usage};

/// A session, as a client sees it: there is one as long as it has agents.
#[expect(clippy::struct_field_names, reason = "clients see these names")]
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub(crate) struct Session {
    session_id: String,
    /// When its first agent was started.
    started_at: Timestamp,
    /// When an agent of it last changed.
    updated_at: Timestamp,
    agents: AgentCounts,
    tokens_input: i64,
    tokens_output: i64,
    /// In US dollars, of all its agents.
    cost_usd: f64,
}

/// The list of sessions.
struct Sessions;

impl Declared for Sessions {
    fn fields() -> Vec<Field> {
        vec![Field::optional(
            "q",
            Kind::text(1, 500),
            "Only sessions with this text in their id.",
        )]
    }
}

impl Listed for Sessions {
    fn limit() -> usize {
        1000
    }

    fn order() -> Order {
        Order::Descending
    }

    fn export() -> Option<ExportAs> {
        Some(ExportAs {
            name: "sessions",
            columns: vec![
                "session_id",
                "started_at",
                "updated_at",
                "agents",
                "tokens_input",
                "tokens_output",
                "cost_usd",
            ],
        })
    }
}

const SESSIONS: database::List = database::List {
    table: "sessions",
    key: Some("started_time"),
};

/// What is read of a session: the rest follows from its agents.
const SELECT: &str = "CAST(sessions.session_id AS TEXT) AS session_id, started_time AS started_at, \
    (SELECT max(updated_time) FROM agents WHERE agents.session_id = sessions.session_id) AS updated_at";

pub(crate) fn table() -> Table<Database> {
    let methods = get("Lists sessions, newest first", list);
    let table = path(Table::new(), "/api/runtime/sessions", methods);
    let methods = get("Reads a session", read);
    path(table, "/api/runtime/sessions/{id}", methods)
}

async fn list(
    State(database): State<Database>,
    query: ListQuery<Sessions>,
) -> Result<ListOrFile<Session>, ApiError> {
    query.read(database, page).await
}

fn page<'a>(database: &'a Database, sent: &'a Input, window: Window<'a>) -> Reading<'a, Session> {
    const WITH_TEXT: &str = "instr(lower(session_id), lower(?))";
    const ROW: Select<'_> = Select {
        whole: SELECT,
        shortened: SELECT,
        key: None,
    };
    let list = move |db: &dyn Connection| {
        let mut page = if let Some(text) = sent.text("q") {
            let with_text = Condition::new(WITH_TEXT, text);
            SESSIONS.page_looked_for(db, ROW, &[Vec::new()], &[with_text], window)?
        } else {
            SESSIONS.page(db, ROW, Access::Free, &[Vec::new()], window)?
        };
        let rows = page.rows.iter_mut().map(|(_, row)| row);
        let mut sessions = summed_up(db, rows)?.into_iter();
        PageOf::new(page, |_, json| {
            // Structures of text and numbers always serialise.
            json.push_str(&serde_json::to_string(&sessions.next()).unwrap_or_default());
            Ok::<_, ApiError>(())
        })
    };
    Box::pin(database.read(list))
}

async fn read(State(database): State<Database>, Id(id): Id) -> Result<Json<Session>, ApiError> {
    let sql = format!("SELECT {SELECT} FROM sessions WHERE session_id = ?1");
    let session = database
        .read(|db| {
            let mut rows = db.execute(&sql, &[id.as_str().into()])?;
            summed_up(db, rows.iter_mut())?
                .pop()
                .ok_or_else(|| ApiError::unknown("Session", &id))
        })
        .await?;
    Ok(Json(session))
}

/// Sessions with the sums of their agents, from rows whose values are taken.
fn summed_up<'a>(
    db: &dyn Connection,
    found: impl ExactSizeIterator<Item = &'a mut Row>,
) -> Result<Vec<Session>, Error> {
    const SUMS: &str = concat!(
        "SELECT CAST(session_id AS TEXT) AS session, status, sum(agents) AS agents, ",
        usage!(),
        " FROM agent_usage WHERE session_id IN (SELECT value FROM json_each(?1)) GROUP BY session_id, status"
    );
    const LOST: &str = "SELECT CAST(session_id AS TEXT) AS session, status, count(*) AS agents FROM lost_agents \
         WHERE session_id IN (SELECT value FROM json_each(?1)) GROUP BY session_id, status";
    let mut places = HashMap::new();
    let mut sessions: Vec<(Session, Usage)> = Vec::with_capacity(found.len());
    for row in found {
        let session_id = row.text("session_id")?;
        places.insert(session_id.clone(), sessions.len());
        let session = Session {
            session_id,
            started_at: Timestamp::told(row.text("started_at")?),
            updated_at: Timestamp::told(row.text("updated_at")?),
            agents: AgentCounts::default(),
            tokens_input: 0,
            tokens_output: 0,
            cost_usd: 0.0,
        };
        sessions.push((session, Usage::default()));
    }
    let ids: Vec<&str> = sessions
        .iter()
        .map(|(session, _)| &*session.session_id)
        .collect();
    // A list of text always serialises.
    let ids = serde_json::to_string(&ids).unwrap_or_default();
    for mut row in db.execute(SUMS, &[ids.as_str().into()])? {
        let place = places.get(&row.text("session")?);
        let Some((session, usage)) = place.and_then(|place| sessions.get_mut(*place)) else {
            continue;
        };
        session
            .agents
            .add(&row.text("status")?, row.integer("agents")?);
        usage.add(&mut row)?;
    }
    for mut row in db.execute(LOST, &[ids.into()])? {
        let place = places.get(&row.text("session")?);
        if let Some((session, _)) = place.and_then(|place| sessions.get_mut(*place)) {
            session
                .agents
                .lose(&row.text("status")?, row.integer("agents")?);
        }
    }
    Ok(sessions
        .into_iter()
        .map(|(session, usage)| Session {
            tokens_input: usage.tokens_input(),
            tokens_output: usage.tokens_output(),
            cost_usd: usage.cost_usd(),
            ..session
        })
        .collect())
}
