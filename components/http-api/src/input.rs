//! Typed input, validated while it is read, with all faults in one answer.
//!
//! serde stops at the first fault; the contract wants them all. So a type says by [`Input`] which fields it has, and
//! [`Fields`] reads them one by one and collects what is wrong. A field's value is a JSON value (in a body) or text
//! (in a query); the functions of [`parse`] read either.

use std::borrow::Cow;
use std::collections::BTreeMap;

use domain::Json;
use serde_json::value::RawValue;

use crate::{ApiError, Fault, Location};

/// A type that is read from named fields.
pub trait Input: Sized {
    /// Whether a request may leave the body out, which then reads as one without fields.
    const OPTIONAL_BODY: bool = false;

    /// Reads the fields; `None` where a fault was noted.
    fn read(fields: &mut Fields<'_>) -> Option<Self>;
}

/// One value as it was sent.
#[derive(Clone, Copy)]
pub enum Raw<'a> {
    /// From a body.
    Json(&'a RawValue),
    /// From a query.
    Text(&'a str),
}

impl Raw<'_> {
    fn is_null(self) -> bool {
        matches!(self, Self::Json(value) if value.get() == "null")
    }

    /// The value for a fault's `input`, cut where it is long.
    fn echo(self) -> Json {
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
}

/// Why a value is not taken: the fault's `type` and `msg`.
pub struct Violation {
    /// A word for the kind of fault.
    pub kind: &'static str,
    /// A sentence for a person.
    pub msg: String,
}

impl Violation {
    /// A fault of `kind` that says `msg`.
    pub fn new(kind: &'static str, msg: impl Into<String>) -> Self {
        Self {
            kind,
            msg: msg.into(),
        }
    }
}

/// The fields of one object, and what was found wrong with them.
pub struct Fields<'a> {
    location: Vec<Location>,
    values: BTreeMap<Cow<'a, str>, Raw<'a>>,
    whole: Raw<'a>,
    query: Option<Pairs<'a>>,
    faults: Vec<Fault>,
}

/// The path of a request and the parameters of its query.
type Pairs<'a> = (&'a str, &'a [(Cow<'a, str>, Cow<'a, str>)]);

impl<'a> Fields<'a> {
    /// The members of a JSON object at `location`. Of a name that comes twice, the last counts.
    ///
    /// # Errors
    /// A fault where `value` is no object.
    pub fn of_object(location: Vec<Location>, value: &'a RawValue) -> Result<Self, Fault> {
        let whole = Raw::Json(value);
        match serde_json::from_str::<BTreeMap<Cow<'a, str>, &'a RawValue>>(value.get()) {
            Ok(values) => Ok(Self {
                location,
                values: values
                    .into_iter()
                    .map(|(name, value)| (name, Raw::Json(value)))
                    .collect(),
                whole,
                query: None,
                faults: Vec::new(),
            }),
            Err(_) => Err(Fault {
                kind: "model_attributes_type",
                loc: location,
                msg: "Input should be an object".to_owned(),
                input: whole.echo(),
            }),
        }
    }

    /// The parameters of the query string of a request for `path`. Of a name that comes twice, the last counts; one
    /// without a value counts as not given, as frontends send them so.
    #[must_use]
    pub fn of_query(path: &'a str, pairs: &'a [(Cow<'a, str>, Cow<'a, str>)]) -> Self {
        Self {
            location: vec![Location::Field("query")],
            values: pairs
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| (Cow::Borrowed(&**name), Raw::Text(value)))
                .collect(),
            whole: Raw::Text(""),
            query: Some((path, pairs)),
            faults: Vec::new(),
        }
    }

    /// The list that a query is about: its path and all parameters but `limit` and `cursor`, in one order.
    pub(crate) fn list(&self) -> String {
        let Some((path, pairs)) = self.query else {
            return String::new();
        };
        let mut filters: Vec<_> = pairs
            .iter()
            .filter(|(name, value)| !value.is_empty() && name != "limit" && name != "cursor")
            .collect();
        filters.sort();
        let mut query = form_urlencoded::Serializer::new(format!("{path}?"));
        query.extend_pairs(filters);
        query.finish()
    }

    /// What `T` reads.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] with every fault.
    pub fn read<T: Input>(mut self) -> Result<T, ApiError> {
        match (T::read(&mut self), self.faults.is_empty()) {
            (Some(value), true) => Ok(value),
            _ => Err(ApiError::Invalid(self.faults)),
        }
    }

