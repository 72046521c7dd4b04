//! What is answered: `ExportTraceServiceResponse`, `ExportLogsServiceResponse` and, for an error, `google.rpc.Status`.

use prost::Message;
use serde_json::json;

use crate::Encoding;

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
}

#[derive(Clone, PartialEq, Message)]
struct Response {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// The body of the answer to a request that was taken, of which `rejected` items were left out.
#[must_use]
pub fn partial_success(
    encoding: Encoding,
    signal: Signal,
    rejected: usize,
    reason: &str,
) -> Vec<u8> {
    let rejected = i64::try_from(rejected).unwrap_or(i64::MAX);
    match encoding {
        Encoding::Protobuf => Response {
            partial_success: (rejected > 0).then(|| PartialSuccess {
                rejected,
                error_message: reason.to_owned(),
            }),
        }
        .encode_to_vec(),
        Encoding::Json if rejected == 0 => b"{}".to_vec(),
        Encoding::Json => {
            let name = match signal {
                Signal::Traces => "rejectedSpans",
                Signal::Logs => "rejectedLogRecords",
            };
            // As JSON has them in protocol buffers, integers of 64 bits are texts.
            let partial = json!({name: rejected.to_string(), "errorMessage": reason});
            json!({"partialSuccess": partial}).to_string().into_bytes()
        }
    }
}

/// The body of the answer to a request that was refused. `status` is that of HTTP.
#[must_use]
pub fn status(encoding: Encoding, status: u16, message: &str) -> Vec<u8> {
    // google.rpc.Code, as it belongs to statuses of HTTP.
    let code = match status {
        400 | 413 | 415 => 3,
        409 => 6,
        429 => 8,
        503 => 14,
        _ => 13,
    };
    match encoding {
        Encoding::Protobuf => Status {
            code,
            message: message.to_owned(),
        }
        .encode_to_vec(),
        Encoding::Json => json!({"code": code, "message": message})
            .to_string()
            .into_bytes(),
    }
}
