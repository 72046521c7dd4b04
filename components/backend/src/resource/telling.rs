//! Rows as JSON.

use std::fmt::Write as _;

use database::{Error, Row, Value};
use domain::{Timestamp, is_readable};
use http_api::Kind;

use super::{Column, Declaration};

/// The most bytes that a text takes in JSON, and how many characters of a longer one are told. The schema does the same for
/// what is kept (`sql/`).
const LONGEST: usize = 3_000_000;
const SHOWN: usize = 65_536;

impl Declaration {
    /// What is read of a row to tell it.
    pub(crate) fn select(&self) -> String {
        match self.kept {
            Some(json) => format!("{json} AS json"),
            None => self.select_columns(false),
        }
    }

    /// The same for a row that the host does not hand over whole, with long texts shortened. What is kept is short enough
    /// as it is.
    pub(crate) fn select_shortened(&self) -> String {
        match self.kept {
            Some(_) => self.select(),
            None => self.select_columns(true),
        }
    }

    /// The columns of a row, with times as the schema has them for everybody.
    fn select_columns(&self, is_shortened: bool) -> String {
        let mut select = String::new();
        for column in self.columns {
            let name = column.name;
            if !select.is_empty() {
                select.push_str(", ");
            }
            let table = self.list.table;
            let _ = match (column.kind, name.strip_suffix("_at")) {
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
                (Kind::Integer { .. }, _) if !column.nullable && name != "id" => {
                    write!(select, "CAST({table}.{name} AS INTEGER) AS {name}")
                }
                (Kind::Text { .. } | Kind::Json | Kind::Object | Kind::Texts, _)
                    if is_shortened =>
                {
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

    /// Writes a row that was read by [`Declaration::select`].
    pub(crate) fn tell(&self, mut row: Row, json: &mut String) -> Result<(), Error> {
        match self.kept {
            Some(_) => json.push_str(&row.text("json")?),
            None => self.tell_columns(row, json)?,
        }
        Ok(())
    }

    fn tell_columns(&self, mut row: Row, json: &mut String) -> Result<(), Error> {
        for (number, column) in self.columns.iter().enumerate() {
            json.push(if number == 0 { '{' } else { ',' });
            json.push('"');
            json.push_str(column.name);
            json.push_str("\":");
            column.tell(row.take(column.name)?, json);
        }
        json.push('}');
        Ok(())
    }
}

impl Column {
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
                push(json, &Timestamp::of_seconds(&text).unwrap_or(text));
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
