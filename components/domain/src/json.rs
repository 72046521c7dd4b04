//! JSON columns.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// The text of a JSON column: a JSON value on its way in or out, kept to the letter (order of keys, digits of
/// numbers).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json(String);

impl Json {
    /// What a column holds. Other processes may have put anything there.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// A JSON string.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self(serde_json::Value::from(text).to_string())
    }

    /// The text as it is stored.
    #[must_use]
    pub fn as_text(&self) -> &str {
        &self.0
    }

    /// The text as it is stored.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

impl From<usize> for Json {
    fn from(number: usize) -> Self {
        Self(number.to_string())
    }
}

impl From<&RawValue> for Json {
    fn from(value: &RawValue) -> Self {
        Self(value.get().to_owned())
    }
}

impl Serialize for Json {
    /// A text that is no JSON comes out as a string.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serde_json::from_str::<&RawValue>(&self.0) {
            Ok(value) => value.serialize(serializer),
            Err(_) => self.0.serialize(serializer),
        }
    }
}

#[cfg(not(target_family = "wasm"))]
impl schemars::JsonSchema for Json {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Json".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"description": "Any JSON value."})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(stored: &str) -> String {
        serde_json::to_string(&Json::stored(stored.to_owned())).expect("serializes")
    }

    #[test]
    fn json_comes_out_to_the_letter() {
        let stored = r#"{"b":1e2,"a":123456789012345678901234567890}"#;
        assert_eq!(out(stored), stored);
    }

    #[test]
    fn what_is_no_json_comes_out_as_a_string() {
        assert_eq!(out("{'a': 1}"), r#""{'a': 1}""#);
        assert_eq!(out(r#"{"a": NaN}"#), r#""{\"a\": NaN}""#);
        assert_eq!(out(""), r#""""#);
    }
}
