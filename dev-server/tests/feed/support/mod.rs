//! What the tests stand on: a running server, its clients, and other writers to its database.

mod board;
mod client;
mod database;
mod events;
mod http;
mod mirror;
mod server;
#[path = "../../support/sqld.rs"]
mod sqld;

use std::time::Duration;

pub(crate) use board::{Board, History};
pub(crate) use client::{Client, Received, Update, try_connect};
pub(crate) use database::{Change, Database, migrate, python};
pub(crate) use events::{Events, Piece, try_events};
pub(crate) use http::{Answer, request};
pub(crate) use mirror::{KINDS, Mirror, Stream};
pub(crate) use server::{Server, command, free_folder, free_path};
pub(crate) use sqld::{Sqld, free_address};

/// Bounds every wait, so that a test which waits in vain fails. Nothing is measured against it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

/// Waits for `event`, but not for ever.
pub(crate) async fn patiently<T>(what: &str, event: impl Future<Output = T>) -> T {
    let event = tokio::time::timeout(PATIENCE, event).await;
    event.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Waits until `event` has happened, where nobody tells.
pub(crate) async fn eventually(what: &str, event: impl Fn() -> bool) {
    let waiting = async {
        while !event() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    patiently(what, waiting).await;
}

/// Numbers that look random and are the same in every run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}
