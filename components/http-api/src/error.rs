//! Every error that a client sees is made here.

use axum::Json;
use axum::response::{IntoResponse, Response};
use database::Error;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// 400: the body did not arrive whole.
    #[error("The body could not be read")]
    Incomplete,
    /// 401: no token came.
    #[error("A token is needed: send Authorization: Bearer <token>")]
    NoToken,
    /// 401: a token came that is none of ours.
    #[error("The token is not valid")]
    WrongToken,
    /// 403: the token is `API_READ_TOKEN`.
    #[error("This token may only read")]
    ReadOnly,
    /// 404: no such path, or no row with that id.
    #[error("{0}")]
    NotFound(String),
    /// 405; the router adds `Allow`.
    #[error("Method Not Allowed")]
    MethodNotAllowed,
    /// 409: the request does not go with what is stored.
    #[error("{0}")]
    Conflict(String),
    /// 412: the row is not the one that `If-Match` means.
    #[error("The row has changed since, its ETag is {etag}")]
    Changed {
        /// The row's entity tag.
        etag: String,
    },
    /// 413: the body has more bytes than are taken.
    #[error("The body is larger than {limit} bytes")]
    TooLarge {
        /// The setting `MAX_BODY_BYTES`.
        limit: usize,
    },
    /// 415: the body is not declared as JSON.
    #[error("The body must be JSON: set Content-Type: application/json")]
    NotJson,
    /// 400: the body is no request of its protocol.
    #[error("The body could not be read: {0}")]
    Malformed(String),
    /// 415: the body is not declared as OTLP.
    #[error("The body must be OTLP: set Content-Type: application/x-protobuf or application/json")]
    NotOtlp,
    /// 415: the body is encoded in a way that we do not decode.
    #[error("The body's Content-Encoding {0:?} is not taken: send gzip or none")]
    UnknownEncoding(String),
    /// 421: the request was sent to a name that is not ours.
    #[error(
        "This server is not known as {0:?}: list the name in ALLOWED_HOSTS, set API_TOKEN, or ALLOW_INSECURE=1 for any"
    )]
    Misdirected(String),
    /// 422: all that is wrong with a body or a query.
    #[error("{} fields do not validate", .0.len())]
    Invalid(Vec<FieldError>),
    /// 500: a setting of this host does not parse.
    #[error("{0}")]
    Misconfigured(String),
    /// 503 or 500: the database.
    #[error(transparent)]
    Database(#[from] Error),
}

impl ApiError {
    /// 404 for a row: `Agent 17 not found`.
    #[must_use]
    pub fn unknown(what: &str, id: &str) -> Self {
        Self::NotFound(format!("{what} {id} not found"))
    }

    /// What a client is told.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Database(error @ Error::NewerSchema { .. }) => error.to_string(),
            Self::Database(error) => of_database(error).1.to_owned(),
            other => other.to_string(),
        }
    }

    fn challenge(&self, challenge: &'static str) -> Response {
        let detail = self.to_string();
        let challenge = [(header::WWW_AUTHENTICATE, challenge)];
        (StatusCode::UNAUTHORIZED, challenge, Json(Detail { detail })).into_response()
    }
}

/// What is behind an error, for the log alone, which has it with the request's id: an extension of the response.
#[derive(Clone)]
pub struct Cause(pub String);

/// 500: a fault of ours. Who reports it has its number, which the log has with the cause.
#[must_use]
pub fn internal_error(request_id: &str) -> Response {
    #[derive(Serialize)]
    struct Body<'a> {
        detail: &'static str,
        request_id: &'a str,
    }
    let body = Body {
        detail: "Internal Server Error",
        request_id,
    };
    (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
}

/// One thing that is wrong with a body or a query.
#[derive(Debug, Serialize)]
pub struct FieldError {
    /// A word for the kind of error, the same for every field.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Where it is: `["body", "name"]`, `["body", 17, "log_type"]`, `["query", "limit"]`.
    pub loc: Vec<Location>,
    /// A sentence for a person.
    pub msg: String,
    /// What was sent.
    pub input: domain::Json,
}

/// A step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Location {
    /// The name of a field.
    Field(&'static str),
    /// A place in an array.
    Index(usize),
}

/// 503 with a body of its own.
pub struct Unavailable<T> {
    /// What the client is told.
    pub body: T,
    /// What the log is told besides.
    pub cause: Option<Cause>,
}

impl<T: Serialize> IntoResponse for Unavailable<T> {
    fn into_response(self) -> Response {
        let retry = [(header::RETRY_AFTER, "5")];
        let mut response =
            (StatusCode::SERVICE_UNAVAILABLE, retry, Json(self.body)).into_response();
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(cause);
        }
        response
    }
}

#[derive(Serialize)]
struct Detail<T> {
    detail: T,
}

/// What a client may know of a database error, and whether trying again may help.
fn of_database(error: &Error) -> (StatusCode, &'static str, Option<&'static str>) {
    const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
    match error {
        Error::Busy => (
            UNAVAILABLE,
            "The database is busy, try again shortly",
            Some("1"),
        ),
        Error::Schema(_) => (
            UNAVAILABLE,
            "The database is being set up, try again shortly",
            Some("1"),
        ),
        Error::Unavailable(_) => (UNAVAILABLE, "The database is unreachable", Some("5")),
        Error::TooLarge => (
            UNAVAILABLE,
            "A row is larger than this host can hand over",
            Some("60"),
        ),
        Error::NewerSchema { .. } => (UNAVAILABLE, "", Some("60")),
        Error::Constraint(_) => (
            StatusCode::CONFLICT,
            "The request conflicts with what is stored",
            None,
        ),
        Error::Statement(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "Internal Server Error",
            None,
        ),
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Incomplete | Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::NoToken => return self.challenge("Bearer"),
            Self::WrongToken => return self.challenge("Bearer error=\"invalid_token\""),
            Self::ReadOnly => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Changed { .. } => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson | Self::NotOtlp => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::UnknownEncoding(_) => {
                let detail = self.to_string();
                let taken = [(header::ACCEPT_ENCODING, "gzip")];
                let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
                return (status, taken, Json(Detail { detail })).into_response();
            }
            Self::Misdirected(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::Invalid(errors) => {
                let body = Json(Detail { detail: errors });
                return (StatusCode::UNPROCESSABLE_ENTITY, body).into_response();
            }
            Self::Misconfigured(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Database(error) => {
                let (status, _, retry_after) = of_database(error);
                let detail = self.sentence();
                let mut response = (status, Json(Detail { detail })).into_response();
                if let Some(seconds) = retry_after {
                    response
                        .headers_mut()
                        .insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
                }
                // The client is not told the details, so they go to the host's log.
                response.extensions_mut().insert(Cause(error.to_string()));
                return response;
            }
        };
        let detail = self.to_string();
        (status, Json(Detail { detail })).into_response()
    }
}
