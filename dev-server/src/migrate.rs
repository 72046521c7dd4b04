//! `orchestrator migrate`, and the same at the start of `serve`.

use anyhow::{Context as _, Result};
use database::Error;
use tracing::{info, warn};

use crate::config::Config;

/// Brings the schema of the configured database up to date.
///
/// # Errors
/// Where the database cannot be opened, stays locked, or was made by a newer version.
pub async fn migrate(config: &Config) -> Result<()> {
    config.make_folder()?;
    let version = apply(config)
        .await
        .with_context(|| format!("{}: {}", config.database.variable(), config.database))?;
    println!("{} has schema version {version}", config.database);
    Ok(())
}

/// Does so at the start of a server, which goes on where it fails: the components do it too, and the feed waits.
pub(crate) async fn at_start(config: &Config) {
    let path = &config.database;
    match apply(config).await {
        Ok(version) => info!(version, %path, "database is ready"),
        Err(error) => warn!(%path, "{error}"),
    }
}

/// Brings the schema up to date and gives its version.
async fn apply(config: &Config) -> Result<i64, Error> {
    config.database.database().schema_version().await
}