    /// A field that must be there and not be null.
    pub fn required<T>(&mut self, name: &'static str, parse: impl Parse<T>) -> Option<T> {
        if let Some(raw) = self.values.get(name).copied() {
            return self.parse(name, raw, &parse);
        }
        let violation = Violation::new("missing", "Field required");
        self.fault(name, self.whole, violation);
        None
    }

    /// A field that may be missing or null.
    pub fn optional<T>(&mut self, name: &'static str, parse: impl Parse<T>) -> Option<T> {
        let raw = self.values.get(name).copied()?;
        (!raw.is_null()).then(|| self.parse(name, raw, &parse))?
    }

    /// A change to a field that cannot be null: `None` where it stays as it is.
    pub fn change<T>(&mut self, name: &'static str, parse: impl Parse<T>) -> Option<T> {
        let raw = self.values.get(name).copied()?;
        self.parse(name, raw, &parse)
    }

    /// A change to a field that may be null: `None` where it stays as it is, `Some(None)` where it becomes null.
    pub fn nullable_change<T>(
        &mut self,
        name: &'static str,
        parse: impl Parse<T>,
    ) -> Option<Option<T>> {
        let raw = self.values.get(name).copied()?;
        if raw.is_null() {
            return Some(None);
        }
        self.parse(name, raw, &parse).map(Some)
    }

    fn parse<T>(&mut self, name: &'static str, raw: Raw<'_>, parse: &impl Parse<T>) -> Option<T> {
        match parse(raw) {
            Ok(value) => Some(value),
            Err(violation) => {
                self.fault(name, raw, violation);
                None
            }
        }
    }

    pub(crate) fn fault(&mut self, name: &'static str, raw: Raw<'_>, violation: Violation) {
        let mut loc = self.location.clone();
        loc.push(Location::Field(name));
        self.faults.push(Fault {
            kind: violation.kind,
            loc,
            msg: violation.msg,
            input: raw.echo(),
        });
    }
}

