//! The component `health`: `/`, `/health`, and the answer to every path that no other component serves.

mod routes;

pub use routes::{App, routes, table};

#[cfg(target_family = "wasm")]
mod component {
    use spin_sdk::http::{IntoResponse, Request};

    #[spin_sdk::http_service]
    async fn handle(request: Request) -> impl IntoResponse {
        http_api::spin::serve(request, crate::routes).await
    }
}
