//! The group `runtime`: running agents, their prompts and logs, workflows, messages, the questions about all of these, and the live feed.

use axum::Router;
use database::Database;
use http_api::Settings;
use http_api::routing::{self, Table};

use crate::{
    events, log_histogram, logs, messages, prompts, running_agents, sessions, stats, system_logs,
    workflows,
};

/// The routes of the group.
pub fn routes(database: &Database, _: &Settings) -> Router {
    routing::router(table(), database.clone())
}

/// The same before they have a database, with what they take and give.
pub fn table() -> Table<Database> {
    running_agents::table()
        .merge(prompts::table())
        .merge(logs::table())
        .merge(log_histogram::table())
        .merge(system_logs::table())
        .merge(workflows::table())
        .merge(messages::table())
        .merge(sessions::table())
        .merge(stats::table())
        .merge(events::table())
}
