//! Kinds of values: how one is read from what was sent, and what it takes in JSON Schema.

use database::Value;
use domain::{Json, Timestamp, Words};
use serde_json::json;
use serde_json::value::RawValue;

/// What values a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text of so many characters.
    Text {
        /// At least so many.
        least: usize,
        /// At most so many.
        most: usize,
    },
    /// One of a closed set of words.
    Word(&'static Words),
    /// Some of a closed set of words, separated by commas.
    WordList(&'static Words),
    /// A truth value, also as the words and numbers that the existing service takes.
    Boolean,
    /// An integer within bounds, in JSON also one that ends in `.0`.
    Integer {
        /// The smallest.
        least: i64,
        /// The largest.
        most: i64,
    },
    /// An amount of money in US dollars, from 0 on.
    Amount,
    /// Any JSON value.
    Json,
    /// A JSON object.
    Object,
    /// A JSON array of texts.
    Texts,
    /// A point in time.
    Time,
    /// The position in a list that a page of it gave.
    Cursor,
}

impl Kind {
    /// Text of any length.
    pub const TEXT: Self = Self::text(0, usize::MAX);

    /// Text of so many characters.
    #[must_use]
    pub const fn text(least: usize, most: usize) -> Self {
        Self::Text { least, most }
    }

    /// An integer within bounds.
    #[must_use]
    pub const fn integer(least: i64, most: i64) -> Self {
        Self::Integer { least, most }
    }
}

/// One value as it was sent.
#[derive(Clone, Copy)]
pub(crate) enum Raw<'a> {
    /// From a body.
    Json(&'a RawValue),
    /// From a query.
    Text(&'a str),
}

impl Raw<'_> {
    pub(crate) fn is_null(self) -> bool {
        matches!(self, Self::Json(value) if value.get() == "null")
    }

    /// The value for an error's `input`, cut where it is long.
    pub(crate) fn echo(self) -> Json {
        const LONGEST: usize = 1000;
        let (text, is_json) = match self {
            Self::Json(value) => (value.get(), true),
            Self::Text(text) => (text, false),
        };
        if is_json && text.len() <= LONGEST {
            return Json::stored(text.to_owned());
        }
        let cut: String = text.chars().take(LONGEST).collect();
        Json::text(&cut)
    }

    /// A text. A NUL, at which SQLite's functions end a text, becomes U+FFFD.
    fn text(self) -> Option<String> {
        let text = match self {
            Self::Text(text) => text.to_owned(),
            Self::Json(value) => serde_json::from_str(value.get()).ok()?,
        };
        Some(if text.contains('\0') {
            text.replace('\0', "\u{fffd}")
        } else {
            text
        })
    }
}

/// Why a value is not taken: the `type` and `msg` of its error.
pub(crate) struct Violation(pub(crate) &'static str, pub(crate) String);

fn violation<T>(kind: &'static str, msg: impl Into<String>) -> Result<T, Violation> {
    Err(Violation(kind, msg.into()))
}

/// Reads a value of a kind, in the form in which it is stored.
pub(crate) fn parse(kind: Kind, raw: Raw<'_>) -> Result<Value, Violation> {
    match kind {
        Kind::Text { least, most } => text(raw, least, most),
        Kind::Word(words) => word(raw, words).map(Value::from),
        Kind::WordList(words) => {
            let mut read: Vec<&str> = Vec::new();
            for name in raw.text().unwrap_or_default().split(',') {
                let word = word(Raw::Text(name.trim()), words)?;
                if !read.contains(&word) {
                    read.push(word);
                }
            }
            Ok(read.join(",").into())
        }
        Kind::Boolean => boolean(raw),
        Kind::Integer { least, most } => integer(raw, least, most),
        Kind::Amount => amount(raw),
        Kind::Json => match raw {
            Raw::Json(value) => Ok(value.get().into()),
            Raw::Text(text) => match serde_json::from_str::<&RawValue>(text) {
                Ok(value) => Ok(value.get().into()),
                Err(_) => violation("json_invalid", "Input should be JSON"),
            },
        },
        Kind::Object => match raw {
            Raw::Json(value) if value.get().starts_with('{') => Ok(value.get().into()),
            _ => violation("dict_type", "Input should be an object"),
        },
        Kind::Texts => match raw {
            Raw::Json(value) if domain::is_texts(value.get()) => Ok(value.get().into()),
            _ => violation("list_type", "Input should be an array of strings"),
        },
        Kind::Time => match raw.text().and_then(|text| Timestamp::parse(&text)) {
            Some(time) => Ok(time.into_text().into()),
            None => violation(
                "datetime_parsing",
                "Input should be a time like 2026-02-05T10:00:00Z",
            ),
        },
        Kind::Cursor => text(raw, 0, usize::MAX),
    }
}

fn text(raw: Raw<'_>, least: usize, most: usize) -> Result<Value, Violation> {
    let Some(text) = raw.text() else {
        return violation("string_type", "Input should be a valid string");
    };
    if (least, most) == (0, usize::MAX) {
        return Ok(text.into());
    }
    let count = text.chars().count();
    if count < least {
        let plural = if least == 1 { "" } else { "s" };
        violation(
            "string_too_short",
            format!("String should have at least {least} character{plural}"),
        )
    } else if count > most {
        violation(
            "string_too_long",
            format!("String should have at most {most} characters"),
        )
    } else {
        Ok(text.into())
    }
}

fn word(raw: Raw<'_>, words: &'static Words) -> Result<&'static str, Violation> {
    if let Some(word) = raw.text().and_then(|name| words.read(&name)) {
        return Ok(word);
    }
    let quoted: Vec<String> = words.all.iter().map(|name| format!("'{name}'")).collect();
    let expected = match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    };
    violation("enum", format!("Input should be {expected}"))
}

