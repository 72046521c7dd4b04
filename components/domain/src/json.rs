//! JSON columns.

use std::fmt::{self, Formatter};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
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
            Ok(value) if is_readable(&self.0) => value.serialize(serializer),
            _ => self.0.serialize(serializer),
        }
    }
}

/// Whether a text is JSON that every client can read: no number that is too large for one, no half of a character, and
/// not nested beyond measure.
#[must_use]
pub fn is_readable(text: &str) -> bool {
    serde_json::from_str::<Readable>(text).is_ok()
}

/// Sees that bytes are JSON of that kind.
///
/// # Errors
/// What is wrong, and where.
pub fn look_through(bytes: &[u8]) -> serde_json::Result<()> {
    serde_json::from_slice::<Readable>(bytes).map(drop)
}

/// Whether a text is a JSON array of strings.
#[must_use]
pub fn is_texts(text: &str) -> bool {
    serde_json::from_str::<Texts>(text).is_ok()
}

/// An array of strings, read and forgotten.
struct Texts;

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Self)
    }
}

impl<'de> Visitor<'de> for Texts {
    type Value = Self;

    fn expecting(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of strings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Text>()?.is_some() {}
        Ok(self)
    }
}

/// A string, read and forgotten.
struct Text;

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Self)
    }
}

impl Visitor<'_> for Text {
    type Value = Self;

    fn expecting(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
}

/// Any value, read and forgotten.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Readable {
    type Value = Self;

    fn expecting(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

/// JSON with U+FFFD in place of each escaped half of a character (`\ud83d` without its other half), which many a program
/// writes where it has cut a text.
#[must_use]
pub fn with_whole_characters(json: Vec<u8>) -> Vec<u8> {
    const REPLACEMENT: &[u8] = b"\\ufffd";
    let mut from = 0;
    let mut whole = Vec::new();
    let mut at = 0;
    while let Some(step) = json[at..].iter().position(|byte| *byte == b'\\') {
        at += step;
        let length = match unit(&json[at..]) {
            // A pair.
            Some(0xd800..=0xdbff) if matches!(unit(&json[at + 6..]), Some(0xdc00..=0xdfff)) => 12,
            Some(0xd800..=0xdfff) => {
                whole.extend_from_slice(&json[from..at]);
                whole.extend_from_slice(REPLACEMENT);
                from = at + 6;
                6
            }
            // Another escape, such as that of a backslash.
            _ => 2,
        };
        at = (at + length).min(json.len());
    }
    if from == 0 {
        return json;
    }
    whole.extend_from_slice(&json[from..]);
    whole
}

/// The UTF-16 code unit that an escape (`\ud83d`) at the start of `json` is of.
fn unit(json: &[u8]) -> Option<u16> {
    let digits = json.strip_prefix(b"\\u")?.get(..4)?;
    let digits = std::str::from_utf8(digits).ok()?;
    u16::from_str_radix(digits, 16).ok()
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

    #[test]
    fn what_no_client_reads_comes_out_as_a_string() {
        assert_eq!(out("1e400"), r#""1e400""#);
        assert_eq!(out(r#"{"a": [1e999]}"#), r#""{\"a\": [1e999]}""#);
        assert_eq!(out(r#"{"a": "\ud83d"}"#), r#""{\"a\": \"\\ud83d\"}""#);
        assert_eq!(out(&"[".repeat(1000)), format!("{:?}", "[".repeat(1000)));
    }

    #[test]
    fn texts_are_strings_in_an_array() {
        for texts in ["[]", r#"[""]"#, r#" ["a", "\u00e4\n"] "#] {
            assert!(is_texts(texts), "{texts}");
        }
        for other in [
            "",
            "{}",
            r#""a""#,
            "[1]",
            r#"["a", null]"#,
            r#"[["a"]]"#,
            r#"["a""#,
        ] {
            assert!(!is_texts(other), "{other}");
        }
    }

    #[test]
    fn halves_of_characters_are_replaced() {
        let mend = |text: &str| {
            String::from_utf8(with_whole_characters(text.as_bytes().to_vec())).expect("is text")
        };
        for (sent, kept) in [
            (r#""plain""#, r#""plain""#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\uD83D x \ude00""#, r#""\ufffd x \ufffd""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\\\ud83d\n""#, r#""\\\ufffd\n""#),
            (r#""\ud83"#, r#""\ud83"#),
            (r#""\"#, r#""\"#),
        ] {
            assert_eq!(mend(sent), kept, "{sent}");
        }
    }
}
