//! What a client sees, case by case: once with the handlers in this process, once over HTTP with the built
//! components in a server of their own, once through the feed's proxy. The modules are named for the paths.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod support;
#[macro_use]
mod app;

mod agents;
mod bodies;
mod cors;
mod cursors;
mod exports;
mod health;
mod hosts;
mod idempotency;
mod ingest;
mod large;
mod locks;
mod memory;
mod methods;
mod metrics;
mod paths;
mod process;
mod query_plans;
mod runtime;
mod tokens;
mod web;
