//! Declared input: what fields a body or a query has, of which kind, and how they are read, with all faults in one answer.
//!
//! serde stops at the first fault; the contract wants them all. So a body or a query is a list of [`Field`]s, which also
//! gives its JSON Schema, and [`Reader`] reads them one by one and collects what is wrong. A field's value is a JSON value
//! (in a body) or text (in a query).

use std::borrow::Cow;
use std::collections::BTreeMap;

use database::Value;
use serde_json::json;
use serde_json::value::RawValue;

use crate::kind::{Kind, Raw, Violation, parse};
use crate::members::members;
use crate::{ApiError, FieldError, Location};

/// Whether a field has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It must be there and not be null.
    Required,
    /// It may be missing; null is the same.
    Optional,
    /// A change: it may be missing, but not null.
    Change,
    /// A change: it may be missing, and null is a value.
    NullableChange,
}

/// A field of a body or a query.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Other names that are taken for it.
    pub aliases: &'static [&'static str],
    /// What values it takes.
    pub kind: Kind,
    /// Whether it has to be there.
    pub presence: Presence,
    /// What it means, in a sentence.
    pub doc: &'static str,
}

impl Field {
    /// A field that may be missing.
    #[must_use]
    pub const fn optional(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            aliases: &[],
            kind,
            presence: Presence::Optional,
            doc,
        }
    }

    /// A field that must be there.
    #[must_use]
    pub const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            presence: Presence::Required,
            ..Self::optional(name, kind, doc)
        }
    }

    /// All its names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// The same, also under other names.
    #[must_use]
    pub const fn or(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }
}

/// A body or a query: something that has fields.
pub trait Declared {
    /// Whether a request may leave the body out, which then reads as one without fields.
    const OPTIONAL_BODY: bool = false;

    /// Its fields.
    fn fields() -> Vec<Field>;

    /// What is wrong with fields that do not go together: the field, and a sentence. Of a query.
    #[must_use]
    fn conflicts(_: &Input) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }
}

/// What was sent, in the form in which the database stores it: words as they are in the schema, times in UTC, JSON as text.
#[derive(Clone, Debug, Default)]
pub struct Input(Vec<(&'static str, Value)>);

impl Input {
    /// The value of a field, `None` where it was not sent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value)
    }

    /// A text that was sent.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// An integer that was sent.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.get(name) {
            Some(Value::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    /// How many bytes of text it has.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let texts = self.0.iter().map(|(_, value)| match value {
            Value::Text(text) => text.len(),
            _ => 0,
        });
        texts.sum()
    }

    /// The names of what was sent.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.iter().map(|(name, _)| *name)
    }

    /// Puts a value in place of what was sent.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value.into()));
    }
}

/// Reads the fields of one object, and notes what is wrong with them.
pub struct Reader<'a> {
    location: Vec<Location>,
    values: BTreeMap<Cow<'a, str>, Raw<'a>>,
    whole: Raw<'a>,
    errors: Vec<FieldError>,
}

impl<'a> Reader<'a> {
    /// Reads the members of a JSON object at `location` that are called like one of `fields`. Of a name that comes twice, the
    /// last counts.
    ///
    /// # Errors
    /// An error where `value` is no object.
    pub fn of_object(
        location: Vec<Location>,
        value: &'a RawValue,
        fields: &[Field],
    ) -> Result<Self, FieldError> {
        let whole = Raw::Json(value);
        match members(value.get(), fields) {
            Ok(members) => Ok(Self {
                location,
                values: members
                    .into_iter()
                    .map(|(name, value)| (Cow::Borrowed(name), Raw::Json(value)))
                    .collect(),
                whole,
                errors: Vec::new(),
            }),
            Err(_) => Err(FieldError {
                kind: "model_attributes_type",
                loc: location,
                msg: "Input should be an object".to_owned(),
                input: whole.echo(),
            }),
        }
    }

    /// Reads the parameters of a query string. Of a name that comes twice, the last counts; one without a value counts as
    /// not given, as frontends send them so.
    #[must_use]
    pub fn of_query(pairs: &'a [(Cow<'a, str>, Cow<'a, str>)]) -> Self {
        Self {
            location: vec![Location::Field("query")],
            values: pairs
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| (Cow::Borrowed(&**name), Raw::Text(value)))
                .collect(),
            whole: Raw::Text(""),
            errors: Vec::new(),
        }
    }

    /// Reads all fields.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] with everything that is wrong.
    pub fn read(self, fields: &[Field]) -> Result<Input, ApiError> {
        self.read_together(fields, |_| Vec::new())
    }

    /// Reads all fields, and sees whether they go together ([`Declared::conflicts`]).
    ///
    /// # Errors
    /// [`ApiError::Invalid`] with everything that is wrong.
    pub(crate) fn read_together(
        mut self,
        fields: &[Field],
        conflicts: impl Fn(&Input) -> Vec<(&'static str, &'static str)>,
    ) -> Result<Input, ApiError> {
        let mut input = Input::default();
        for field in fields {
            if let Some(value) = self.value(field) {
                input.0.push((field.name, value));
            }
        }
        for (name, sentence) in conflicts(&input) {
            let raw = self.values.get(name).copied().unwrap_or(self.whole);
            self.note(name, raw, Violation("value_error", sentence.to_owned()));
        }
        if self.errors.is_empty() {
            Ok(input)
        } else {
            Err(ApiError::Invalid(self.errors))
        }
    }

    fn value(&mut self, field: &Field) -> Option<Value> {
        let mut names = field.names();
        let sent = names.find_map(|name| Some((name, *self.values.get(name)?)));
        let Some((name, raw)) = sent else {
            if field.presence == Presence::Required {
                let missing = Violation("missing", "Field required".to_owned());
                self.note(field.name, self.whole, missing);
            }
            return None;
        };
        match field.presence {
            Presence::Optional if raw.is_null() => return None,
            Presence::NullableChange if raw.is_null() => return Some(Value::Null),
            _ => {}
        }
        match parse(field.kind, raw) {
            Ok(value) => Some(value),
            Err(violation) => {
                self.note(name, raw, violation);
                None
            }
        }
    }

    fn note(&mut self, name: &'static str, raw: Raw<'_>, violation: Violation) {
        let mut loc = self.location.clone();
        loc.push(Location::Field(name));
        self.errors.push(FieldError {
            kind: violation.0,
            loc,
            msg: violation.1,
            input: raw.echo(),
        });
    }
}

/// The JSON Schema of an object with these fields.
#[must_use]
pub fn schema(fields: &[Field]) -> serde_json::Value {
    let required: Vec<_> = fields
        .iter()
        .filter(|field| field.presence == Presence::Required)
        .map(|field| field.name)
        .collect();
    let properties: serde_json::Map<_, _> = fields
        .iter()
        .map(|field| {
            let nullable = matches!(
                field.presence,
                Presence::Optional | Presence::NullableChange
            );
            let mut schema = field.kind.schema();
            if nullable && field.kind != Kind::Json {
                schema = json!({"anyOf": [schema, {"type": "null"}]});
            }
            schema["description"] = field.doc.into();
            (field.name.to_owned(), schema)
        })
        .collect();
    json!({"type": "object", "properties": properties, "required": required})
}
