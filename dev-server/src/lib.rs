//! The native side: hosts the components on a machine without Spin, runs the live feed, and sets the database up.
//!
//! The binary `orchestrator` is a thin shell over this library.

pub mod backup;
mod body;
pub mod check;
pub mod config;
mod connection;
mod database_file;
mod database_server;
mod feed;
pub mod healthcheck;
pub mod location;
mod maintenance;
mod message_waits;
mod metrics;
pub mod migrate;
pub mod proxy;
pub mod serve;
mod server;
mod server_backup;
mod serving_threads;
pub mod standalone;
mod store;
