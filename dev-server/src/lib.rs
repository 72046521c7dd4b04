//! The native side: hosts the components on a machine without Spin, and sets the database up.
//!
//! The binary `orchestrator` is a thin shell over this library.

pub mod config;
pub mod migrate;
pub mod serve;
