//! Ends the leases that are over, so that nobody sees a lost agent at work, on a host that has no feed process too.

use database::{Connection, Database, Error, NEXT_LEASE_END, REAP};
use domain::Timestamp;
use http_api::ApiError;

/// Makes the agents `failed` whose heartbeat stopped. Gives whether there were any; where there are none, that is one
/// look at an index.
pub(crate) async fn end(database: &Database) -> Result<bool, ApiError> {
    let now = Timestamp::now().into_text();
    let is_over = |db: &dyn Connection| -> Result<bool, Error> {
        let rows = db.execute(NEXT_LEASE_END, &[now.as_str().into()])?;
        Ok(rows
            .into_iter()
            .next()
            .and_then(|mut row| row.optional_real())
            .is_some_and(|seconds| seconds <= 0.0))
    };
    if !database.read(is_over).await? {
        return Ok(false);
    }
    database
        .write_one(|db| db.execute(REAP, &[now.as_str().into()]))
        .await?;
    Ok(true)
}
