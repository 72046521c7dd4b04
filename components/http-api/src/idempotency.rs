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
use sha2::{Digest, Sha256};

use crate::extract::{self, FromBody};
use crate::version::etag;
use crate::{ApiError, FieldError, Location};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is the one that an earlier request got.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The most characters of a key.
const LONGEST_KEY: usize = 255;
/// For how long an answer is kept, as SQLite says it.
const KEPT: &str = "-24 hours";
/// How many answers that are too old each new one sweeps out.
const SWEPT: i64 = 4;

/// The body of a POST, which has its effect once.
pub struct IdempotentBody<T: FromBody> {
    /// What was sent.
    pub body: T::Read,
    key: Option<Key>,
}

struct Key {
    name: String,
    /// Tells the request from another with the same key.
    request: String,
}

impl<T: FromBody, S: Send + Sync> FromRequest<S> for IdempotentBody<T> {
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
        _ => Err(ApiError::Invalid(vec![FieldError {
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

impl<T: FromBody> IdempotentBody<T> {
    /// Runs `job`, which is one statement that commits by itself where there is no key; or gives the answer that
    /// it had the first time. `job` may run again while the database is busy.
    ///
    /// # Errors
    /// What `job` gives, [`ApiError::Conflict`] where the key belongs to another request.
    pub async fn run<R>(
        &self,
        database: &Database,
        mut job: impl FnMut(&dyn Connection, &T::Read) -> Result<StoredResponse<R>, ApiError>,
    ) -> Result<StoredResponse<R>, ApiError> {
        if self.key.is_none() {
            return database.one(|db| job(db, &self.body)).await;
        }
        self.run_together(database, job).await
    }

    /// The same for a job of several statements, which is one transaction also where there is no key.
    ///
    /// # Errors
    /// Those of [`IdempotentBody::run`].
    pub async fn run_together<R>(
        &self,
        database: &Database,
        mut job: impl FnMut(&dyn Connection, &T::Read) -> Result<StoredResponse<R>, ApiError>,
    ) -> Result<StoredResponse<R>, ApiError> {
        let work = |db: &dyn Connection| {
            if let Some(key) = &self.key
                && let Some(answer) = key.find(db)?
            {
                return Ok(answer);
            }
            let answer = job(db, &self.body)?;
            if let Some(key) = &self.key {
                key.store(db, &answer)?;
            }
            Ok(answer)
        };
        database.write(work).await
    }
}

impl Key {
    fn find<T>(&self, db: &dyn Connection) -> Result<Option<StoredResponse<T>>, ApiError> {
        const SQL: &str = "SELECT request, status, location, etag, body FROM idempotency_keys \
             WHERE key = ?1 AND created_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?2)";
        let rows = db.execute(SQL, &[self.name.as_str().into(), KEPT.into()])?;
        let Some(mut row) = rows.into_iter().next() else {
            return Ok(None);
        };
        if row.text("request")? != self.request {
            return Err(ApiError::Conflict(
                "This Idempotency-Key was used for another request".to_owned(),
            ));
        }
        StoredResponse::stored(row).map(Some)
    }

    fn store<T>(&self, db: &dyn Connection, answer: &StoredResponse<T>) -> Result<(), Error> {
        const SWEEP: &str = "DELETE FROM idempotency_keys WHERE key IN (SELECT key FROM idempotency_keys \
             WHERE created_at <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?1) ORDER BY created_at LIMIT +?2)";
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

/// The response to a POST, which can be stored. Its body is a `T` in JSON.
pub struct StoredResponse<T> {
    status: StatusCode,
    location: Option<String>,
    etag: Option<String>,
    body: String,
    replayed: bool,
    of: PhantomData<fn() -> T>,
}

impl<T> StoredResponse<T> {
    /// 200 with `body`.
    #[must_use]
    pub fn ok(body: String) -> Self {
        Self {
            status: StatusCode::OK,
            location: None,
            etag: None,
            body,
            replayed: false,
            of: PhantomData,
        }
    }

    /// 201 with `body`.
    #[must_use]
    pub fn created(body: String) -> Self {
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

    fn stored(mut row: Row) -> Result<Self, ApiError> {
        let status = u16::try_from(row.integer("status")?).ok();
        Ok(Self {
            status: status
                .and_then(|status| StatusCode::from_u16(status).ok())
                .unwrap_or(StatusCode::OK),
            location: row.optional_text("location")?,
            etag: row.optional_text("etag")?,
            body: row.text("body")?,
            replayed: true,
            of: PhantomData,
        })
    }
}

impl<T> IntoResponse for StoredResponse<T> {
    fn into_response(self) -> Response {
        let mut response = crate::json(self.body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
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
