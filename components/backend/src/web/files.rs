//! The files that build.rs packed, and how one is sent.

use std::io::Read as _;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// All files.
pub(crate) static FILES: &[File] = &include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// A file.
pub(crate) struct File {
    /// Where it is served.
    pub(crate) path: &'static str,
    content_type: &'static str,
    /// Changes with the content.
    etag: &'static str,
    /// The content, compressed.
    gzip: &'static [u8],
}

impl File {
    /// Whether it is a page, and not a part of one.
    pub(crate) fn is_page(&self) -> bool {
        self.content_type.starts_with("text/html")
    }

    /// The answer to a GET with these headers: 304 where the client has the file already.
    pub(crate) fn answer(&self, request: &HeaderMap) -> Response {
        let mut response = if has(request, self.etag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else if takes_gzip(request) {
            let coding = [(header::CONTENT_ENCODING, "gzip")];
            (coding, Bytes::from_static(self.gzip)).into_response()
        } else {
            Body::from(self.plain()).into_response()
        };
        let headers = response.headers_mut();
        let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
        set(header::CONTENT_TYPE, self.content_type);
        set(header::ETAG, self.etag);
        // Kept, but asked for each time: a new version shows at once.
        set(header::CACHE_CONTROL, "no-cache");
        set(header::VARY, "Accept-Encoding");
        set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        set(header::REFERRER_POLICY, "no-referrer");
        response
    }

    fn plain(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        if let Err(error) = GzDecoder::new(self.gzip).read_to_end(&mut plain) {
            domain::warn(None, &format!("{}: {error}", self.path));
        }
        plain
    }
}

/// Whether the client has the version `etag`, as its `If-None-Match` says.
fn has(request: &HeaderMap, etag: &str) -> bool {
    let opaque = |etag: &str| etag.trim().trim_start_matches("W/").to_owned();
    values(request, &header::IF_NONE_MATCH)
        .any(|known| known == "*" || opaque(known) == opaque(etag))
}

/// Whether the client's `Accept-Encoding` names gzip, and not to refuse it.
fn takes_gzip(request: &HeaderMap) -> bool {
    values(request, &header::ACCEPT_ENCODING).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").map(str::parse::<f32>);
        name.trim().eq_ignore_ascii_case("gzip") && !matches!(weight, Some(Ok(0.0)))
    })
}

/// The values of a header that is a list.
fn values<'a>(
    headers: &'a HeaderMap,
    name: &http::HeaderName,
) -> impl Iterator<Item = &'a str> + use<'a> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (accepted, expected) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000, br", false),
            ("identity", false),
            ("x-gzip-like", false),
        ] {
            let headers = headers(header::ACCEPT_ENCODING, accepted);
            assert_eq!(takes_gzip(&headers), expected, "{accepted}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn known_versions_are_recognized() {
        for (known, expected) in [
            ("*", true),
            ("\"x\", W/\"a\"", true),
            ("\"a\"", true),
            ("\"b\"", false),
        ] {
            let headers = headers(header::IF_NONE_MATCH, known);
            assert_eq!(has(&headers, "W/\"a\""), expected, "{known}");
        }
    }

    #[test]
    fn files_unpack_to_what_they_are() {
        for file in FILES {
            let plain = String::from_utf8(file.plain()).unwrap_or_default();
            assert!(!plain.is_empty(), "{} is empty", file.path);
            assert_eq!(
                file.is_page(),
                plain.starts_with("<!doctype html>"),
                "{}",
                file.path
            );
        }
    }
}
