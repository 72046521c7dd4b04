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
}

impl From<usize> for Json {
    fn from(number: usize) -> Self {
        Self(number.to_string())
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
