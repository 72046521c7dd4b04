//! The component `web`: the live board, the API's documentation, and what those pages are made of.
//!
//! Pages and libraries are in the component itself, so that they work without a network.

mod files;
mod routes;

pub use routes::routes;

#[cfg(target_family = "wasm")]
mod component {
    use spin_sdk::http::{IntoResponse, Request};

    #[spin_sdk::http_service]
    async fn handle(request: Request) -> impl IntoResponse {
        http_api::spin::serve_without_database(request, crate::routes).await
    }
}
