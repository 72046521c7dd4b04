//! `orchestrator backup`: a copy of the database while everything runs.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use database::native;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::config::Config;
use crate::location::Location;

/// Copies the configured database to `target`, which must not be there yet: all that was committed when it began.
///
/// The copy is one read of the whole file, which keeps no writer waiting. It is there under its name once it is whole and
/// on the disk.
///
/// # Errors
/// Where the database cannot be read, or the copy cannot be written.
pub fn backup(config: &Config, target: &Path) -> Result<()> {
    let Location::File(source) = &config.database else {
        bail!("DATABASE_URL: only a file can be backed up");
    };
    let connection = native::File::open(source)
        .with_context(|| format!("DATABASE_PATH: {}", source.display()))?;
    if target.exists() {
        bail!("{} is there already", target.display());
    }
    let part = with_suffix(target, ".part");
    let copied = copy(&connection, &part).and_then(|pages| {
        fs::rename(&part, target)?;
        Ok(pages)
    });
    if copied.is_err() {
        for suffix in ["", "-journal", "-wal", "-shm"] {
            let _ = fs::remove_file(with_suffix(&part, suffix));
        }
    }
    let pages = copied.with_context(|| format!("cannot write {}", target.display()))?;
    sync_folder(target)?;
    println!(
        "{}: {pages} pages of {}",
        target.display(),
        source.display()
    );
    Ok(())
}

/// Copies all pages, looks at the copy, and gives how many they are.
fn copy(source: &Connection, part: &Path) -> Result<i32> {
    let mut target = Connection::open(part)?;
    let pages = {
        let backup = Backup::new(source, &mut target)?;
        // In one step, which sees one state of the database: between steps every foreign commit would begin it anew.
        match backup.step(-1)? {
            StepResult::Done => {}
            other => bail!("the database is locked: {other:?}"),
        }
        backup.progress().pagecount
    };
    let fault: String = target.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if fault != "ok" {
        bail!("the copy is not intact: {fault}");
    }
    target.close().map_err(|(_, error)| error)?;
    File::open(part)?.sync_all()?;
    Ok(pages)
}

fn sync_folder(file: &Path) -> Result<()> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()?;
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
