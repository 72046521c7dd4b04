//! `Idempotency-Key`: a POST that is sent again has its effect once.
//!
//! The answer is stored under the key in the transaction of the write, so there is never one without the other, and of
//! two requests at once the second finds the answer of the first. Only answers to what was done are stored: a request
//! that was refused may be mended and sent again under its key.

use std::marker::PhantomData;

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use database::{Connection, Database, Error, Row, Value};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::extract::{self, FromBody};
use crate::version::etag;
use crate::{ApiError, Fault, Location};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is the one that an earlier request got.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The most characters of a key.
const LONGEST_KEY: usize = 255;
/// For how long an answer is kept, as SQLite says it.
const KEPT: &str = "-24 hours";
/// How many answers that are too old each new one sweeps out.
const SWEPT: i64 = 4;

/// The body of a POST, and how it is done once.
pub struct Once<T> {
    /// What was sent.
    pub body: T,
    key: Option<Key>,
}

struct Key {
    name: String,
    /// Tells the request from another with the same key.
    request: String,
}

impl<T: FromBody, S: Send + Sync> FromRequest<S> for Once<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let name = key(request.headers())?;
        let target = name
            .is_some()
            .then(|| format!("{} {}\n", request.method(), request.uri().path()));
        let bytes = extract::read(request, T::OPTIONAL).await?;
        let body = T::from_body(extract::parse(&bytes)?)?;
        let key = name.zip(target).map(|(name, target)| {
            let digest = Sha256::new().chain_update(target).chain_update(&bytes);
            let request = base16ct::lower::encode_string(&digest.finalize());
            Key { name, request }
        });
        Ok(Self { body, key })
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(&KEY) else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(key) if (1..=LONGEST_KEY).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(ApiError::Invalid(vec![Fault {
            kind: "idempotency_key",
            loc: vec![
                Location::Field("header"),
                Location::Field("Idempotency-Key"),
            ],
            msg: format!("Input should have 1 to {LONGEST_KEY} printable ASCII characters"),
            input: domain::Json::text(&String::from_utf8_lossy(value.as_bytes())),
        }])),
    }
}

impl<T> Once<T> {
    /// Runs `job`, whose only statement that writes commits by itself where there is no key; or gives the answer that
    /// it had the first time. `job` may run again while the database is busy.
    ///
    /// # Errors
    /// What `job` gives, [`ApiError::Conflict`] where the key belongs to another request.
    pub async fn run<R: Serialize>(
        &self,
        database: &Database,
        mut job: impl FnMut(&dyn Connection, &T) -> Result<Answer<R>, ApiError>,
    ) -> Result<Answer<R>, ApiError> {
        let Some(key) = &self.key else {
            return database.write_one(|db| job(db, &self.body)).await;
        };
        let work = |db: &dyn Connection| {
            if let Some(answer) = key.find(db)? {
                return Ok(answer);
            }
            let answer = job(db, &self.body)?;
            key.store(db, &answer)?;
            Ok(answer)
        };
        database.write(work).await
    }
}

impl Key {
    fn find<T: Serialize>(&self, db: &dyn Connection) -> Result<Option<Answer<T>>, ApiError> {
        const SQL: &str = "SELECT request, status, location, etag, body FROM idempotency_keys \
             WHERE key = ?1 AND created_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?2)";
        let rows = db.execute(SQL, &[self.name.as_str().into(), KEPT.into()])?;
        let Some(mut row) = rows.into_iter().next() else {
            return Ok(None);
        };
        if row.text() != self.request {
            return Err(ApiError::Conflict(
                "This Idempotency-Key was used for another request".to_owned(),
            ));
        }
        Ok(Some(Answer::stored(row)))
    }

    fn store<T>(&self, db: &dyn Connection, answer: &Answer<T>) -> Result<(), Error> {
        const SWEEP: &str = "DELETE FROM idempotency_keys WHERE key IN (SELECT key FROM idempotency_keys \
             WHERE created_at <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?1) ORDER BY created_at LIMIT ?2)";
        const STORE: &str = "INSERT OR REPLACE INTO idempotency_keys \
             (key, request, status, location, etag, body, created_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))";
        db.execute(SWEEP, &[KEPT.into(), SWEPT.into()])?;
        let parameters: [Value; 6] = [
            self.name.as_str().into(),
            self.request.as_str().into(),
            i64::from(answer.status.as_u16()).into(),
            answer.location.clone().into(),
            answer.etag.clone().into(),
            answer.body.as_str().into(),
        ];
        db.execute(STORE, &parameters)?;
        Ok(())
    }
}

/// The answer to a POST, which can be stored. Its body is a `T` in JSON.
pub struct Answer<T> {
    status: StatusCode,
    location: Option<String>,
    etag: Option<String>,
    body: String,
    replayed: bool,
    of: PhantomData<fn() -> T>,
}

impl<T: Serialize> Answer<T> {
    /// 200 with `body`.
    pub fn ok(body: &T) -> Self {
        Self {
            status: StatusCode::OK,
            location: None,
            etag: None,
            // Our structures of text and numbers always serialise.
            body: serde_json::to_string(body).unwrap_or_default(),
            replayed: false,
            of: PhantomData,
        }
    }

    /// 201 with `body`.
    pub fn created(body: &T) -> Self {
        Self {
            status: StatusCode::CREATED,
            ..Self::ok(body)
        }
    }

    /// With the path of what was made as `Location`.
    #[must_use]
    pub fn at(mut self, location: String) -> Self {
        self.location = Some(location);
        self
    }

    /// With the version of the row as `ETag`.
    #[must_use]
    pub fn versioned(mut self, version: i64) -> Self {
        self.etag = Some(etag(version));
        self
    }

    fn stored(mut row: Row) -> Self {
        let status = u16::try_from(row.integer()).ok();
        Self {
            status: status
                .and_then(|status| StatusCode::from_u16(status).ok())
                .unwrap_or(StatusCode::OK),
            location: row.optional_text(),
            etag: row.optional_text(),
            body: row.text(),
            replayed: true,
            of: PhantomData,
        }
    }
}

impl<T> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        for (name, value) in [(header::LOCATION, self.location), (header::ETAG, self.etag)] {
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                headers.insert(name, value);
            }
        }
        if self.replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}
