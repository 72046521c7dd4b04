//! The component `web`: the live board and the documentation of the API.
//!
//! A shell: what it does is in the crate `backend`.
#![cfg(target_family = "wasm")]

use spin_sdk::http::{IntoResponse, Request};

#[spin_sdk::http_service]
async fn handle(request: Request) -> impl IntoResponse {
    http_api::spin::serve_without_database(request, backend::web::pages).await
}
