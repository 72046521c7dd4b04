//! Requests and responses, wherever they go.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use serde_json::Value;

/// A request in the making.
pub(crate) struct Request {
    method: Method,
    uri: String,
    headers: HeaderMap,
    body: Vec<u8>,
    chunked: bool,
}

/// A body with its length in the head, or in chunks without it.
pub(crate) struct Body {
    chunks: std::vec::IntoIter<Bytes>,
    length: Option<u64>,
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.chunks.next().map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.length == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl Request {
    /// A request without a body.
    pub(crate) fn new(method: &str, uri: impl Into<String>) -> Self {
        Self {
            method: method.parse().expect("a method"),
            uri: uri.into(),
            headers: HeaderMap::new(),
            body: Vec::new(),
            chunked: false,
        }
    }

    /// With a header.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, value.parse().expect("a value"));
        self
    }

    /// With `body`, declared as JSON.
    pub(crate) fn json(self, body: impl Into<Vec<u8>>) -> Self {
        self.header("content-type", "application/json").body(body)
    }

    /// With `body`, declared as nothing.
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// With the body in chunks, so that its length is not known beforehand.
    pub(crate) fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// The request for a client or for a router.
    pub(crate) fn build(self) -> http::Request<Body> {
        let mut builder = http::Request::builder()
            .method(self.method)
            .uri(self.uri)
            .header("host", "localhost");
        if !self.chunked && !self.body.is_empty() {
            builder = builder.header("content-length", self.body.len());
        }
        let chunks: Vec<Bytes> = self.body.chunks(100).map(Bytes::copy_from_slice).collect();
        let body = Body {
            chunks: chunks.into_iter(),
            length: (!self.chunked).then_some(self.body.len() as u64),
        };
        let mut request = builder.body(body).expect("a request");
        request.headers_mut().extend(self.headers);
        request
    }
}

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Response {
    /// Reads a response to its end.
    pub(crate) async fn read<B>(response: http::Response<B>) -> Result<Self, B::Error>
    where
        B: hyper::body::Body<Data = Bytes>,
    {
        let (head, body) = response.into_parts();
        Ok(Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.collect().await?.to_bytes(),
        })
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    /// The body as JSON, of a response that has `status`.
    #[track_caller]
    pub(crate) fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// A header's value, empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }
}
