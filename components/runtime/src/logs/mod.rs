//! `/api/runtime/logs`: what agents reported.

mod model;
mod queries;

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use database::{Connection, Database};
use http_api::routing::{Table, delete, get, path, post};
use http_api::{Answer, ApiError, Id, List, Once, Query};
use model::{Deleted, Entry, Inserted, Logged, NewEntries, Old, Search};

/// The pause between two steps of a deletion, in which others may write.
const PAUSE: Duration = Duration::from_millis(5);
/// How long a deletion goes on. A host ends a request that takes too long, and the client would not know what became of
/// it; so what is left after this is for another request.
const LONGEST: Duration = Duration::from_secs(15);

pub(crate) fn routes() -> Table<Database> {
    let table = Table::new();
    let methods = get("Lists log entries, newest first", list)
        .merge(post("Stores a log entry, or up to 1000 at once", create))
        .merge(delete("Deletes old log entries", delete_old));
    let table = path(table, "/api/runtime/logs", methods);
    let methods = get("Lists the log entries of an agent, newest first", of_agent);
    path(table, "/api/runtime/logs/agent/{id}", methods)
}

async fn list(
    State(database): State<Database>,
    Query(search): Query<Search>,
) -> Result<List<Entry>, ApiError> {
    let entries = database.read(|db| queries::list(db, &search)).await?;
    Ok(search.page.answer(entries))
}

async fn of_agent(
    State(database): State<Database>,
    Id(id): Id,
    Query(mut search): Query<Search>,
) -> Result<List<Entry>, ApiError> {
    search.agent_id = Some(id.clone());
    let entries = database
        .read(|db| {
            let entries = queries::list(db, &search)?;
            if entries.rows.is_empty() && !crate::agents::exists(db, &id)? {
                return Err(ApiError::unknown("Agent", &id));
            }
            Ok(entries)
        })
        .await?;
    Ok(search.page.answer(entries))
}

async fn create(
    State(database): State<Database>,
    once: Once<NewEntries>,
) -> Result<Answer<Logged>, ApiError> {
    let work = |db: &dyn Connection, new: &NewEntries| {
        let logged = match new {
            NewEntries::One(entry) => Logged::One(queries::insert(db, entry)?),
            NewEntries::Several(entries) => {
                let ids = queries::insert_several(db, entries)?;
                Logged::Several(Inserted {
                    inserted: ids.len(),
                    first_id: ids.first().copied().unwrap_or_default(),
                    last_id: ids.last().copied().unwrap_or_default(),
                })
            }
        };
        Ok(Answer::created(&logged))
    };
    once.run(&database, work).await
}

async fn delete_old(
    State(database): State<Database>,
    Query(old): Query<Old>,
) -> Result<Json<Deleted>, ApiError> {
    let start = Instant::now();
    let mut deleted = 0;
    loop {
        let (some, more) = database
            .write_one(|db| queries::delete_some(db, old.older_than_days))
            .await?;
        deleted += some;
        if !more || start.elapsed() > LONGEST {
            return Ok(Json(Deleted { deleted }));
        }
        database.sleep(PAUSE).await;
    }
}
