//! The messages of OTLP, as far as they are read, in both encodings.
//!
//! Only the frame of a request is read at once: resources, scopes and items stay bytes until each is read by itself, so one
//! that cannot be read spoils no other. In protocol buffers bytes and a message look the same, and the frames of traces and
//! logs are the same too.

use std::sync::Arc;

use prost::Message;
use prost::bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::Signal;
use crate::json;
use crate::value::Attributes;

/// How a body is encoded, and the answer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`
    Protobuf,
    /// `application/json`, as OTLP has it: ids in hexadecimal, integers of 64 bits as text or number.
    Json,
}

/// A body that is no request at all.
#[derive(Debug)]
pub struct Malformed(pub String);

/// What was in a request.
pub struct Batch<T> {
    /// The items that could be read.
    pub items: Vec<Item<T>>,
    /// How many could not.
    pub rejected: usize,
    /// What is wrong with the first of these.
    pub reason: Option<String>,
}

/// A span or a log record with what it is of.
pub struct Item<T> {
    /// What sent it.
    pub resource: Arc<Resource>,
    /// What recorded it.
    pub scope: Arc<Scope>,
    /// The span or record.
    pub item: T,
}

/// What sent something: a process, a service.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Resource {
    /// Its attributes.
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "json::list")]
    pub(crate) attributes: Attributes,
}

/// The library that recorded something.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Scope {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) version: String,
}

/// A span.
#[expect(clippy::struct_field_names, reason = "OTLP names them so")]
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Span {
    #[prost(bytes = "vec", tag = "1")]
    #[serde(deserialize_with = "json::id")]
    pub(crate) trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    #[serde(deserialize_with = "json::id")]
    pub(crate) span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    #[serde(deserialize_with = "json::id")]
    pub(crate) parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    pub(crate) name: String,
    #[prost(fixed64, tag = "7")]
    #[serde(deserialize_with = "json::unsigned")]
    pub(crate) start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    #[serde(deserialize_with = "json::unsigned")]
    pub(crate) end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    #[serde(deserialize_with = "json::list")]
    pub(crate) attributes: Attributes,
    #[prost(message, repeated, tag = "11")]
    #[serde(deserialize_with = "json::list")]
    pub(crate) events: Vec<Event>,
    #[prost(message, repeated, tag = "13")]
    #[serde(deserialize_with = "json::list")]
    pub(crate) links: Vec<Link>,
    #[prost(message, optional, tag = "15")]
    pub(crate) status: Option<Status>,
}

/// Something that happened within a span.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Event {
    #[prost(fixed64, tag = "1")]
    #[serde(deserialize_with = "json::unsigned")]
    pub(crate) time_unix_nano: u64,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(message, repeated, tag = "3")]
    #[serde(deserialize_with = "json::list")]
    pub(crate) attributes: Attributes,
}

/// A span of another trace, or elsewhere in this one.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Link {
    #[prost(bytes = "vec", tag = "1")]
    #[serde(deserialize_with = "json::id")]
    pub(crate) trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    #[serde(deserialize_with = "json::id")]
    pub(crate) span_id: Vec<u8>,
    #[prost(message, repeated, tag = "4")]
    #[serde(deserialize_with = "json::list")]
    pub(crate) attributes: Attributes,
}

/// How a span ended.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Status {
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(int32, tag = "3")]
    #[serde(deserialize_with = "json::status_code")]
    pub(crate) code: i32,
}

/// A log record.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LogRecord {
    #[prost(fixed64, tag = "1")]
    #[serde(deserialize_with = "json::unsigned")]
    pub(crate) time_unix_nano: u64,
    #[prost(fixed64, tag = "11")]
    #[serde(deserialize_with = "json::unsigned")]
    pub(crate) observed_time_unix_nano: u64,
    #[prost(int32, tag = "2")]
    #[serde(deserialize_with = "json::severity_number")]
    pub(crate) severity_number: i32,
    #[prost(string, tag = "3")]
    pub(crate) severity_text: String,
    #[prost(message, optional, tag = "5")]
    pub(crate) body: Option<crate::value::AnyValue>,
    #[prost(message, repeated, tag = "6")]
    #[serde(deserialize_with = "json::list")]
    pub(crate) attributes: Attributes,
    #[prost(bytes = "vec", tag = "9")]
    #[serde(deserialize_with = "json::id")]
    pub(crate) trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "10")]
    #[serde(deserialize_with = "json::id")]
    pub(crate) span_id: Vec<u8>,
    #[prost(string, tag = "12")]
    pub(crate) event_name: String,
}

/// `ExportTraceServiceRequest` and `ExportLogsServiceRequest`.
#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    resources: Vec<Bytes>,
}

/// `ResourceSpans` and `ResourceLogs`.
#[derive(Clone, PartialEq, Message)]
struct OfResource {
    #[prost(bytes = "bytes", tag = "1")]
    resource: Bytes,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    scopes: Vec<Bytes>,
}

/// `ScopeSpans` and `ScopeLogs`.
#[derive(Clone, PartialEq, Message)]
struct OfScope {
    #[prost(bytes = "bytes", tag = "1")]
    scope: Bytes,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    items: Vec<Bytes>,
}

