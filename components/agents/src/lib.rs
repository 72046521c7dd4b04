//! The component `agents`: `/api/agents`, the definitions that running agents are started from.

mod definition;
mod queries;
mod routes;

pub use routes::{routes, table};

#[cfg(target_family = "wasm")]
mod component {
    use spin_sdk::http::{IntoResponse, Request};

    #[spin_sdk::http_service]
    async fn handle(request: Request) -> impl IntoResponse {
        http_api::spin::serve(request, crate::routes).await
    }
}
