//! The component `agents`: `/api/agents`, the definitions that running agents are started from.
//!
//! A shell: what it does is in the crate `backend`.
#![cfg(target_family = "wasm")]

use spin_sdk::http::{IntoResponse, Request};

#[spin_sdk::http_service]
async fn handle(request: Request) -> impl IntoResponse {
    http_api::spin::serve(request, backend::agents::routes).await
}
