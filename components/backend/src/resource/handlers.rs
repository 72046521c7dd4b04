//! What is done with any resource: list, make, read, change, delete.

use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::NoContent;
use database::deletions::{self, Owner};
use database::{Connection, Constraint, Database, Error, Window};
use http_api::{
    ApiError, Body, Id, IdempotentBody, IfMatch, Input, ListOrFile, ListQuery, Reading,
    StoredResponse, Told,
};

use super::{ListRows, New, Resource, Row, Update, queries};

/// For how long a request goes on deleting what hangs on a row; what is left then is the maintenance's.
const DELETING: Duration = Duration::from_millis(100);
/// How many rows one step of a deletion deletes.
const DELETED_AT_ONCE: usize = 500;

/// GET of the list.
pub(crate) async fn list<R: Resource>(
    State(database): State<Database>,
    query: ListQuery<ListRows<R>>,
) -> Result<ListOrFile<Row<R>>, ApiError> {
    query.read(database, page::<R>).await
}

/// A page of the list.
fn page<'a, R: Resource>(
    database: &'a Database,
    sent: &'a Input,
    window: Window<'a>,
) -> Reading<'a, Row<R>> {
    Box::pin(async move {
        let list = |db: &dyn Connection| queries::list::<R>(db, sent, window);
        Ok(if queries::takes_several::<R>(sent) {
            database.read(list).await?
        } else {
            database.one(list).await?
        })
    })
}

/// POST of a new row.
pub(crate) async fn create<R: Resource>(
    State(database): State<Database>,
    new: IdempotentBody<New<R>>,
) -> Result<StoredResponse<Row<R>>, ApiError> {
    let row = queries::new_row::<R>(&new.body);
    let declaration = R::DECLARATION;
    let created = new
        .run(&database, |db, _| {
            let created = StoredResponse::created(queries::insert::<R>(db, &row)?);
            // A numbered row has no address of its own.
            let Some(id) = row.text("id") else {
                return Ok(created);
            };
            let created = created.at(format!("{}/{id}", declaration.path));
            let is_versioned = declaration
                .columns
                .iter()
                .any(|column| column.name == "version");
            Ok(if is_versioned {
                created.versioned(1)
            } else {
                created
            })
        })
        .await;
    name_missing::<R, _>(&database, created, &row).await
}

/// Says which row is missing, where one is.
pub(crate) async fn name_missing<R: Resource, T>(
    database: &Database,
    done: Result<T, ApiError>,
    row: &Input,
) -> Result<T, ApiError> {
    match done {
        Err(ApiError::Database(Error::Constraint(Constraint::ForeignKey))) => {
            Err(database.read(|db| queries::missing::<R>(db, row)).await?)
        }
        done => done,
    }
}

/// GET of a row.
pub(crate) async fn read<R: Resource>(
    State(database): State<Database>,
    Id(id): Id,
) -> Result<Told<Row<R>>, ApiError> {
    let found = database.one(|db| queries::find::<R>(db, &id)).await?;
    Ok(Told::new(found.json, found.version))
}

/// PATCH or PUT of a row.
pub(crate) async fn update<R: Resource>(
    State(database): State<Database>,
    Id(id): Id,
    if_match: IfMatch,
    Body(changes): Body<Update<R>>,
) -> Result<Told<Row<R>>, ApiError> {
    let found = database
        .write(|db| {
            let mut before = queries::find::<R>(db, &id)?;
            if let Some(version) = before.version {
                if_match.check(version)?;
            }
            if R::before_update(db, &id, &before, &changes)? {
                before = queries::find::<R>(db, &id)?;
            }
            queries::update::<R>(db, &id, &before, &changes)?;
            queries::find::<R>(db, &id)
        })
        .await?;
    Ok(Told::new(found.json, found.version))
}

/// DELETE of a row with all that hangs on it: the row at once, the rest in steps.
pub(crate) async fn delete<R: Resource>(
    database: &Database,
    owner: Owner,
    id: &str,
    if_match: &IfMatch,
) -> Result<NoContent, ApiError> {
    database
        .write_unchecked(|db| {
            let before = queries::find::<R>(db, id)?;
            if let Some(version) = before.version {
                if_match.check(version)?;
            }
            Ok::<_, ApiError>(deletions::begin(db, owner, &id.into())?)
        })
        .await?;
    let start = Instant::now();
    while start.elapsed() < DELETING {
        let step = database.write_unchecked(|db| deletions::step(db, DELETED_AT_ONCE));
        // The row is gone, whatever becomes of the rest now.
        if !matches!(step.await, Ok::<_, Error>(true)) {
            break;
        }
    }
    Ok(NoContent)
}
