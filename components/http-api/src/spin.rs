//! A component's way in: settings from Spin's variables, the database of Spin's SQLite interface.

use std::sync::OnceLock;

use axum::Router;
use axum::response::{IntoResponse, Response};
use database::Database;
use spin_sdk::http::Request;
use spin_sdk::variables;

use crate::service::REQUEST_ID;
use crate::{Api, ApiError, Settings};

/// Answers one request with the routes that `routes` gives. They are made at the instance's first request and live
/// as long as the instance, as does the database connection, which is opened when it is first used.
pub async fn serve(request: Request, routes: fn(&Database, &Settings) -> Router) -> Response {
    serve_without_database(request, |settings| routes(&Database::spin(), settings)).await
}

/// The same for a component that needs no database, and so imports none.
pub async fn serve_without_database(
    request: Request,
    routes: impl FnOnce(&Settings) -> Router,
) -> Response {
    static API: OnceLock<Api> = OnceLock::new();
    let api = match API.get() {
        Some(api) => api,
        None => match settings().await {
            Ok(settings) => API.get_or_init(|| {
                let routes = routes(&settings);
                Api::new(routes, settings)
            }),
            Err(error) => {
                let id = request.headers().get(REQUEST_ID);
                domain::warn(id.and_then(|id| id.to_str().ok()), &error);
                return ApiError::Misconfigured(error).into_response();
            }
        },
    };
    api.call(request).await
}

async fn settings() -> Result<Settings, String> {
    Settings::read(|name| async move {
        variables::get(name)
            .await
            .map_err(|error| format!("{error:?}"))
    })
    .await
}