/// The same in JSON, where the names say of which signal they are.
#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[derive(Default)]
struct JsonRequest<'a> {
    #[serde(borrow)]
    resource_spans: Option<Vec<JsonOfResource<'a>>>,
    #[serde(borrow)]
    resource_logs: Option<Vec<JsonOfResource<'a>>>,
}

#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[derive(Default)]
struct JsonOfResource<'a> {
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    #[serde(borrow)]
    scope_spans: Option<Vec<JsonOfScope<'a>>>,
    #[serde(borrow)]
    scope_logs: Option<Vec<JsonOfScope<'a>>>,
}

#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[derive(Default)]
struct JsonOfScope<'a> {
    #[serde(borrow)]
    scope: Option<&'a RawValue>,
    #[serde(borrow)]
    spans: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    log_records: Option<Vec<&'a RawValue>>,
}

/// What can be read in both encodings.
pub trait Readable: Message + Default + DeserializeOwned {}

impl<T: Message + Default + DeserializeOwned> Readable for T {}

/// Reads the body of a request.
///
/// # Errors
/// [`Malformed`] where it is no request of that kind. What is wrong with an item is in the [`Batch`].
pub fn read<T: Readable>(
    encoding: Encoding,
    signal: Signal,
    body: Vec<u8>,
) -> Result<Batch<T>, Malformed> {
    match encoding {
        Encoding::Protobuf => protobuf(body.into()),
        Encoding::Json => json(signal, &domain::with_whole_characters(body)),
    }
}

fn protobuf<T: Message + Default>(body: Bytes) -> Result<Batch<T>, Malformed> {
    let malformed = |error: prost::DecodeError| Malformed(error.to_string());
    let mut batch = Batch::new();
    for of_resource in Request::decode(body).map_err(malformed)?.resources {
        let of_resource = OfResource::decode(of_resource).map_err(malformed)?;
        let resource = decode(of_resource.resource);
        for of_scope in of_resource.scopes {
            let of_scope = OfScope::decode(of_scope).map_err(malformed)?;
            let scope = decode(of_scope.scope);
            let items = of_scope.items.into_iter().map(decode);
            batch.add(&resource, &scope, items);
        }
    }
    Ok(batch)
}

fn decode<T: Message + Default>(bytes: Bytes) -> Result<T, String> {
    T::decode(bytes).map_err(|error| error.to_string())
}

fn json<T: DeserializeOwned>(signal: Signal, body: &[u8]) -> Result<Batch<T>, Malformed> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Malformed("it is no JSON object".to_owned()));
    }
    let request: JsonRequest<'_> =
        serde_json::from_slice(body).map_err(|error| Malformed(error.to_string()))?;
    let mut batch = Batch::new();
    let of_resources = match signal {
        Signal::Traces => request.resource_spans,
        Signal::Logs => request.resource_logs,
    };
    for of_resource in of_resources.into_iter().flatten() {
        let resource = parse_or_default(of_resource.resource);
        let of_scopes = match signal {
            Signal::Traces => of_resource.scope_spans,
            Signal::Logs => of_resource.scope_logs,
        };
        for of_scope in of_scopes.into_iter().flatten() {
            let scope = parse_or_default(of_scope.scope);
            let items = match signal {
                Signal::Traces => of_scope.spans,
                Signal::Logs => of_scope.log_records,
            };
            let items = items.into_iter().flatten().map(parse);
            batch.add(&resource, &scope, items);
        }
    }
    Ok(batch)
}

fn parse<T: DeserializeOwned>(raw: &RawValue) -> Result<T, String> {
    serde_json::from_str(raw.get()).map_err(|error| error.to_string())
}

fn parse_or_default<T: DeserializeOwned + Default>(raw: Option<&RawValue>) -> Result<T, String> {
    raw.map_or_else(|| Ok(T::default()), parse)
}

impl<T> Batch<T> {
    fn new() -> Self {
        Self {
            items: Vec::new(),
            rejected: 0,
            reason: None,
        }
    }

    /// Leaves out an item, or several, for a reason of which only the first is kept.
    pub fn reject(&mut self, count: usize, reason: impl FnOnce() -> String) {
        self.rejected += count;
        if count > 0 && self.reason.is_none() {
            self.reason = Some(reason());
        }
    }

    fn add(
        &mut self,
        resource: &Result<Resource, String>,
        scope: &Result<Scope, String>,
        items: impl Iterator<Item = Result<T, String>>,
    ) {
        let (resource, scope) = match (resource, scope) {
            (Ok(resource), Ok(scope)) => (Arc::new(resource.clone()), Arc::new(scope.clone())),
            (Err(error), _) | (_, Err(error)) => {
                self.reject(items.count(), || error.clone());
                return;
            }
        };
        for item in items {
            match item {
                Ok(item) => self.items.push(Item {
                    resource: Arc::clone(&resource),
                    scope: Arc::clone(&scope),
                    item,
                }),
                Err(error) => self.reject(1, || error),
            }
        }
    }
}
