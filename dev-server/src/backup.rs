//! `orchestrator backup`: a copy of the database while everything runs.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use database::libsql::Session;
use database::native;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::config::Config;
use crate::location::Location;
use crate::server_backup;

/// Copies the configured database to `target`, which must not be there yet: all that was committed when it began.
///
/// The copy is one read of the whole file, which keeps no writer waiting. It is there under its name once it is whole and
/// on the disk.
///
/// # Errors
/// Where the database cannot be read, or the copy cannot be written.
pub fn backup(config: &Config, target: &Path) -> Result<()> {
    let source = Source::open(&config.database)?;
    if target.exists() {
        bail!("{} is there already", target.display());
    }
    let part = with_suffix(target, ".part");
    let copied = copy(&source, &part).and_then(|copied| {
        fs::rename(&part, target)?;
        Ok(copied)
    });
    if copied.is_err() {
        for suffix in ["", "-journal", "-wal", "-shm"] {
            let _ = fs::remove_file(with_suffix(&part, suffix));
        }
    }
    let copied = copied.with_context(|| format!("cannot write {}", target.display()))?;
    sync_folder(target)?;
    println!("{}: {copied} of {}", target.display(), config.database);
    Ok(())
}

enum Source {
    File(native::File),
    Server(RefCell<Session>),
}

impl Source {
    fn open(location: &Location) -> Result<Self> {
        Ok(match location {
            Location::File(path) => {
                let file = native::File::open(path);
                Self::File(file.with_context(|| format!("DATABASE_PATH: {}", path.display()))?)
            }
            Location::Server(server) => {
                let session = Session::new(server.with_patience(None));
                Self::Server(RefCell::new(session))
            }
        })
    }
}

/// Copies everything, looks at the copy, and gives how much it is.
fn copy(source: &Source, part: &Path) -> Result<String> {
    let mut target = Connection::open(part)?;
    let copied = match source {
        Source::File(file) => format!("{} pages", copy_pages(file, &mut target)?),
        Source::Server(session) => format!("{} rows", server_backup::copy(session, &target)?),
    };
    let fault: String = target.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if fault != "ok" {
        bail!("the copy is not intact: {fault}");
    }
    target.close().map_err(|(_, error)| error)?;
    File::open(part)?.sync_all()?;
    Ok(copied)
}

/// Copies all pages and gives how many they are.
fn copy_pages(source: &Connection, target: &mut Connection) -> Result<i32> {
    let backup = Backup::new(source, target)?;
    // In one step, which sees one state of the database: between steps every foreign commit would begin it anew.
    match backup.step(-1)? {
        StepResult::Done => Ok(backup.progress().pagecount),
        other => bail!("the database is locked: {other:?}"),
    }
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
