//! `orchestrator migrate`, and the same at the start of `serve`.

use anyhow::{Context as _, Result};
use database::native::Native;
use database::{Database, Error};

use crate::config::Config;

/// Brings the schema of the configured database up to date.
///
/// # Errors
/// Where the file cannot be opened, stays locked, or was made by a newer version.
pub async fn migrate(config: &Config) -> Result<()> {
    config.make_folder()?;
    let version = apply(config)
        .await
        .with_context(|| format!("DATABASE_PATH: {}", config.database_path.display()))?;
    println!(
        "{} has schema version {version}",
        config.database_path.display()
    );
    Ok(())
}

/// Brings the schema up to date and gives its version.
pub(crate) async fn apply(config: &Config) -> Result<i64, Error> {
    let database = Database::new(Native::file(&config.database_path));
    database.schema_version().await
}
