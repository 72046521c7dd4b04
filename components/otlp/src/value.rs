//! Values of attributes, and what they are in plain JSON.

use std::borrow::Cow;

use prost::{Message, Oneof};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};

use crate::json;

/// The attributes of something.
pub(crate) type Attributes = Vec<KeyValue>;

/// An attribute.
#[derive(Clone, PartialEq, Message, serde::Deserialize)]
#[serde(default)]
pub(crate) struct KeyValue {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) value: Option<AnyValue>,
}

/// A value, or nothing.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AnyValue {
    #[prost(oneof = "Value", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub(crate) value: Option<Value>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Value {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Boolean(bool),
    #[prost(int64, tag = "3")]
    Integer(i64),
    #[prost(double, tag = "4")]
    Real(f64),
    #[prost(message, tag = "5")]
    Array(Array),
    #[prost(message, tag = "6")]
    Object(Object),
    #[prost(bytes = "vec", tag = "7")]
    Bytes(Vec<u8>),
}

#[derive(Clone, PartialEq, Message, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Array {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "json::list")]
    pub(crate) values: Vec<AnyValue>,
}

#[derive(Clone, PartialEq, Message, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Object {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "json::list")]
    pub(crate) values: Attributes,
}

impl<'de> Deserialize<'de> for AnyValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnyValueVisitor)
    }
}

struct AnyValueVisitor;

impl<'de> Visitor<'de> for AnyValueVisitor {
    type Value = AnyValue;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a value such as {\"stringValue\": \"\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<AnyValue, A::Error> {
        #[derive(serde::Deserialize)]
        #[serde(transparent)]
        struct Signed(#[serde(deserialize_with = "json::signed")] i64);
        #[derive(serde::Deserialize)]
        #[serde(transparent)]
        struct Real(#[serde(deserialize_with = "json::real")] f64);
        #[derive(serde::Deserialize)]
        #[serde(transparent)]
        struct Bytes(#[serde(deserialize_with = "json::bytes")] Vec<u8>);

        let mut value = None;
        while let Some(name) = members.next_key::<Cow<'de, str>>()? {
            value = Some(match &*name {
                "stringValue" => Value::Text(members.next_value()?),
                "boolValue" => Value::Boolean(members.next_value()?),
                "intValue" => Value::Integer(members.next_value::<Signed>()?.0),
                "doubleValue" => Value::Real(members.next_value::<Real>()?.0),
                "arrayValue" => Value::Array(members.next_value()?),
                "kvlistValue" => Value::Object(members.next_value()?),
                "bytesValue" => Value::Bytes(members.next_value::<Bytes>()?.0),
                _ => {
                    members.next_value::<serde::de::IgnoredAny>()?;
                    continue;
                }
            });
        }
        Ok(AnyValue { value })
    }
}

impl Serialize for AnyValue {
    /// Plain JSON. A number that JSON does not have (NaN) is a text, bytes are base64.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            None => serializer.serialize_unit(),
            Some(Value::Text(text)) => serializer.serialize_str(text),
            Some(Value::Boolean(truth)) => serializer.serialize_bool(*truth),
            Some(Value::Integer(number)) => serializer.serialize_i64(*number),
            Some(Value::Real(number)) if number.is_finite() => serializer.serialize_f64(*number),
            Some(Value::Real(number)) => serializer.collect_str(number),
            Some(Value::Array(array)) => {
                let mut list = serializer.serialize_seq(Some(array.values.len()))?;
                for value in &array.values {
                    list.serialize_element(value)?;
                }
                list.end()
            }
            Some(Value::Object(object)) => Members(&object.values).serialize(serializer),
            Some(Value::Bytes(bytes)) => {
                use base64::Engine as _;
                serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(bytes))
            }
        }
    }
}

/// Attributes as a JSON object.
pub(crate) struct Members<'a>(pub(crate) &'a [KeyValue]);

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.0.len()))?;
        for member in self.0 {
            object.serialize_entry(&member.key, &member.value)?;
        }
        object.end()
    }
}

/// The value of an attribute.
pub(crate) fn get<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a Value> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    found.value.as_ref()?.value.as_ref()
}

impl Value {
    /// A text, if it is one that says something.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) if !text.trim().is_empty() => Some(text),
            _ => None,
        }
    }

    /// A text, or what is written for another value.
    pub(crate) fn written(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            other => {
                let value = AnyValue {
                    value: Some(other.clone()),
                };
                serde_json::to_string(&value).unwrap_or_default()
            }
        }
    }

    /// A count, also where it is written as a text or with decimals.
    pub(crate) fn count(&self) -> Option<i64> {
        const MOST: f64 = 1e12;
        let number = self.number()?;
        #[expect(clippy::cast_possible_truncation, reason = "it is within bounds")]
        (0.0..=MOST).contains(&number).then_some(number as i64)
    }

    /// A number that is finite.
    pub(crate) fn number(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "that is what a float is")]
        let number = match self {
            Self::Integer(number) => *number as f64,
            Self::Real(number) => *number,
            Self::Text(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }

    /// The JSON that it is or that its text has.
    pub(crate) fn json(&self) -> serde_json::Value {
        let value = match self {
            Self::Text(text) => {
                return serde_json::from_str(text)
                    .unwrap_or_else(|_| serde_json::Value::String(text.clone()));
            }
            other => AnyValue {
                value: Some(other.clone()),
            },
        };
        serde_json::to_value(&value).unwrap_or_default()
    }
}
