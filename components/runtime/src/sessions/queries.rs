//! The SQL of `/api/runtime/sessions`. Triggers keep the table `sessions`, which has which there are and since when; the
//! rest is summed up from the agents of those that are shown.

use std::collections::HashMap;

use database::{Connection, Error, Keyset, Paged, Select};
use domain::Timestamp;
use http_api::ApiError;

use super::model::{Search, Session};
use crate::counts::{self, AgentCounts};

const BY_AGE: Keyset = Keyset {
    key: "started_at",
    tie: Some("session_id"),
};

pub(crate) fn list(db: &dyn Connection, search: &Search) -> Result<Paged<Session>, Error> {
    let page = Select::new("session_id, started_at", "sessions").page(
        db,
        BY_AGE,
        search.page.window(),
        |mut row| empty(row.text(), row.text()),
    )?;
    Ok(Paged {
        rows: summed_up(db, page.rows)?,
        next: page.next,
    })
}

pub(crate) fn find(db: &dyn Connection, id: &str) -> Result<Session, ApiError> {
    const SQL: &str = "SELECT session_id, started_at FROM sessions WHERE session_id = ?1";
    let rows = db.execute(SQL, &[id.into()])?.into_iter();
    let sessions = rows.map(|mut row| empty(row.text(), row.text())).collect();
    summed_up(db, sessions)?
        .pop()
        .ok_or_else(|| ApiError::unknown("Session", id))
}

fn empty(session_id: String, started_at: String) -> Session {
    Session {
        session_id,
        updated_at: Timestamp::stored(started_at.clone()),
        started_at: Timestamp::stored(started_at),
        agents: AgentCounts::default(),
        tokens_input: 0,
        tokens_output: 0,
        cost_usd: 0.0,
    }
}

fn summed_up(db: &dyn Connection, mut sessions: Vec<Session>) -> Result<Vec<Session>, Error> {
    const SQL: &str = concat!(
        "SELECT session_id, status, count(*), \
         max(replace(coalesce(updated_at, completed_at, started_at), ' ', 'T')), \
         sum(tokens_input), sum(tokens_output), total(",
        counts::agent_cost!(),
        ") FROM agents WHERE session_id IN (SELECT value FROM json_each(?1)) GROUP BY session_id, status"
    );
    let ids: Vec<&str> = sessions
        .iter()
        .map(|session| &*session.session_id)
        .collect();
    // A list of text always serialises.
    let ids = serde_json::to_string(&ids).unwrap_or_default();
    let rows = db.execute(SQL, &[ids.into()])?;
    let places: HashMap<String, usize> = sessions
        .iter()
        .enumerate()
        .map(|(place, session)| (session.session_id.clone(), place))
        .collect();
    for mut row in rows {
        let place = places.get(&row.text());
        let Some(session) = place.and_then(|place| sessions.get_mut(*place)) else {
            continue;
        };
        session.agents.add(&row.text(), row.integer());
        let updated_at = Timestamp::stored(row.text());
        session.updated_at = updated_at.max(session.updated_at.clone());
        session.tokens_input = session.tokens_input.saturating_add(row.integer());
        session.tokens_output = session.tokens_output.saturating_add(row.integer());
        session.cost_usd = counts::cents(session.cost_usd + row.real());
    }
    Ok(sessions)
}
