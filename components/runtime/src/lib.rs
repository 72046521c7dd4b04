//! The component `runtime`: `/api/runtime`, running agents, their prompts and their logs, and the live feed of them.

mod agents;
mod events;
mod logs;
mod prompts;

use axum::Router;
use database::Database;
use http_api::Settings;

/// The routes of the group.
pub fn routes(database: Database, _: &Settings) -> Router {
    agents::routes()
        .merge(prompts::routes())
        .merge(logs::routes())
        .merge(events::routes())
        .with_state(database)
}

#[cfg(target_family = "wasm")]
mod component {
    use spin_sdk::http::{IntoResponse, Request};

    #[spin_sdk::http_service]
    async fn handle(request: Request) -> impl IntoResponse {
        http_api::spin::serve(request, crate::routes).await
    }
}
