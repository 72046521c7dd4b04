//! Hrana over HTTP, version 3: what is sent to a libSQL server and what comes back.
//!
//! A stream is a connection that the server keeps between two requests; a `baton` leads to it. Values are JSON, in which an
//! integer is a text, since not every reader of JSON takes 64 bits.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Value;

/// Bytes come without padding; with it they are taken too.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Some requests to one stream, in order.
#[derive(Serialize)]
pub(super) struct Pipeline<'a> {
    /// Which stream; none opens one.
    pub(super) baton: Option<&'a str>,
    pub(super) requests: Vec<Request<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Request<'a> {
    /// Statements, each only after the one before has succeeded.
    Batch { batch: Batch<'a> },
    /// Ends the stream, and takes back what it has not committed.
    Close,
}

#[derive(Serialize)]
pub(super) struct Batch<'a> {
    steps: Vec<Step<'a>>,
}

#[derive(Serialize)]
struct Step<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Condition>,
    stmt: Statement<'a>,
}

#[derive(Serialize)]
struct Condition {
    r#type: &'static str,
    /// The step that has to be `ok`.
    step: usize,
}

/// A statement and its positional parameters.
#[derive(Serialize)]
pub(super) struct Statement<'a> {
    sql: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    args: Vec<Parameter<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Parameter<'a> {
    Null,
    Integer { value: String },
    Float { value: f64 },
    Text { value: &'a str },
    Blob { base64: String },
}

impl<'a> Statement<'a> {
    pub(super) fn new(sql: &'a str, parameters: &'a [Value]) -> Self {
        let args = parameters.iter().map(Parameter::from).collect();
        Self { sql, args }
    }
}

impl<'a> From<&'a Value> for Parameter<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(number) => Self::Integer {
                value: number.to_string(),
            },
            // JSON has no infinity, and no client can send us one.
            Value::Real(number) if !number.is_finite() => Self::Null,
            Value::Real(number) => Self::Float { value: *number },
            Value::Text(text) => Self::Text { value: text },
            Value::Blob(bytes) => Self::Blob {
                base64: BASE64.encode(bytes),
            },
        }
    }
}

impl<'a> Request<'a> {
    /// Statements, each only after the one before has succeeded.
    pub(super) fn batch(statements: Vec<Statement<'a>>) -> Self {
        let steps = statements
            .into_iter()
            .enumerate()
            .map(|(place, stmt)| Step {
                condition: place
                    .checked_sub(1)
                    .map(|step| Condition { r#type: "ok", step }),
                stmt,
            });
        Self::Batch {
            batch: Batch {
                steps: steps.collect(),
            },
        }
    }
}

/// The answer to a pipeline.
#[derive(Deserialize)]
pub(super) struct Answer<'a> {
    /// Where the stream goes on; none where it has ended.
    pub(super) baton: Option<String>,
    /// Where it is to be asked from now on, if elsewhere.
    pub(super) base_url: Option<String>,
    #[serde(borrow)]
    results: Vec<Outcome<'a>>,
}

#[derive(Deserialize)]
struct Outcome<'a> {
    #[serde(borrow)]
    response: Option<Response<'a>>,
    #[serde(borrow)]
    error: Option<Failure<'a>>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    result: Option<Steps<'a>>,
}

#[derive(Deserialize)]
struct Steps<'a> {
    #[serde(borrow)]
    step_results: Vec<Option<Rows<'a>>>,
    #[serde(borrow)]
    step_errors: Vec<Option<Failure<'a>>>,
}

/// What a statement gives.
#[derive(Default, Deserialize)]
pub(super) struct Rows<'a> {
    cols: Vec<Column>,
    #[serde(borrow)]
    rows: Vec<Vec<WireValue<'a>>>,
}

#[derive(Deserialize)]
struct Column {
    name: Option<String>,
}

/// Why a statement failed, or a request as a whole.
#[derive(Deserialize)]
pub(super) struct Failure<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(borrow, default)]
    code: Option<Cow<'a, str>>,
}

impl Failure<'_> {
    /// The server's words, and its code, which says more.
    pub(super) fn text(&self) -> String {
        match &self.code {
            Some(code) => format!("{code}: {}", self.message),
            None => self.message.clone().into_owned(),
        }
    }
}

#[derive(Deserialize)]
struct WireValue<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    /// Read by its type, a number by Rust's own rules: they give each double exactly.
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
    #[serde(borrow, default)]
    base64: Option<Cow<'a, str>>,
}

