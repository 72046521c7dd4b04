//! `orchestrator check`: recounts what is kept, names what differs from the rows, and mends it.

use anyhow::{Result, bail};
use database::Error;
use database::check::{differences, repair};

use crate::config::Config;
use crate::location::Location;

/// Compares what is kept with the rows. With `mend`, makes it what the rows say.
///
/// # Errors
/// Where something differs and is not mended, or the database cannot be read.
pub async fn check(config: &Config, mend: bool) -> Result<()> {
    let path = &config.database;
    if matches!(path, Location::File(path) if !path.exists()) {
        bail!("DATABASE_PATH: there is no file {path}");
    }
    let database = config.database.database();
    let found = database.read(differences).await?;
    if found.is_empty() {
        println!("{path}: everything that is counted is what the rows say");
        return Ok(());
    }
    for one in &found {
        let differ = if one.rows == 1 {
            "row differs"
        } else {
            "rows differ"
        };
        println!(
            "{}: {} {differ}, such as: {}",
            one.table, one.rows, one.example
        );
    }
    if !mend {
        bail!("{path}: what is counted differs from the rows: run `orchestrator check --repair`");
    }
    database
        .write(|db| {
            repair(db)?;
            let left = differences(db)?;
            match left.first() {
                Some(one) => Err(Error::Statement(format!("{} still differs", one.table))),
                None => Ok(()),
            }
        })
        .await?;
    println!("{path}: repaired");
    Ok(())
}
