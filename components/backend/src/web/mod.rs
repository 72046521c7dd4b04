//! The group `web`: the live board and the API's documentation, a route for each file, and the policy of each page.
//!
//! Pages and libraries are in the component itself, so that they work without a network.

mod files;

use axum::Router;
use axum::routing::get;
use database::Database;
use http::{HeaderMap, HeaderValue, header};
use http_api::Settings;

use self::files::FILES;

/// The routes of the group.
pub fn routes(_: &Database, settings: &Settings) -> Router {
    pages(settings)
}

/// The same, for a component that has no database.
pub fn pages(settings: &Settings) -> Router {
    FILES.iter().fold(Router::new(), |router, file| {
        let policy = file
            .is_page()
            .then(|| HeaderValue::from_str(&policy(file.path, &settings.feed_url)).ok())
            .flatten();
        let answer = async move |request: HeaderMap| {
            let mut response = file.answer(&request);
            if let Some(policy) = policy {
                let headers = response.headers_mut();
                headers.insert(header::CONTENT_SECURITY_POLICY, policy);
            }
            response
        };
        router.route(file.path, get(answer))
    })
}

/// What a page may load and do: nothing but what is ours, so that no text of an agent can ever run or send anything.
fn policy(page: &str, feed_url: &str) -> String {
    let feed = origin(feed_url);
    let more = match page {
        // ReDoc writes its styles into the page while it runs, and searches in a worker that it makes itself.
        "/redoc" => "style-src 'self' 'unsafe-inline'; worker-src blob:",
        _ => "style-src 'self'",
    };
    format!(
        "default-src 'none'; script-src 'self'; {more}; img-src 'self' data:; connect-src 'self'{feed}; \
         form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// The origin of an absolute address, after a space.
fn origin(url: &str) -> String {
    let parts = url.split_once("://");
    parts.map_or_else(String::new, |(scheme, rest)| {
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        format!(" {scheme}://{host}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_feed_may_be_elsewhere() {
        let policy = |feed_url| policy("/dashboard", feed_url);
        assert!(policy("/ws/agent-status").contains("connect-src 'self'; "));
        assert!(
            policy("wss://feed.example:8000/ws/agent-status?x")
                .contains("connect-src 'self' wss://feed.example:8000; ")
        );
    }
}
