//! The command `orchestrator` as a process: its start, its end, and what survives it.

mod cli;
mod durability;
mod file;
mod manifest;
mod migrate;
mod request_id;