impl<'a> Answer<'a> {
    /// What the last statement of the first request gives; the first error where one has failed.
    pub(super) fn last_rows(self) -> Result<Rows<'a>, String> {
        let Some(first) = self.results.into_iter().next() else {
            return Err("http error: the answer has no result".to_owned());
        };
        if let Some(error) = first.error {
            return Err(error.text());
        }
        let Some(steps) = first.response.and_then(|response| response.result) else {
            return Ok(Rows::default());
        };
        if let Some(error) = steps.step_errors.into_iter().flatten().next() {
            return Err(error.text());
        }
        Ok(steps
            .step_results
            .into_iter()
            .next_back()
            .flatten()
            .unwrap_or_default())
    }
}

impl Rows<'_> {
    /// The names of the columns, and the rows.
    pub(super) fn read(self) -> Result<(Vec<String>, Vec<Vec<Value>>), String> {
        let columns = self.cols.into_iter();
        let columns = columns.map(|column| column.name.unwrap_or_default());
        let rows = self.rows.into_iter().map(|row| {
            let values = row.into_iter().map(WireValue::read);
            values.collect::<Option<Vec<_>>>()
        });
        match rows.collect() {
            Some(rows) => Ok((columns.collect(), rows)),
            None => Err("http error: a value that is none".to_owned()),
        }
    }
}

impl WireValue<'_> {
    fn read(self) -> Option<Value> {
        let raw = self.value.map_or("null", RawValue::get);
        Some(match &*self.r#type {
            "null" => Value::Null,
            "integer" => Value::Integer(raw.trim_matches('"').parse().ok()?),
            // What JSON has no number for is an infinity: SQLite stores no NaN.
            "float" if raw == "null" => Value::Real(f64::INFINITY),
            "float" => Value::Real(raw.parse().ok()?),
            "text" => Value::Text(serde_json::from_str(raw).ok()?),
            "blob" => Value::Blob(BASE64.decode(self.base64?.as_bytes()).ok()?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_runs_only_after_those_before_it() {
        let parameters = [
            Value::Null,
            Value::Integer(i64::MAX),
            Value::Real(0.5),
            "text".into(),
            Value::Blob(vec![1, 2]),
        ];
        let pipeline = Pipeline {
            baton: None,
            requests: vec![
                Request::batch(vec![
                    Statement::new("BEGIN", &[]),
                    Statement::new("SELECT ?1", &parameters),
                ]),
                Request::Close,
            ],
        };
        let sent = serde_json::to_value(&pipeline).expect("JSON");
        let expected = serde_json::json!({"baton": null, "requests": [
            {"type": "batch", "batch": {"steps": [
                {"stmt": {"sql": "BEGIN"}},
                {"condition": {"type": "ok", "step": 0}, "stmt": {"sql": "SELECT ?1", "args": [
                    {"type": "null"}, {"type": "integer", "value": "9223372036854775807"},
                    {"type": "float", "value": 0.5}, {"type": "text", "value": "text"},
                    {"type": "blob", "base64": "AQI"}]}}]}},
            {"type": "close"}]});
        assert_eq!(sent, expected);
    }

    #[test]
    fn values_come_back_as_they_are() {
        let answer = r#"{"baton":"b","base_url":null,"results":[{"type":"ok","response":{"type":"batch","result":
            {"step_results":[null,{"cols":[{"name":"a"},{"name":null}],"rows":[[{"type":"integer","value":"-7"},
            {"type":"float","value":0.30000000000000004}],[{"type":"text","value":"\"ü\n"},{"type":"blob","base64":"AQI"}],
            [{"type":"null"},{"type":"float","value":null}]],"affected_row_count":0}],"step_errors":[null,null]}}}]}"#;
        let answer: Answer<'_> = serde_json::from_str(answer).expect("an answer");
        assert_eq!(answer.baton.as_deref(), Some("b"));
        let (columns, rows) = answer.last_rows().and_then(Rows::read).expect("rows");
        assert_eq!(columns, ["a", ""]);
        let expected = [
            [Value::Integer(-7), Value::Real(0.1 + 0.2)],
            ["\"ü\n".into(), Value::Blob(vec![1, 2])],
            [Value::Null, Value::Real(f64::INFINITY)],
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn an_error_is_told_with_its_code() {
        let answer = r#"{"baton":null,"base_url":null,"results":[{"type":"ok","response":{"type":"batch","result":
            {"step_results":[null,null],"step_errors":[{"message":"Transaction timed out","code":"TRANSACTION_TIMEOUT"},null]}}}]}"#;
        let answer: Answer<'_> = serde_json::from_str(answer).expect("an answer");
        let error = answer.last_rows().err();
        assert_eq!(
            error.as_deref(),
            Some("TRANSACTION_TIMEOUT: Transaction timed out")
        );
    }
}
