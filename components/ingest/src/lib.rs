//! The component `ingest`: `/v1`, what other tools report by OTLP.
//!
//! A shell: what it does is in the crate `backend`.
#![cfg(target_family = "wasm")]

use spin_sdk::http::{IntoResponse, Request};

#[spin_sdk::http_service]
async fn handle(request: Request) -> impl IntoResponse {
    http_api::spin::serve(request, backend::ingest::routes).await
}
