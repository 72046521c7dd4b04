//! The command `orchestrator` as a process: its start, its end, and what survives it.

mod backup;
mod check;
mod cli;
mod dashboard;
mod durability;
mod exactly_once;
mod exports;
mod file;
mod leases;
mod log_format;
mod long_lists;
mod manifest;
mod message_waits;
mod metrics;
mod migrate;
mod request_id;
mod retention;
mod shares;
mod slow_clients;
mod slow_statement;
mod workflow_writers;
mod write_ahead_log;
mod write_lock;
