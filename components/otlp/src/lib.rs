//! OTLP as it comes over HTTP: spans and log records, what they mean by the conventions for generative AI, and the answers.
//!
//! Nothing of HTTP, SQL or the shape of a tree here: a span goes in as it was sent and comes out as what it is a row of.

mod answer;
mod conventions;
mod ids;
mod json;
mod mapping;
mod messages;
mod record;
mod value;
mod wire;

pub use answer::{Signal, partial_success, status};
pub use conventions::{ATTRIBUTES, Meaning};
pub use mapping::{Agent, Call, Is, Prompt, Span, Told, span};
pub use record::{Record, Seen, record};
pub use wire::{Batch, Encoding, Item, LogRecord, Malformed, Readable, Span as WireSpan, read};
