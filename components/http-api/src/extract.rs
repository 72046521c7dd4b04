//! What handlers take from a request.

use std::convert::Infallible;
use std::marker::PhantomData;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use http::request::Parts;
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde_json::value::RawValue;

use crate::fields::{self, Declared, Input, Reader};
use crate::{ApiError, FieldError, Location, gzip};

/// Up to how many bytes of a body that is too large are read before the answer. A client that still sends may lose an
/// answer that comes earlier, as the connection then ends with a reset.
pub const DRAINED: usize = 16 << 20;

/// The setting `MAX_BODY_BYTES`, which [`crate::Api`] puts into each request.
#[derive(Clone, Copy)]
pub(crate) struct BodyLimit(pub(crate) usize);

/// A kind of body: an object with declared fields, which is any [`Declared`], or something of its own.
pub trait FromBody {
    /// Whether there may be no body at all, which then reads as `{}`.
    const OPTIONAL: bool;

    /// What it is read to.
    type Read: Send;

    /// Reads the body's JSON value.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] with everything that is wrong.
    fn from_body(body: &RawValue) -> Result<Self::Read, ApiError>;

    /// The JSON Schema of the body.
    fn schema() -> serde_json::Value;
}

impl<T: Declared> FromBody for T {
    const OPTIONAL: bool = T::OPTIONAL_BODY;

    type Read = Input;

    fn from_body(body: &RawValue) -> Result<Input, ApiError> {
        let fields = T::fields();
        Reader::of_object(vec![Location::Field("body")], body, &fields)
            .map_err(|error| ApiError::Invalid(vec![error]))?
            .read(&fields)
    }

    fn schema() -> serde_json::Value {
        fields::schema(&T::fields())
    }
}

/// The request's body, for a method that may be repeated as it is. A POST takes [`crate::IdempotentBody`].
pub struct Body<T: FromBody>(pub T::Read);

impl<T: FromBody, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = read(request, T::OPTIONAL).await?;
        T::from_body(parse(&bytes)?).map(Self)
    }
}

/// The body of another protocol, as its handler reads it: unpacked, and no larger than is taken.
pub struct RawBody {
    /// What it is declared as, without parameters, in lower case.
    pub media_type: String,
    /// The bytes, or why there are none.
    pub bytes: Result<Vec<u8>, ApiError>,
}

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Infallible> {
        let declared = request.headers().get(header::CONTENT_TYPE);
        let declared = declared.and_then(|value| value.to_str().ok());
        let essence = declared.and_then(|value| value.split(';').next());
        Ok(Self {
            media_type: essence.unwrap_or_default().trim().to_ascii_lowercase(),
            bytes: received(request).await.and_then(Received::unpacked),
        })
    }
}

/// Reads the bytes of a body that is declared as JSON. Where it is `optional` and there is none, gives those of `{}`.
pub(crate) async fn read(request: Request, optional: bool) -> Result<Vec<u8>, ApiError> {
    let declared_json = is_json(request.headers());
    if !declared_json && !optional {
        return Err(ApiError::NotJson);
    }
    let received = received(request).await?;
    if optional && received.bytes.is_empty() {
        return Ok(b"{}".to_vec());
    }
    if !declared_json {
        return Err(ApiError::NotJson);
    }
    Ok(domain::with_whole_characters(received.unpacked()?))
}

/// A body as it came.
struct Received {
    bytes: Vec<u8>,
    is_gzip: bool,
    limit: usize,
}

impl Received {
    fn unpacked(self) -> Result<Vec<u8>, ApiError> {
        if self.is_gzip {
            gzip::unpack(&self.bytes, self.limit)
        } else {
            Ok(self.bytes)
        }
    }
}

async fn received(request: Request) -> Result<Received, ApiError> {
    let limit = request
        .extensions()
        .get()
        .map_or(usize::MAX, |BodyLimit(limit)| *limit);
    let is_gzip = gzip::is_gzip(request.headers())?;
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit.max(DRAINED)) {
        return Err(ApiError::TooLarge { limit });
    }
    let mut body = request.into_body();
    // At once, where it is known: while a text grows, there is room for it twice.
    let mut bytes = Vec::with_capacity(declared.unwrap_or_default().min(limit));
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| ApiError::Incomplete)?.into_data() else {
            continue;
        };
        length += data.len();
        if length <= limit {
            bytes.extend_from_slice(&data);
        } else if length > limit.max(DRAINED) {
            break;
        }
    }
    if length > limit {
        return Err(ApiError::TooLarge { limit });
    }
    Ok(Received {
        bytes,
        is_gzip,
        limit,
    })
}

/// A body without a declared type is refused too: a browser sends one to any site without asking that site first
/// (no preflight), so taking it would let any page write to a server on the visitor's machine.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let utf8 = parts
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .all(|(_, charset)| {
            charset
                .trim()
                .trim_matches('"')
                .eq_ignore_ascii_case("utf-8")
        });
    let json = essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"));
    json && utf8
}

pub(crate) fn parse(bytes: &[u8]) -> Result<&RawValue, ApiError> {
    let error = |kind, msg: String| {
        ApiError::Invalid(vec![FieldError {
            kind,
            loc: vec![Location::Field("body")],
            msg,
            input: domain::Json::stored("null".to_owned()),
        }])
    };
    if bytes.is_empty() {
        return Err(error("missing", "Field required".to_owned()));
    }
    // Looked through first, since a raw value may be nested without limit and hold numbers and characters that nobody can
    // read.
    domain::look_through(bytes)
        .and_then(|()| serde_json::from_slice(bytes))
        .map_err(|cause| error("json_invalid", format!("JSON decode error: {cause}")))
}

/// The parameters of the query string.
pub struct Query<T> {
    /// What was sent.
    pub input: Input,
    of: PhantomData<fn() -> T>,
}

impl<T: Declared, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        Ok(Self {
            input: Reader::of_query(&pairs).read_together(&T::fields(), T::conflicts)?,
            of: PhantomData,
        })
    }
}

/// The `{id}` of a path. Any text is an id: rows of other writers have any.
pub struct Id(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            // The path is no UTF-8, so it names no row.
            Err(_) => Err(ApiError::NotFound("Not Found".to_owned())),
        }
    }
}