fn boolean(raw: Raw<'_>) -> Result<Value, Violation> {
    let word = match raw {
        Raw::Json(value) => value.get().trim_matches('"'),
        Raw::Text(text) => text,
    };
    match word.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" | "t" | "y" => Ok(true.into()),
        "false" | "0" | "no" | "off" | "f" | "n" => Ok(false.into()),
        _ => violation("bool_parsing", "Input should be a valid boolean"),
    }
}

fn integer(raw: Raw<'_>, least: i64, most: i64) -> Result<Value, Violation> {
    let number = match raw {
        Raw::Json(value) => value.get().parse().ok().or_else(|| whole(value.get())),
        Raw::Text(text) => text.trim().parse().ok(),
    };
    match number {
        None => violation("int_parsing", "Input should be a valid integer"),
        Some(number) if number < least => violation(
            "greater_than_equal",
            format!("Input should be greater than or equal to {least}"),
        ),
        Some(number) if number > most => violation(
            "less_than_equal",
            format!("Input should be less than or equal to {most}"),
        ),
        Some(number) => Ok(number.into()),
    }
}

/// The integer that a number like `2000.0` or `2e3` is.
fn whole(digits: &str) -> Option<i64> {
    let number: f64 = digits.parse().ok()?;
    // Up to here each integer is a float of its own.
    let exact = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_991.0;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is an integer within bounds"
    )]
    exact.then_some(number as i64)
}

fn amount(raw: Raw<'_>) -> Result<Value, Violation> {
    let digits = match raw {
        Raw::Json(value) => value.get(),
        Raw::Text(text) => text.trim(),
    };
    match digits.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number.into()),
        Ok(number) if number < 0.0 => violation(
            "greater_than_equal",
            "Input should be greater than or equal to 0",
        ),
        _ => violation("float_parsing", "Input should be a valid number"),
    }
}

impl Kind {
    /// The JSON Schema of the values that are taken.
    #[must_use]
    pub fn schema(self) -> serde_json::Value {
        match self {
            Self::Text { least, most } => {
                let mut schema = json!({"type": "string"});
                if least > 0 {
                    schema["minLength"] = least.into();
                }
                if most < usize::MAX {
                    schema["maxLength"] = most.into();
                }
                schema
            }
            Self::Word(words) => word_schema(words),
            Self::WordList(words) => json!({"type": "array", "items": word_schema(words)}),
            Self::Boolean => json!({"type": "boolean"}),
            Self::Integer { least, most } => {
                json!({"type": "integer", "minimum": least, "maximum": most})
            }
            Self::Amount => json!({"type": "number", "minimum": 0}),
            Self::Json => json!({}),
            Self::Object => json!({"type": "object"}),
            Self::Texts => json!({"type": "array", "items": {"type": "string"}}),
            Self::Time => json!({"type": "string", "format": "date-time"}),
            Self::Cursor => json!({"type": "string", "pattern": "^[0-9a-f]+$"}),
        }
    }
}

fn word_schema(words: &Words) -> serde_json::Value {
    let synonyms = words.synonyms.iter().map(|(synonym, _)| *synonym);
    let names: Vec<&str> = words.all.iter().copied().chain(synonyms).collect();
    json!({"type": "string", "enum": names})
}
