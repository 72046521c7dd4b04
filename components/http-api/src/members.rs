//! Reading of objects and arrays that keeps only what somebody asks for.
//!
//! A body may have millions of members or items, each of which would cost many times its bytes to keep.

use std::collections::BTreeMap;
use std::fmt::{self, Formatter};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::Field;

/// The members of a JSON object that are called like one of `fields`. Of a name that comes twice, the last counts.
///
/// # Errors
/// Where it is no object.
pub(crate) fn members<'a>(
    json: &'a str,
    fields: &[Field],
) -> serde_json::Result<BTreeMap<&'static str, &'a RawValue>> {
    Members(fields).deserialize(&mut serde_json::Deserializer::from_str(json))
}

/// The first items of a JSON array, at most `most`, and how many it has; `None` where it is no array.
#[must_use]
pub fn items(json: &RawValue, most: usize) -> Option<(Vec<&RawValue>, usize)> {
    let mut deserializer = serde_json::Deserializer::from_str(json.get());
    Items(most).deserialize(&mut deserializer).ok()
}

struct Members<'f>(&'f [Field]);

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = BTreeMap<&'static str, &'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = BTreeMap<&'static str, &'de RawValue>;

    fn expecting(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = BTreeMap::new();
        while let Some(name) = map.next_key_seed(Name(self.0))? {
            match name {
                Some(name) => _ = members.insert(name, map.next_value()?),
                None => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(members)
    }
}

/// A name that one of the fields has.
struct Name<'f>(&'f [Field]);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<&'static str>;

    fn expecting(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let mut names = self.0.iter().flat_map(Field::names);
        Ok(names.find(|name| *name == text))
    }
}

struct Items(usize);

impl<'de> DeserializeSeed<'de> for Items {
    type Value = (Vec<&'de RawValue>, usize);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items {
    type Value = (Vec<&'de RawValue>, usize);

    fn expecting(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while items.len() < self.0 {
            match sequence.next_element()? {
                Some(item) => items.push(item),
                None => break,
            }
        }
        let mut count = items.len();
        while sequence.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok((items, count))
    }
}
