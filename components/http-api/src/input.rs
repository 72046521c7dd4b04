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
    /// What is read, where that is all that is asked for.
    record: Option<Vec<FieldSchema>>,
}

/// What a type reads under one name.
pub struct FieldSchema {
    /// The field's name.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// The JSON Schema of its values.
    pub schema: serde_json::Value,
}

/// The path of a request and the parameters of its query.
type Pairs<'a> = (&'a str, &'a [(Cow<'a, str>, Cow<'a, str>)]);

#[expect(
    clippy::needless_pass_by_value,
    reason = "a way to parse is made where it is used"
)]
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
                record: None,
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
            record: None,
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

    /// What `T` reads, whatever is sent.
    #[must_use]
    pub fn of<T: Input>() -> Vec<FieldSchema> {
        let mut fields = Fields {
            location: Vec::new(),
            values: BTreeMap::new(),
            whole: Raw::Text(""),
            query: None,
            faults: Vec::new(),
            record: Some(Vec::new()),
        };
        let _ = T::read(&mut fields);
        fields.record.unwrap_or_default()
    }

    /// Whether fields are only to be noted; then this one is.
    fn noted<T>(
        &mut self,
        name: &'static str,
        required: bool,
        nullable: bool,
        parse: &impl Parse<T>,
    ) -> bool {
        let Some(record) = &mut self.record else {
            return false;
        };
        let mut schema = parse.schema();
        if nullable && schema != serde_json::json!({}) {
            schema = serde_json::json!({"anyOf": [schema, {"type": "null"}]});
        }
        record.push(FieldSchema {
            name,
            required,
            schema,
        });
        true
    }

    /// A field that must be there and not be null.
    pub fn required<T>(&mut self, name: &'static str, parse: impl Parse<T>) -> Option<T> {
        if self.noted(name, true, false, &parse) {
            return None;
        }
        if let Some(raw) = self.values.get(name).copied() {
            return self.parse(name, raw, &parse);
        }
        let violation = Violation::new("missing", "Field required");
        self.fault(name, self.whole, violation);
        None
    }

    /// A field that may be missing or null.
    pub fn optional<T>(&mut self, name: &'static str, parse: impl Parse<T>) -> Option<T> {
        if self.noted(name, false, true, &parse) {
            return None;
        }
        let raw = self.values.get(name).copied()?;
        (!raw.is_null()).then(|| self.parse(name, raw, &parse))?
    }

    /// A change to a field that cannot be null: `None` where it stays as it is.
    pub fn change<T>(&mut self, name: &'static str, parse: impl Parse<T>) -> Option<T> {
        if self.noted(name, false, false, &parse) {
            return None;
        }
        let raw = self.values.get(name).copied()?;
        self.parse(name, raw, &parse)
    }

    /// A change to a field that may be null: `None` where it stays as it is, `Some(None)` where it becomes null.
    pub fn nullable_change<T>(
        &mut self,
        name: &'static str,
        parse: impl Parse<T>,
    ) -> Option<Option<T>> {
        if self.noted(name, false, true, &parse) {
            return None;
        }
        let raw = self.values.get(name).copied()?;
        if raw.is_null() {
            return Some(None);
        }
        self.parse(name, raw, &parse).map(Some)
    }

    fn parse<T>(&mut self, name: &'static str, raw: Raw<'_>, parse: &impl Parse<T>) -> Option<T> {
        match parse.parse(raw) {
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

/// Reads one value, and says in JSON Schema what it takes.
pub trait Parse<T> {
    /// Reads the value.
    ///
    /// # Errors
    /// What is wrong with it.
    fn parse(&self, raw: Raw<'_>) -> Result<T, Violation>;

    /// The schema of the values that are taken.
    fn schema(&self) -> serde_json::Value;
}

/// A way to read one value, made of two functions.
pub struct Parser<P, S> {
    /// Reads the value.
    pub parse: P,
    /// Gives the schema.
    pub schema: S,
}

impl<T, P, S> Parse<T> for Parser<P, S>
where
    P: Fn(Raw<'_>) -> Result<T, Violation>,
    S: Fn() -> serde_json::Value,
{
    fn parse(&self, raw: Raw<'_>) -> Result<T, Violation> {
        (self.parse)(raw)
    }

    fn schema(&self) -> serde_json::Value {
        (self.schema)()
    }
}

/// The ways to read one value.
pub mod parse {
    use std::ops::RangeInclusive;
    use std::str::FromStr;

    use domain::{AgentStatus, Json, Timestamp};
    use serde_json::{Value, json};
    use strum::VariantNames;

    use super::{Parse, Parser, Raw, Violation};

    /// Text of any length. Anything else is a `string_type`.
    #[must_use]
    pub fn text() -> impl Parse<String> {
        Parser {
            parse: read_text,
            schema: || json!({"type": "string"}),
        }
    }

    /// Text without a NUL (`string_nul`), which SQLite's JSON functions take for the end of a text.
    #[must_use]
    pub fn text_without_nul() -> impl Parse<String> {
        let parse = |raw: Raw<'_>| {
            let text = read_text(raw)?;
            if text.contains('\0') {
                let msg = "Input should have no NUL character";
                return Err(Violation::new("string_nul", msg));
            }
            Ok(text)
        };
        Parser {
            parse,
            schema: || json!({"type": "string"}),
        }
    }

    /// Text of so many characters: `string_too_short` or `string_too_long` otherwise.
    #[must_use]
    pub fn text_of(length: RangeInclusive<usize>) -> impl Parse<String> {
        let (least, most) = length.into_inner();
        let parse = move |raw: Raw<'_>| {
            let text = read_text(raw)?;
            let count = text.chars().count();
            if count < least {
                let plural = if least == 1 { "" } else { "s" };
                let msg = format!("String should have at least {least} character{plural}");
                Err(Violation::new("string_too_short", msg))
            } else if count > most {
                let msg = format!("String should have at most {most} characters");
                Err(Violation::new("string_too_long", msg))
            } else {
                Ok(text)
            }
        };
        Parser {
            parse,
            schema: move || json!({"type": "string", "minLength": least, "maxLength": most}),
        }
    }

    fn read_text(raw: Raw<'_>) -> Result<String, Violation> {
        match raw {
            Raw::Text(text) => Ok(text.to_owned()),
            Raw::Json(value) => serde_json::from_str(value.get())
                .map_err(|_| Violation::new("string_type", "Input should be a valid string")),
        }
    }

    /// One of a closed set of words. Anything else is an `enum`.
    #[must_use]
    pub fn choice<T: FromStr + VariantNames>() -> impl Parse<T> {
        Parser {
            parse: |raw: Raw<'_>| word::<T>(raw, |word| word.parse().ok()),
            schema: words::<T>,
        }
    }

    /// An agent's status, also by the names that clients of the existing service use.
    #[must_use]
    pub fn agent_status() -> impl Parse<AgentStatus> {
        Parser {
            parse: |raw: Raw<'_>| word(raw, AgentStatus::from_name),
            schema: status_names,
        }
    }

    fn status_names() -> Value {
        let old = ["pending", "running"];
        let names: Vec<&str> = AgentStatus::VARIANTS.iter().copied().chain(old).collect();
        json!({"type": "string", "enum": names})
    }

    /// Agent statuses, separated by commas, each once.
    #[must_use]
    pub fn agent_statuses() -> impl Parse<Vec<AgentStatus>> {
        let parse = |raw: Raw<'_>| {
            let mut statuses = Vec::new();
            for name in read_text(raw)?.split(',') {
                let status = word(Raw::Text(name.trim()), AgentStatus::from_name)?;
                if !statuses.contains(&status) {
                    statuses.push(status);
                }
            }
            Ok(statuses)
        };
        Parser {
            parse,
            schema: || json!({"type": "array", "items": status_names()}),
        }
    }

    fn words<T: VariantNames>() -> Value {
        json!({"type": "string", "enum": T::VARIANTS})
    }

    fn word<T: VariantNames>(
        raw: Raw<'_>,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Violation> {
        let name = read_text(raw).ok();
        name.and_then(|name| read(&name)).ok_or_else(|| {
            let quoted: Vec<String> = T::VARIANTS.iter().map(|name| format!("'{name}'")).collect();
            let expected = match quoted.split_last() {
                Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
                _ => quoted.concat(),
            };
            Violation::new("enum", format!("Input should be {expected}"))
        })
    }

    /// A truth value, also as the words and numbers that the existing service takes. Anything else is a
    /// `bool_parsing`.
    #[must_use]
    pub fn boolean() -> impl Parse<bool> {
        let parse = |raw: Raw<'_>| {
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
        };
        Parser {
            parse,
            schema: || json!({"type": "boolean"}),
        }
    }

    /// An integer within bounds, in JSON also one that ends in `.0`: `int_parsing`, `greater_than_equal` or
    /// `less_than_equal` otherwise.
    #[must_use]
    pub fn integer(range: RangeInclusive<i64>) -> impl Parse<i64> {
        let (least, most) = range.into_inner();
        let parse = move |raw: Raw<'_>| {
            let number = match raw {
                Raw::Json(value) => value.get().parse().ok().or_else(|| whole(value.get())),
                Raw::Text(text) => text.trim().parse().ok(),
            };
            let number: i64 = number
                .ok_or_else(|| Violation::new("int_parsing", "Input should be a valid integer"))?;
            if number < least {
                let msg = format!("Input should be greater than or equal to {least}");
                Err(Violation::new("greater_than_equal", msg))
            } else if number > most {
                let msg = format!("Input should be less than or equal to {most}");
                Err(Violation::new("less_than_equal", msg))
            } else {
                Ok(number)
            }
        };
        Parser {
            parse,
            schema: move || json!({"type": "integer", "minimum": least, "maximum": most}),
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

    /// An amount of money, a finite number that is not negative: `float_parsing` or `greater_than_equal` otherwise.
    #[must_use]
    pub fn amount() -> impl Parse<f64> {
        let parse = |raw: Raw<'_>| {
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
        };
        Parser {
            parse,
            schema: || json!({"type": "number", "minimum": 0}),
        }
    }

    /// Any JSON value.
    #[must_use]
    pub fn json() -> impl Parse<Json> {
        let parse = |raw: Raw<'_>| match raw {
            Raw::Json(value) => Ok(value.into()),
            Raw::Text(text) => serde_json::from_str::<&serde_json::value::RawValue>(text)
                .map(Json::from)
                .map_err(|_| Violation::new("json_invalid", "Input should be JSON")),
        };
        Parser {
            parse,
            schema: || json!({}),
        }
    }

    /// A JSON object. Any other value is a `dict_type`.
    #[must_use]
    pub fn object() -> impl Parse<Json> {
        let parse = |raw: Raw<'_>| match raw {
            Raw::Json(value) if value.get().starts_with('{') => Ok(value.into()),
            _ => Err(Violation::new("dict_type", "Input should be an object")),
        };
        Parser {
            parse,
            schema: || json!({"type": "object"}),
        }
    }

    /// A point in time. What is none is a `datetime_parsing`.
    #[must_use]
    pub fn timestamp() -> impl Parse<Timestamp> {
        let parse = |raw: Raw<'_>| {
            let text = read_text(raw).ok();
            text.and_then(|text| Timestamp::parse(&text))
                .ok_or_else(|| {
                    let msg = "Input should be a time like 2026-02-05T10:00:00Z";
                    Violation::new("datetime_parsing", msg)
                })
        };
        Parser {
            parse,
            schema: || json!({"type": "string", "format": "date-time"}),
        }
    }
}
