//! A route group as a client sees it.

use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody};
use axum::response::{IntoResponse, Response};
use axum::{BoxError, Router};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::BodyExt;
use tower_service::Service;

use crate::error::{Cause, internal_error};
use crate::extract::{BodyLimit, DRAINED};
use crate::{ApiError, Settings, cors};

/// What ties a client's request to the log.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a preflight for a path that is not there is told, so that the page gets to see the 404.
const ALL_METHODS: HeaderValue =
    HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// The routes of a group with the conventions around them. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    routes: Router,
    settings: Arc<Settings>,
}

impl Api {
    /// Puts the conventions around `routes`.
    #[must_use]
    pub fn new(routes: Router, settings: Settings) -> Self {
        Self {
            routes: routes
                .fallback(async || ApiError::NotFound("Not Found".to_owned()))
                .method_not_allowed_fallback(async || ApiError::MethodNotAllowed),
            settings: Arc::new(settings),
        }
    }

    /// Answers one request.
    pub async fn call<B>(&self, request: Request<B>) -> Response
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut request = request.map(Body::new);
        let request_id = request.headers().get(&REQUEST_ID).cloned();
        let origin = request.headers().get(header::ORIGIN).cloned();
        let preflight = cors::is_preflight(request.method(), request.headers());
        let is_options = request.method() == Method::OPTIONS;
        without_trailing_slash(request.uri_mut());
        request
            .extensions_mut()
            .insert(BodyLimit(self.settings.max_body_bytes));

        let admitted = self.settings.admission.admit(&request);
        let mut response = match admitted {
            Ok(()) => self.route(request).await,
            Err(error) => refuse(error, request).await,
        };
        response = log_cause(response, request_id);
        if is_options {
            response = options(response, preflight);
        }
        let origins = &self.settings.cors_origins;
        let allow = response.headers().get(header::ALLOW).cloned();
        let headers = response.headers_mut();
        origins.answer(origin.as_ref(), headers);
        if let (true, Some(origin)) = (preflight, origin) {
            origins.answer_preflight(&origin, &allow.unwrap_or(ALL_METHODS), headers);
        }
        response
    }

    async fn route(&self, request: Request<Body>) -> Response {
        match self.routes.clone().call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// Logs what is behind an error with the request's id, which a client is told where the fault is ours.
fn log_cause(mut response: Response, request_id: Option<HeaderValue>) -> Response {
    let Some(Cause(cause)) = response.extensions_mut().remove() else {
        return response;
    };
    let id = request_id.unwrap_or_else(|| {
        // A UUID is a header's value.
        HeaderValue::try_from(domain::new_id()).unwrap_or(HeaderValue::from_static(""))
    });
    let name = id.to_str().unwrap_or_default();
    domain::warn(Some(name), &cause);
    if response.status() == StatusCode::INTERNAL_SERVER_ERROR {
        response = internal_error(name);
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Answers a request that was not let in, once its body has come (see [`DRAINED`]).
async fn refuse(error: ApiError, request: Request<Body>) -> Response {
    let is_head = request.method() == Method::HEAD;
    let mut body = request.into_body();
    let mut length = 0;
    while let Some(Ok(frame)) = body.frame().await {
        length += frame.data_ref().map_or(0, Bytes::len);
        if length > DRAINED {
            break;
        }
    }
    let mut response = error.into_response();
    if is_head {
        *response.body_mut() = Body::empty();
    }
    response
}

/// Turns the router's answer to `OPTIONS` into ours. No route has that method, so the router says 405 with `Allow`
/// where there is one, and 404 where there is none.
fn options(response: Response, preflight: bool) -> Response {
    match response.headers().get(header::ALLOW) {
        Some(allow) => {
            let allow = [allow.as_bytes(), b",OPTIONS"].concat();
            let allow = HeaderValue::from_bytes(&allow).unwrap_or(ALL_METHODS);
            (StatusCode::NO_CONTENT, [(header::ALLOW, allow)]).into_response()
        }
        None if preflight => StatusCode::NO_CONTENT.into_response(),
        None => response,
    }
}

/// Makes `/api/agents/` the same as `/api/agents`.
fn without_trailing_slash(uri: &mut Uri) {
    let path = uri.path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() || trimmed.len() == path.len() {
        return;
    }
    let path_and_query = match uri.query() {
        Some(query) => format!("{trimmed}?{query}"),
        None => trimmed.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(path_and_query).ok();
    if let Ok(changed) = Uri::from_parts(parts) {
        *uri = changed;
    }
}
