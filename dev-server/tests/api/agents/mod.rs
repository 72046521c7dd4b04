//! `/api/agents`

mod create;
mod delete;
mod list;
mod read;
mod update;
