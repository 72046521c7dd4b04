//! CORS, as the contract has it.
//!
//! tower-http's layer sends some CORS headers to every origin and answers a preflight with 200; the contract wants
//! none for an origin that is not allowed, and 204.

use http::{HeaderMap, HeaderValue, Method, header};

/// What a page may send besides the headers that are always allowed.
const ALLOWED_HEADERS: &str = "Authorization, Content-Encoding, Content-Type, Idempotency-Key, If-Match, Last-Event-ID, X-Request-Id";
/// What a page may read besides the headers that are always allowed.
const EXPOSED_HEADERS: &str = "Content-Disposition, ETag, Idempotency-Replayed, Link, Location, Retry-After, WWW-Authenticate, X-Request-Id";
/// For how many seconds a browser may remember a preflight's answer.
const MAX_AGE: &str = "600";

/// The origins whose pages may use the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Reads `CORS_ORIGINS`: origins (`http://localhost:5173`) separated by commas, or `*` for any.
    ///
    /// # Errors
    /// A sentence about the first that is no origin.
    pub fn parse(list: &str) -> Result<Self, String> {
        list.split(',')
            .map(str::trim)
            .filter(|origin| !origin.is_empty())
            .map(|origin| {
                let origin = origin.trim_end_matches('/').to_ascii_lowercase();
                let host = origin.split_once("://").map(|(_, host)| host);
                let valid = origin == "*"
                    || host.is_some_and(|host| !host.is_empty() && !host.contains('/'))
                        && HeaderValue::from_str(&origin).is_ok();
                if valid {
                    Ok(origin)
                } else {
                    Err(format!(
                        "{origin:?} is not an origin like http://localhost:5173"
                    ))
                }
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// These origins and one more.
    #[must_use]
    pub fn with(mut self, origin: String) -> Self {
        self.0.push(origin);
        self
    }

    /// Whether pages of `origin` may use the API.
    #[must_use]
    pub fn allow(&self, origin: &str) -> bool {
        self.0
            .iter()
            .any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin))
    }

    /// Adds the headers of an answer to a request from `origin`.
    pub fn answer(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = origin.filter(|origin| origin.to_str().is_ok_and(|o| self.allow(o)))
        else {
            return;
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(EXPOSED_HEADERS),
        );
    }

    /// Adds the headers of a preflight's answer; `methods` is its `Allow`.
    pub(crate) fn answer_preflight(
        &self,
        origin: &HeaderValue,
        methods: &HeaderValue,
        headers: &mut HeaderMap,
    ) {
        if !origin.to_str().is_ok_and(|origin| self.allow(origin)) {
            return;
        }
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods.clone());
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static(ALLOWED_HEADERS),
        );
        headers.insert(
            header::ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from_static(MAX_AGE),
        );
    }
}

/// Whether a request is a preflight, which asks before the real one.
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read() {
        let origins =
            Origins::parse(" http://localhost:5173/, https://Board.example ,").unwrap_or_default();
        assert!(origins.allow("http://localhost:5173"));
        assert!(origins.allow("https://board.example"));
        assert!(!origins.allow("http://localhost:51730"));
        assert!(!origins.allow("null"));
        assert!(Origins::parse("*").is_ok_and(|any| any.allow("http://anything.example")));
        assert!(Origins::parse("localhost:5173").is_err());
        assert!(Origins::parse("http://a.example/path").is_err());
    }
}
