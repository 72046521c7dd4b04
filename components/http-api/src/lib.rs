//! The HTTP conventions of every route group: what a body, a query, an error and a header look like.
//!
//! A route group gives its routes; [`Api`] adds what is the same everywhere (tokens, CORS, `OPTIONS`, trailing slashes,
//! 404 and 405 as JSON). Handlers take [`Body`], [`IdempotentBody`], [`Query`] and [`ListQuery`] of types that declare
//! their fields ([`fields`]), and answer [`ApiError`] where something is wrong.

mod auth;
mod cors;
mod cursor;
#[cfg(not(target_family = "wasm"))]
mod document;
mod error;
mod export;
mod extract;
pub mod fields;
mod gzip;
mod hosts;
mod idempotency;
mod kind;
mod members;
mod page;
pub mod routing;
mod service;
mod settings;
#[cfg(target_family = "wasm")]
pub mod spin;
pub mod telling;
mod version;

use axum::response::{IntoResponse as _, Response};

pub use auth::{Admission, Tokens, bearer};
pub use cors::Origins;
pub use error::{ApiError, Cause, FieldError, Location, Unavailable, internal_error};
pub use export::{ExportAs, ReadPage, Reading};
pub use extract::{Body, DRAINED, FromBody, Id, Query, RawBody};
pub use fields::{Declared, Field, Input, Presence, Reader};
pub use hosts::Hosts;
pub use idempotency::{IdempotentBody, StoredResponse};
pub use kind::Kind;
pub use members::items;
pub use page::{List, ListOrFile, ListQuery, Listed, Order, PageOf, rows_after};
pub use service::{Api, REQUEST_ID};
pub use settings::{LARGEST_BODY, Settings};
pub use version::{IfMatch, Told};

/// The service's name, as `/` and `/health` give it.
pub const SERVICE: &str = "orchestrator-web";

/// 200 with a body that is JSON already.
fn json(body: String) -> Response {
    let json = http::HeaderValue::from_static("application/json");
    ([(http::header::CONTENT_TYPE, json)], body).into_response()
}

/// The text of a variable that the host may say anew at each time; `None` where it says nothing, and natively.
#[cfg(target_family = "wasm")]
pub async fn host_variable(name: &str) -> Option<String> {
    let text = spin_sdk::variables::get(name).await.ok()?;
    (!text.is_empty()).then_some(text)
}

/// The text of a variable that the host may say anew at each time; `None` where it says nothing, and natively.
#[cfg(not(target_family = "wasm"))]
#[expect(
    clippy::unused_async,
    reason = "it is asked as on a host that says something"
)]
pub async fn host_variable(_: &str) -> Option<String> {
    None
}
