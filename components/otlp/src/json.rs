//! What the JSON of OTLP has of its own: ids in hexadecimal, integers of 64 bits as text or number, words of an enumeration
//! as name or number, and `null` for what is not there.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// An integer as it comes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number<'a> {
    Unsigned(u64),
    Signed(i64),
    Real(f64),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

pub(crate) fn unsigned<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = match Option::<Number<'de>>::deserialize(deserializer)? {
        None => Some(0),
        Some(Number::Unsigned(number)) => Some(number),
        Some(Number::Signed(number)) => u64::try_from(number).ok(),
        Some(Number::Real(number)) => whole(number).and_then(|number| u64::try_from(number).ok()),
        Some(Number::Text(text)) => text.parse().ok(),
    };
    number.ok_or_else(|| D::Error::custom("a number of nanoseconds is none"))
}

pub(crate) fn signed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let number = match Number::deserialize(deserializer)? {
        Number::Unsigned(number) => i64::try_from(number).ok(),
        Number::Signed(number) => Some(number),
        Number::Real(number) => whole(number),
        Number::Text(text) => text.parse().ok(),
    };
    number.ok_or_else(|| D::Error::custom("an integer is none"))
}

/// The integer that a number like `1.7e18` is, as some languages write large ones.
fn whole(number: f64) -> Option<i64> {
    const LARGEST: f64 = 9.2e18;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is whole and not too large"
    )]
    (number.fract() == 0.0 && number.abs() < LARGEST).then_some(number as i64)
}

pub(crate) fn real<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    #[expect(clippy::cast_precision_loss, reason = "that is what a float is")]
    let number = match Number::deserialize(deserializer)? {
        Number::Unsigned(number) => Some(number as f64),
        Number::Signed(number) => Some(number as f64),
        Number::Real(number) => Some(number),
        // "NaN", "Infinity", "-Infinity"
        Number::Text(text) => text.parse().ok(),
    };
    number.ok_or_else(|| D::Error::custom("a number is none"))
}

/// The bytes of an id; none where there is no text.
pub(crate) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = Option::<Cow<'de, str>>::deserialize(deserializer)?.unwrap_or_default();
    base16ct::mixed::decode_vec(text.as_bytes())
        .map_err(|_| D::Error::custom("an id is not hexadecimal"))
}

pub(crate) fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    use base64::Engine as _;
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    base64::engine::general_purpose::STANDARD
        .decode(text.as_bytes())
        .map_err(|_| D::Error::custom("bytes are not base64"))
}

/// A list, empty where it is `null`.
pub(crate) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

pub(crate) fn status_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    word(deserializer, |name| match name {
        "STATUS_CODE_OK" => Some(1),
        "STATUS_CODE_ERROR" => Some(2),
        "STATUS_CODE_UNSET" => Some(0),
        _ => None,
    })
}

pub(crate) fn severity_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    const LEVELS: [(&str, i32); 6] = [
        ("TRACE", 1),
        ("DEBUG", 5),
        ("INFO", 9),
        ("WARN", 13),
        ("ERROR", 17),
        ("FATAL", 21),
    ];
    word(deserializer, |name| {
        let name = name.strip_prefix("SEVERITY_NUMBER_")?;
        let (level, first) = LEVELS.iter().find(|(level, _)| name.starts_with(level))?;
        // TRACE, TRACE2, TRACE3, TRACE4
        let more = match &name[level.len()..] {
            "" => 0,
            more => more.parse::<i32>().ok()?.checked_sub(1)?,
        };
        Some(first + more)
    })
}

/// A word of an enumeration by its name or its number. One that nobody knows is 0, as in protocol buffers.
fn word<'de, D: Deserializer<'de>>(
    deserializer: D,
    by_name: impl Fn(&str) -> Option<i32>,
) -> Result<i32, D::Error> {
    Ok(match Option::<Number<'de>>::deserialize(deserializer)? {
        Some(Number::Unsigned(number)) => i32::try_from(number).unwrap_or_default(),
        Some(Number::Text(name)) => {
            let number = by_name(&name).or_else(|| name.parse().ok());
            number.unwrap_or_default()
        }
        _ => 0,
    })
}
