//! Row versions as entity tags: what a client has seen, and whether it is still so (RFC 9110, 13.1.1).

use std::convert::Infallible;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header;
use http::request::Parts;
use serde::Serialize;

use crate::ApiError;

/// The entity tag of a row.
pub(crate) fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// A row with its version as `ETag`.
pub struct Versioned<T> {
    /// The row's version.
    pub version: i64,
    /// The row.
    pub row: T,
}

impl<T: Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        ([(header::ETAG, etag(self.version))], Json(self.row)).into_response()
    }
}

/// The header `If-Match`: the versions that a change is meant for. Without the header, any.
pub struct IfMatch(Option<Vec<String>>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let mut values = parts.headers.get_all(header::IF_MATCH).iter().peekable();
        Ok(Self(values.peek().is_some().then(|| {
            values
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
                .map(|tag| tag.trim().to_owned())
                .collect()
        })))
    }
}

impl IfMatch {
    /// Sees that the row, which has `version`, is one of those that the change is meant for.
    ///
    /// # Errors
    /// [`ApiError::Changed`] where it is none.
    pub fn check(&self, version: i64) -> Result<(), ApiError> {
        let etag = etag(version);
        let meant = |tag: &String| *tag == etag || tag == "*";
        match &self.0 {
            Some(tags) if !tags.iter().any(meant) => Err(ApiError::Changed { etag }),
            _ => Ok(()),
        }
    }
}
