//! Values of a row as JSON, by their kind: the one way in which columns are told, wherever they are.
//!
//! What the database tells itself, as JSON that triggers keep, does not come here.

use std::fmt::Write as _;

use database::{Error, Row, Value};
use domain::{Timestamp, is_readable};

use crate::Kind;

/// The most bytes that a text takes in JSON, and how many characters of a longer one are told. The schema does the same for
/// what is kept (`sql/`).
const LONGEST: usize = 3_000_000;
const SHOWN: usize = 65_536;

/// A column as it is told.
#[derive(Clone, Copy, Debug)]
pub struct ToldColumn {
    /// The column's name, and that of the member.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may be null.
    pub nullable: bool,
}

impl ToldColumn {
    /// A column that is never null.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            nullable: false,
        }
    }

    /// The same, and it may be null.
    #[must_use]
    pub const fn nullable(self) -> Self {
        Self {
            nullable: true,
            ..self
        }
    }
}

/// What is read of a row of `table` to tell these columns, with times as the schema has them for everybody;
/// `is_shortened` for a row that the host does not hand over whole.
#[must_use]
pub fn select(
    table: &str,
    columns: impl IntoIterator<Item = ToldColumn>,
    is_shortened: bool,
) -> String {
    let mut select = String::new();
    for ToldColumn {
        name,
        kind,
        nullable,
    } in columns
    {
        if !select.is_empty() {
            select.push_str(", ");
        }
        let _ = match (kind, name.strip_suffix("_at")) {
            // The most are stored as they are told or as SQLite's own `datetime` writes them, which is quicker to see
            // than to make.
            (Kind::Time, Some(stem)) => write!(
                select,
                "CASE WHEN length({table}.{name}) = 19 AND substr({table}.{name}, 17, 1) = ':' \
                 OR substr({table}.{name}, 11, 1) = 'T' AND substr({table}.{name}, 20, 1) = '.' \
                 AND substr({table}.{name}, 24) = 'Z' THEN {table}.{name} ELSE {table}.{stem}_time END AS {name}"
            ),
            // As they are counted.
            (Kind::Amount, _) => write!(select, "CAST({table}.{name} AS REAL) AS {name}"),
            (Kind::Integer { .. }, _) if !nullable && name != "id" => {
                write!(select, "CAST({table}.{name} AS INTEGER) AS {name}")
            }
            (Kind::Text { .. } | Kind::Json | Kind::Object | Kind::Texts, _) if is_shortened => {
                write!(
                    select,
                    "iif(length(CAST({table}.{name} AS BLOB)) > {LONGEST}, substr(CAST({table}.{name} AS TEXT), 1, {SHOWN}) \
                 || '… (' || length(CAST({table}.{name} AS BLOB)) || ' bytes)', {table}.{name}) AS {name}"
                )
            }
            _ => write!(select, "{table}.{name} AS {name}"),
        };
    }
    select
}

/// Writes a row that was read by [`select`] as a JSON object.
///
/// # Errors
/// Where one of the columns was not read.
pub fn tell(
    columns: impl IntoIterator<Item = ToldColumn>,
    row: &mut Row,
    json: &mut String,
) -> Result<(), Error> {
    for (number, column) in columns.into_iter().enumerate() {
        json.push(if number == 0 { '{' } else { ',' });
        json.push('"');
        json.push_str(column.name);
        json.push_str("\":");
        column.tell(row.take(column.name)?, json);
    }
    json.push('}');
    Ok(())
}

impl ToldColumn {
    /// Writes a value. Other writers store any type in any column, and none of it is an error.
    fn tell(&self, value: Value, json: &mut String) {
        // Writing to a string never fails.
        let _ = match (self.kind, value) {
            (Kind::Boolean, value) => write!(json, "{}", integer(&value).is_some_and(|it| it != 0)),
            (Kind::Integer { .. }, value) => match integer(&value) {
                Some(number) => write!(json, "{number}"),
                None => write!(json, "{}", if self.nullable { "null" } else { "0" }),
            },
            (Kind::Amount, value) => {
                push(json, &real(&value).unwrap_or_default());
                Ok(())
            }
            (_, Value::Null) => write!(json, "{}", if self.nullable { "null" } else { "\"\"" }),
            (Kind::Json | Kind::Object | Kind::Texts, value) => {
                let text = text(value);
                if text.len() <= LONGEST && is_readable(&text) {
                    json.push_str(text.trim());
                } else {
                    push_text(json, &text);
                }
                Ok(())
            }
            (Kind::Time, value) => {
                let text = text(value);
                push_text(json, &Timestamp::of_seconds(&text).unwrap_or(text));
                Ok(())
            }
            (_, value) => {
                push_text(json, &text(value));
                Ok(())
            }
        };
    }
}

/// Writes a text as JSON, shortened where that has more than [`LONGEST`] bytes.
fn push_text(json: &mut String, text: &str) {
    let is_plain = |byte| byte >= b' ' && byte != b'"' && byte != b'\\';
    if text.len() < LONGEST - 2 && text.bytes().all(is_plain) {
        json.extend(["\"", text, "\""]);
        return;
    }
    let start = json.len();
    push(json, &text);
    if json.len() - start <= LONGEST {
        return;
    }
    json.truncate(start);
    let shown: String = text.chars().take(SHOWN).collect();
    push(json, &format!("{shown}… ({} bytes)", text.len()));
}

/// Writes a text or a number as JSON, which always serialises.
fn push<T: serde::Serialize>(json: &mut String, value: &T) {
    json.push_str(&serde_json::to_string(value).unwrap_or_default());
}

fn text(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text,
        Value::Blob(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(number) => Some(*number),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "`as` saturates, which is how SQLite casts a real"
        )]
        Value::Real(number) => Some(*number as i64),
        Value::Text(text) => text.trim().parse().ok(),
        Value::Null | Value::Blob(_) => None,
    }
}

/// A finite number.
fn real(value: &Value) -> Option<f64> {
    let number = match value {
        #[expect(
            clippy::cast_precision_loss,
            reason = "that is how SQLite casts an integer"
        )]
        Value::Integer(number) => *number as f64,
        Value::Real(number) => *number,
        Value::Text(text) => text.trim().parse().ok()?,
        Value::Null | Value::Blob(_) => return None,
    };
    // As it is counted: more is no amount.
    (number.abs() < 1e300).then_some(number)
}
