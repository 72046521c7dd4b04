//! The group `ingest`: `/v1/traces` and `/v1/logs`, what tools that know nothing of us report by OTLP over HTTP.
//!
//! A request is stored in one transaction, so its answer means that it is on disk; what cannot be read or stored is left out
//! and told as a partial success. What the attributes of a span mean is in the crate `otlp`; [`tree`] says who is above it,
//! [`spans`] what happens to it, [`records`] the same for log records.

mod agents;
mod arrival;
mod handing_on;
mod items;
mod records;
mod rows;
mod spans;
mod tree;

use std::collections::HashSet;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use database::{Connection, Database, Error};
use http::{HeaderValue, StatusCode, header};
use http_api::routing::{self, Table, path, post};
use http_api::{ApiError, RawBody, Settings};
use otlp::{Batch, Encoding, Signal, partial_success};

/// The routes of the group.
pub fn routes(database: &Database, _: &Settings) -> Router {
    routing::router(table(), database.clone())
}

/// The same before they have a database, with what they take and give.
pub fn table() -> Table<Database> {
    let spans = post("Takes spans by OTLP", traces);
    let table = path(Table::new(), "/v1/traces", spans);
    path(table, "/v1/logs", post("Takes log records by OTLP", logs))
}

/// A parameter in JSON.
fn json(rows: &impl serde::Serialize) -> database::Value {
    // Lists of text and numbers always serialise.
    serde_json::to_string(rows).unwrap_or_default().into()
}

/// Those of `ids` that a query gives as `value`.
fn those(
    db: &dyn Connection,
    sql: &str,
    ids: &impl serde::Serialize,
) -> Result<HashSet<String>, Error> {
    let rows = db.execute(sql, &[json(ids)])?.into_iter();
    rows.map(|mut row| row.text("value")).collect()
}

async fn traces(State(database): State<Database>, body: RawBody) -> Response {
    let encoding = encoding(&body);
    let stored = async {
        let mut batch = read(Signal::Traces, encoding, body)?;
        let mut spans = Vec::with_capacity(batch.items.len());
        for item in std::mem::take(&mut batch.items) {
            match otlp::span(&item) {
                Ok(span) => spans.push(span),
                Err(reason) => batch.reject(1, || reason),
            }
        }
        if !spans.is_empty() {
            let lost = loop {
                // The spans themselves are stored in one transaction, the last one.
                if let Some(lost) = database.write(|db| spans::store(db, &spans)).await? {
                    break lost;
                }
            };
            batch.reject(lost, || "Their agent was deleted".to_owned());
        }
        Ok((batch.rejected, batch.reason))
    };
    answer(Signal::Traces, encoding, stored.await)
}

async fn logs(State(database): State<Database>, body: RawBody) -> Response {
    let encoding = encoding(&body);
    let stored = async {
        let mut batch = read(Signal::Logs, encoding, body)?;
        let mut seen = otlp::Seen::default();
        let mut records = Vec::with_capacity(batch.items.len());
        for item in std::mem::take(&mut batch.items) {
            match otlp::record(&item, &mut seen) {
                Ok(record) => records.push(record),
                Err(reason) => batch.reject(1, || reason),
            }
        }
        if !records.is_empty() {
            database.write(|db| records::store(db, &records)).await?;
        }
        Ok((batch.rejected, batch.reason))
    };
    answer(Signal::Logs, encoding, stored.await)
}

/// How the body says that it is encoded.
fn encoding(body: &RawBody) -> Option<Encoding> {
    match body.media_type.as_str() {
        "application/x-protobuf" => Some(Encoding::Protobuf),
        "application/json" => Some(Encoding::Json),
        _ => None,
    }
}

fn read<T>(signal: Signal, encoding: Option<Encoding>, body: RawBody) -> Result<Batch<T>, ApiError>
where
    T: otlp::Readable,
{
    let encoding = encoding.ok_or(ApiError::NotOtlp)?;
    otlp::read(encoding, signal, body.bytes?).map_err(|malformed| ApiError::Malformed(malformed.0))
}

/// The answer in the encoding of the request; to a request of no known encoding in JSON.
fn answer(
    signal: Signal,
    encoding: Option<Encoding>,
    stored: Result<(usize, Option<String>), ApiError>,
) -> Response {
    let encoding = encoding.unwrap_or(Encoding::Json);
    let mut response = match stored {
        Ok((rejected, reason)) => {
            let reason = reason.unwrap_or_default();
            let body = partial_success(encoding, signal, rejected, &reason);
            (StatusCode::OK, body).into_response()
        }
        Err(error) => {
            // Its status and headers are those of every error, its body is that of OTLP.
            let message = error.sentence();
            let mut response = error.into_response();
            let body = otlp::status(encoding, response.status().as_u16(), &message);
            response.headers_mut().remove(header::CONTENT_LENGTH);
            *response.body_mut() = Bytes::from(body).into();
            response
        }
    };
    let media_type = HeaderValue::from_static(match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    });
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, media_type);
    response
}
