//! The component `runtime`: `/api/runtime`, running agents, their prompts and logs, the questions about all of these,
//! and the live feed.

mod agents;
mod counts;
mod events;
mod leases;
mod logs;
mod prompts;
mod sessions;
mod stats;
mod system_logs;
mod time_range;

use axum::Router;
use database::Database;
use http_api::Settings;
use http_api::routing::{self, Table};

/// The routes of the group.
pub fn routes(database: Database, _: &Settings) -> Router {
    routing::router(table(), database)
}

/// The same before they have a database, with what they take and give.
pub fn table() -> Table<Database> {
    agents::routes()
        .merge(prompts::routes())
        .merge(logs::routes())
        .merge(system_logs::routes())
        .merge(sessions::routes())
        .merge(stats::routes())
        .merge(events::routes())
}

#[cfg(target_family = "wasm")]
mod component {
    use spin_sdk::http::{IntoResponse, Request};

    #[spin_sdk::http_service]
    async fn handle(request: Request) -> impl IntoResponse {
        http_api::spin::serve(request, crate::routes).await
    }
}
