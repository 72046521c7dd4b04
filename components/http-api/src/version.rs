//! Row versions as entity tags: what a client has seen, and whether it is still so (RFC 9110, 13.1.1).

use std::convert::Infallible;
use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, header};

use crate::ApiError;

/// The entity tag of a row.
pub(crate) fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// A row of the resource `R` as it is told, with its version as `ETag` where it has one.
pub struct Told<R> {
    json: String,
    version: Option<i64>,
    of: PhantomData<fn() -> R>,
}

impl<R> Told<R> {
    /// A row that is told by `json`.
    #[must_use]
    pub fn new(json: String, version: Option<i64>) -> Self {
        Self {
            json,
            version,
            of: PhantomData,
        }
    }
}

impl<R> IntoResponse for Told<R> {
    fn into_response(self) -> Response {
        let mut response = crate::json(self.json);
        let etag = self.version.map(etag);
        if let Some(etag) = etag.and_then(|etag| HeaderValue::try_from(etag).ok()) {
            response.headers_mut().insert(header::ETAG, etag);
        }
        response
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
        // A proxy that changes a body's encoding weakens the tag that we gave. A version is the same either way.
        let meant = |tag: &String| tag.strip_prefix("W/").unwrap_or(tag) == etag || tag == "*";
        match &self.0 {
            Some(tags) if !tags.iter().any(meant) => Err(ApiError::Changed { etag }),
            _ => Ok(()),
        }
    }
}
