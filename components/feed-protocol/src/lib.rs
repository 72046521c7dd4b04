//! What the live feed says, and to whom: the frames of `docs/feed.md`, the rows in them, and what a client asks for.
//!
//! Two speak it: the native feed over WebSocket, from a ring of changes in memory, and the component `runtime` as Server-Sent
//! Events, from the change log. Nothing here reads a database or knows of a connection.

mod change;
pub mod frames;
mod include;
mod log;
mod parameters;

use std::time::Duration;

pub use change::{Agent, Change, Filter};
pub use frames::Frame;
pub use include::Include;
pub use log::{Entry, LOG_ENTRY, MOST_MISSED, MissedLogs, address_after, log_columns};
pub use parameters::{FeedQuery, Mode, Parameters};

/// After how much silence a heartbeat is sent.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// The least time between two whole lists.
pub const LIST_INTERVAL: Duration = Duration::from_millis(250);
/// The most agents that a whole list has.
pub const LONGEST_LIST: usize = 1000;
