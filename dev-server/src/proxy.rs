//! Passes requests on to another server, so that a frontend has one origin.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use http_api::Origins;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tracing::warn;

use crate::server::detail;

/// What concerns one connection only, and is not passed on (RFC 9110, 7.6.1).
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Requests go to `upstream`, bodies both ways as they come. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Proxy {
    client: Client<HttpConnector, Body>,
    upstream: Uri,
    cors_origins: Origins,
}

/// Reads the address of an upstream: `http://127.0.0.1:3000`.
///
/// # Errors
/// A sentence about what is none.
pub fn parse_upstream(text: &str) -> Result<Uri, String> {
    let uri: Uri = text
        .parse()
        .map_err(|_| format!("{text:?} is no address"))?;
    if uri.scheme_str() != Some("http") || uri.authority().is_none() || uri.path() != "/" {
        return Err(format!("{text:?} is not like http://127.0.0.1:3000"));
    }
    Ok(uri)
}

impl Proxy {
    pub(crate) fn new(upstream: Uri, cors_origins: Origins) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            upstream,
            cors_origins,
        }
    }

    pub(crate) fn router(self) -> Router {
        Router::new().fallback(pass).with_state(self)
    }
}

async fn pass(State(proxy): State<Proxy>, mut request: Request) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut parts = request.uri().clone().into_parts();
    parts.scheme = proxy.upstream.scheme().cloned();
    parts.authority = proxy.upstream.authority().cloned();
    let Ok(uri) = Uri::from_parts(parts) else {
        return detail(StatusCode::NOT_FOUND, "Not Found");
    };
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    remove_hop_by_hop(headers);
    let host = headers.get(header::HOST).cloned();
    if let Some(host) = host {
        headers.insert("x-forwarded-host", host);
    }
    headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));

    match proxy.client.request(request).await {
        Ok(mut response) => {
            remove_hop_by_hop(response.headers_mut());
            response.map(Body::new)
        }
        Err(error) => {
            warn!("{}: {error}", proxy.upstream);
            let mut response = detail(
                StatusCode::BAD_GATEWAY,
                "The REST backend cannot be reached, try again shortly",
            );
            proxy
                .cors_origins
                .answer(origin.as_ref(), response.headers_mut());
            response
        }
    }
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(*name);
    }
}
