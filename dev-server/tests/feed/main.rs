//! The live feed as its clients see it: the real binary, real sockets, and writers of every kind.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by a panic"
)]

mod adoption;
mod events;
mod example_agents;
mod examples;
mod faults;
mod filters;
mod frames;
mod health;
mod include;
mod leases;
mod libsql;
mod messages;
mod metrics;
mod others;
mod protocol;
mod proxy;
mod requests;
mod resume;
mod retention;
mod stalled;
mod support;
mod tokens;
mod torture;
mod torture_of_all;