/// Reads one value.
pub trait Parse<T>: Fn(Raw<'_>) -> Result<T, Violation> {}

impl<T, F: Fn(Raw<'_>) -> Result<T, Violation>> Parse<T> for F {}

/// The ways to read one value.
pub mod parse {
    use std::ops::RangeInclusive;
    use std::str::FromStr;

    use domain::{AgentStatus, Json, Timestamp};
    use strum::VariantNames;

    use super::{Parse, Raw, Violation};

    /// Text of any length.
    ///
    /// # Errors
    /// `string_type` for any other JSON value.
    pub fn text(raw: Raw<'_>) -> Result<String, Violation> {
        match raw {
            Raw::Text(text) => Ok(text.to_owned()),
            Raw::Json(value) => serde_json::from_str(value.get())
                .map_err(|_| Violation::new("string_type", "Input should be a valid string")),
        }
    }

    /// Text without a NUL, which SQLite's JSON functions take for the end of a text.
    ///
    /// # Errors
    /// `string_type` for any other JSON value, `string_nul` for a text with a NUL.
    pub fn text_without_nul(raw: Raw<'_>) -> Result<String, Violation> {
        let text = text(raw)?;
        if text.contains('\0') {
            let msg = "Input should have no NUL character";
            return Err(Violation::new("string_nul", msg));
        }
        Ok(text)
    }

    /// Text of so many characters.
    #[must_use]
    pub fn text_of(length: RangeInclusive<usize>) -> impl Parse<String> {
        move |raw| {
            let text = text(raw)?;
            let count = text.chars().count();
            if count < *length.start() {
                let least = length.start();
                let plural = if *least == 1 { "" } else { "s" };
                let msg = format!("String should have at least {least} character{plural}");
                Err(Violation::new("string_too_short", msg))
            } else if count > *length.end() {
                let msg = format!("String should have at most {} characters", length.end());
                Err(Violation::new("string_too_long", msg))
            } else {
                Ok(text)
            }
        }
    }

    /// One of a closed set of words.
    ///
    /// # Errors
    /// `enum` for anything else.
    pub fn choice<T: FromStr + VariantNames>(raw: Raw<'_>) -> Result<T, Violation> {
        word::<T>(raw, |word| word.parse().ok())
    }

    /// An agent's status, also by the names that clients of the existing service use.
    ///
    /// # Errors
    /// `enum` for anything else.
    pub fn agent_status(raw: Raw<'_>) -> Result<AgentStatus, Violation> {
        word(raw, AgentStatus::from_name)
    }

    /// Agent statuses, separated by commas, each once.
    ///
    /// # Errors
    /// `enum` where one is unknown.
    pub fn agent_statuses(raw: Raw<'_>) -> Result<Vec<AgentStatus>, Violation> {
        let mut statuses = Vec::new();
        for word in text(raw)?.split(',') {
            let status = agent_status(Raw::Text(word.trim()))?;
            if !statuses.contains(&status) {
                statuses.push(status);
            }
        }
        Ok(statuses)
    }

    fn word<T: VariantNames>(
        raw: Raw<'_>,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Violation> {
        text(raw).ok().and_then(|word| read(&word)).ok_or_else(|| {
            let quoted: Vec<String> = T::VARIANTS.iter().map(|name| format!("'{name}'")).collect();
            let expected = match quoted.split_last() {
                Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
                _ => quoted.concat(),
            };
            Violation::new("enum", format!("Input should be {expected}"))
        })
    }

    /// A truth value, also as the words and numbers that the existing service takes.
    ///
    /// # Errors
    /// `bool_parsing` for anything else.
    pub fn boolean(raw: Raw<'_>) -> Result<bool, Violation> {
        let word = match raw {
            Raw::Json(value) => value.get().trim_matches('"'),
            Raw::Text(text) => text,
        };
        match word.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" | "t" | "y" => Ok(true),
            "false" | "0" | "no" | "off" | "f" | "n" => Ok(false),
            _ => Err(Violation::new(
                "bool_parsing",
                "Input should be a valid boolean",
            )),
        }
    }

    /// An integer within bounds.
    #[must_use]
    pub fn integer(range: RangeInclusive<i64>) -> impl Parse<i64> {
        move |raw| {
            let digits = match raw {
                Raw::Json(value) => value.get(),
                Raw::Text(text) => text.trim(),
            };
            let number: i64 = digits
                .parse()
                .map_err(|_| Violation::new("int_parsing", "Input should be a valid integer"))?;
            if number < *range.start() {
                let msg = format!("Input should be greater than or equal to {}", range.start());
                Err(Violation::new("greater_than_equal", msg))
            } else if number > *range.end() {
                let msg = format!("Input should be less than or equal to {}", range.end());
                Err(Violation::new("less_than_equal", msg))
            } else {
                Ok(number)
            }
        }
    }

    /// An amount of money: a finite number that is not negative.
    ///
    /// # Errors
    /// `float_parsing` for what is no number, `greater_than_equal` for a negative one.
    pub fn amount(raw: Raw<'_>) -> Result<f64, Violation> {
        let digits = match raw {
            Raw::Json(value) => value.get(),
            Raw::Text(text) => text.trim(),
        };
        match digits.parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
            Ok(number) if number < 0.0 => Err(Violation::new(
                "greater_than_equal",
                "Input should be greater than or equal to 0",
            )),
            _ => Err(Violation::new(
                "float_parsing",
                "Input should be a valid number",
            )),
        }
    }

    /// Any JSON value.
    ///
    /// # Errors
    /// `json_invalid` for the text of a query that is no JSON.
    pub fn json(raw: Raw<'_>) -> Result<Json, Violation> {
        match raw {
            Raw::Json(value) => Ok(value.into()),
            Raw::Text(text) => serde_json::from_str::<&serde_json::value::RawValue>(text)
                .map(Json::from)
                .map_err(|_| Violation::new("json_invalid", "Input should be JSON")),
        }
    }

    /// A JSON object.
    ///
    /// # Errors
    /// `dict_type` for any other JSON value.
    pub fn object(raw: Raw<'_>) -> Result<Json, Violation> {
        match raw {
            Raw::Json(value) if value.get().starts_with('{') => Ok(value.into()),
            _ => Err(Violation::new("dict_type", "Input should be an object")),
        }
    }

    /// A point in time.
    ///
    /// # Errors
    /// `datetime_parsing` for what is none.
    pub fn timestamp(raw: Raw<'_>) -> Result<Timestamp, Violation> {
        text(raw)
            .ok()
            .and_then(|text| Timestamp::parse(&text))
            .ok_or_else(|| {
                let msg = "Input should be a time like 2026-02-05T10:00:00Z";
                Violation::new("datetime_parsing", msg)
            })
    }
}
