//! Components as machine code, which a start finds where an earlier one has put it.
//!
//! The files are mapped as they are: of a compressed cache such as wasmtime's own, a start takes longer to unpack them than for
//! all else, and what is unpacked is memory of the process.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;
use wasmtime::{Engine, Result};

/// How many files are kept: a few versions of what a few folders build.
const KEPT: usize = 40;
const EXTENSION: &str = "cwasm";

/// Loads the component at `source`.
///
/// # Errors
/// Where the file is missing or no component.
pub(crate) fn load(engine: &Engine, source: &Path) -> Result<Component> {
    let wasm = fs::read(source)?;
    let Some(file) = file(&wasm) else {
        return Component::new(engine, wasm);
    };
    if let Some(component) = mapped(engine, &file) {
        return Ok(component);
    }
    let component = Component::new(engine, wasm)?;
    let code = component.serialize().map_err(io::Error::other);
    if let Err(error) = code.and_then(|code| keep(&file, &code)) {
        tracing::debug!("{} is not kept: {error}", file.display());
    }
    Ok(component)
}

/// Where the machine code of `wasm` is kept, if the user has a folder for such.
fn file(wasm: &[u8]) -> Option<PathBuf> {
    let caches = match std::env::var_os("XDG_CACHE_HOME") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => std::env::home_dir()?.join(".cache"),
    };
    let name = base16ct::lower::encode_string(&Sha256::digest(wasm));
    let file = caches.join("orchestrator").join(name);
    caches.is_absolute().then(|| file.with_extension(EXTENSION))
}

/// What an earlier start has kept, unless that was another wasmtime, another kind of engine or another processor.
#[expect(
    unsafe_code,
    reason = "machine code has to be trusted: it is this user's own, in a folder where nobody else writes"
)]
fn mapped(engine: &Engine, file: &Path) -> Option<Component> {
    let used = File::open(file).ok()?;
    // SAFETY: `keep` is what writes such files, whole, and never again into one that is there.
    let component = unsafe { Component::deserialize_file(engine, file) }.ok()?;
    // So that it stays among those that are kept. Where that cannot be said, it is compiled again some day.
    let _ = used.set_modified(SystemTime::now());
    Some(component)
}

/// Puts a file there at once and whole, also where two do so, and removes the ones that were not used for longest.
fn keep(file: &Path, code: &[u8]) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let mut written = tempfile::NamedTempFile::new_in(folder)?;
    written.write_all(code)?;
    // A file whose name outlives a loss of power has its content too.
    written.as_file().sync_all()?;
    written.persist(file)?;

    let mut kept: Vec<(SystemTime, PathBuf)> = fs::read_dir(folder)?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let is_one = entry.path().extension()? == EXTENSION;
            is_one.then_some((entry.metadata().ok()?.modified().ok()?, entry.path()))
        })
        .collect();
    kept.sort_unstable_by(|a, b| b.cmp(a));
    for (_, old) in kept.iter().skip(KEPT) {
        fs::remove_file(old)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least component there is, and with another name another file.
    fn wasm(name: &str) -> Vec<u8> {
        let mut wasm = b"\0asm\x0d\0\x01\0".to_vec();
        let length = |bytes: usize| u8::try_from(bytes).unwrap();
        wasm.extend([0, length(name.len() + 1), length(name.len())]);
        wasm.extend(name.as_bytes());
        wasm
    }

    #[test]
    fn is_found_again_and_not_taken_from_another_engine() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a").join("b.cwasm");
        let engine = Engine::default();
        let component = Component::new(&engine, wasm("a")).unwrap();
        assert!(mapped(&engine, &file).is_none());
        keep(&file, &component.serialize().unwrap()).unwrap();
        assert!(mapped(&engine, &file).is_some());

        let mut config = wasmtime::Config::new();
        config.epoch_interruption(true);
        let other = Engine::new(&config).unwrap();
        assert!(mapped(&other, &file).is_none());
        fs::write(&file, "what is no machine code").unwrap();
        assert!(mapped(&engine, &file).is_none());
    }

    #[test]
    fn the_ones_used_last_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = |number: usize| {
            folder
                .path()
                .join(number.to_string())
                .with_extension(EXTENSION)
        };
        fs::write(folder.path().join("other"), "").unwrap();
        for number in 0..KEPT {
            keep(&path(number), b"code").unwrap();
        }
        let used = File::open(path(0)).unwrap();
        used.set_modified(SystemTime::now()).unwrap();
        keep(&path(KEPT), b"code").unwrap();
        assert!(path(0).exists() && !path(1).exists() && path(2).exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), KEPT + 1);
    }
}
