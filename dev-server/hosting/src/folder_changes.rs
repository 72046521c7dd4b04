//! Waits for files of a folder to come or go, so that it is noticed within a millisecond and not by asking again and again.

use std::path::Path;
use std::time::Duration;

/// The changes of one folder. Where a system does not tell them, a wait is a pause.
pub(crate) struct FolderChanges {
    #[cfg(target_os = "linux")]
    events: Option<std::os::fd::OwnedFd>,
}

#[cfg(target_os = "linux")]
impl FolderChanges {
    /// Those of the folder that `file` is in, from now on.
    pub(crate) fn of(file: &Path) -> Self {
        use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let watch = || {
            let events = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
            let changes = WatchFlags::DELETE
                | WatchFlags::MOVED_FROM
                | WatchFlags::MOVED_TO
                | WatchFlags::DELETE_SELF
                | WatchFlags::MOVE_SELF;
            add_watch(&events, folder, changes)?;
            Ok::<_, rustix::io::Errno>(events)
        };
        let events = watch()
            .inspect_err(|error| tracing::debug!("no changes of {}: {error}", folder.display()))
            .ok();
        Self { events }
    }

    /// Waits for a change, at most for so long.
    pub(crate) fn wait(&self, most: Duration) {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let Some(events) = &self.events else {
            return std::thread::sleep(most);
        };
        let Ok(timeout) = Timespec::try_from(most) else {
            return;
        };
        let _ = poll(&mut [PollFd::new(events, PollFlags::IN)], Some(&timeout));
        // What has changed does not matter; that it is read does.
        let mut buffer = [0; 4096];
        while rustix::io::read(events, &mut buffer).is_ok_and(|length| length > 0) {}
    }
}

#[cfg(not(target_os = "linux"))]
impl FolderChanges {
    pub(crate) fn of(_: &Path) -> Self {
        Self {}
    }

    pub(crate) fn wait(&self, most: Duration) {
        std::thread::sleep(most);
    }
}
