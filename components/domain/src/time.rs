//! Points in time.

use jiff::civil::DateTime;
use serde::{Serialize, Serializer};

/// A point in time, written as RFC 3339 in UTC with milliseconds: `2026-02-05T10:00:00.123Z`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(String);

impl Timestamp {
    /// The present, cut to the millisecond as SQLite's `now` is.
    #[must_use]
    pub fn now() -> Self {
        Self(format!("{:.3}", jiff::Timestamp::now()))
    }

    /// Reads any form that our writers store and clients send: with `T` or a space, any number of decimals, with an
    /// offset or without one (then UTC), or a date alone. A `+` that became a space in a query string is a `+`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = if text.contains('T') {
            text.replace(' ', "+")
        } else {
            text.to_owned()
        };
        let instant = text.parse::<jiff::Timestamp>().ok().or_else(|| {
            let civil = text.parse::<DateTime>().ok()?;
            let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
            Some(zoned.timestamp())
        })?;
        Some(Self(format(instant)))
    }

    /// What a column holds. A text that is no time stays as it is.
    #[must_use]
    pub fn stored(text: String) -> Self {
        if is_ours(&text) {
            return Self(text);
        }
        Self::parse(&text).unwrap_or(Self(text))
    }

    /// So many days before now.
    #[must_use]
    pub fn days_ago(days: i32) -> Self {
        let ago = jiff::Span::new().try_hours(i64::from(days) * 24);
        let instant = ago.and_then(|ago| jiff::Timestamp::now().checked_sub(ago));
        Self(format(instant.unwrap_or(jiff::Timestamp::MIN)))
    }

    /// The first minute that begins at this time or later: `2026-02-05T10:07`.
    #[must_use]
    pub fn next_minute(&self) -> String {
        self.next(jiff::Unit::Minute, "2026-02-05T10:07".len())
    }

    /// The first hour that begins at this time or later: `2026-02-05T10`.
    #[must_use]
    pub fn next_hour(&self) -> String {
        self.next(jiff::Unit::Hour, "2026-02-05T10".len())
    }

    fn next(&self, unit: jiff::Unit, length: usize) -> String {
        let up = jiff::TimestampRound::new()
            .smallest(unit)
            .mode(jiff::RoundMode::Ceil);
        let instant: Option<jiff::Timestamp> = self.0.parse().ok();
        let next = instant.and_then(|instant| instant.round(up).ok());
        let mut text = next.map_or_else(|| self.0.clone(), format);
        text.truncate(length);
        text
    }

    /// The text, as it is stored and sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, as it is stored and sent.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }

    /// The shortest text that sorts before every stored form of this or a later time, and after every form of an
    /// earlier one: without the zone and without zeros at the end of the decimals.
    #[must_use]
    pub fn lower_bound(&self) -> &str {
        self.0
            .trim_end_matches('Z')
            .trim_end_matches("000")
            .trim_end_matches('.')
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(not(target_family = "wasm"))]
impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "date-time",
            "examples": ["2026-02-05T10:00:00.123Z"],
        })
    }
}

/// Rounds to the millisecond, as SQLite's `strftime` does.
fn format(instant: jiff::Timestamp) -> String {
    let instant = instant.round(jiff::Unit::Millisecond).unwrap_or(instant);
    format!("{instant:.3}")
}

/// Whether `text` has the form that we write, so that most rows need no parsing.
fn is_ours(text: &str) -> bool {
    const FORM: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
    text.len() == FORM.len()
        && text.bytes().zip(FORM).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            form => byte == *form,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(text: &str) -> String {
        Timestamp::stored(text.to_owned()).into_text()
    }

    #[test]
    fn every_writer_s_form_comes_out_as_ours() {
        assert_eq!(stored("2026-02-05 10:00:00"), "2026-02-05T10:00:00.000Z");
        assert_eq!(
            stored("2026-02-05T10:00:00.123456"),
            "2026-02-05T10:00:00.123Z"
        );
        assert_eq!(
            stored("2026-02-05T10:00:00.123789"),
            "2026-02-05T10:00:00.124Z"
        );
        assert_eq!(
            stored("2026-02-05T10:00:00.123Z"),
            "2026-02-05T10:00:00.123Z"
        );
        assert_eq!(
            stored("2026-02-05T10:00:00+02:00"),
            "2026-02-05T08:00:00.000Z"
        );
        assert_eq!(stored("2026-02-05"), "2026-02-05T00:00:00.000Z");
        assert_eq!(stored("yesterday"), "yesterday");
    }

    #[test]
    fn an_offset_survives_a_query_string() {
        assert_eq!(
            Timestamp::parse("2026-02-05T10:00:00 02:00"),
            Timestamp::parse("2026-02-05T08:00:00Z")
        );
    }

    #[test]
    fn now_has_our_form() {
        assert!(is_ours(Timestamp::now().as_str()));
    }

    #[test]
    fn what_looks_like_a_time_and_is_none_is_refused() {
        assert_eq!(Timestamp::parse("2026-13-05"), None);
        assert_eq!(Timestamp::parse("2026-13-05T10:00:00.000Z"), None);
        assert_eq!(Timestamp::parse("soon"), None);
    }

    #[test]
    fn the_next_minute_and_hour_are_those_that_begin_then_or_later() {
        let time = Timestamp::parse("2026-02-05T10:59:00.001Z").expect("a time");
        assert_eq!(time.next_minute(), "2026-02-05T11:00");
        assert_eq!(time.next_hour(), "2026-02-05T11");
        let time = Timestamp::parse("2026-02-05T10:00:00Z").expect("a time");
        assert_eq!(time.next_minute(), "2026-02-05T10:00");
        assert_eq!(time.next_hour(), "2026-02-05T10");
    }

    #[test]
    fn days_ago_is_in_the_past() {
        assert!(Timestamp::days_ago(1) < Timestamp::now());
        assert!(Timestamp::days_ago(1) > Timestamp::days_ago(2));
    }

    #[test]
    fn the_lower_bound_sorts_among_all_forms() {
        let bound = Timestamp::parse("2026-02-05T10:00:00Z").expect("a time");
        assert!("2026-02-05T10:00:00" >= bound.lower_bound());
        assert!("2026-02-05T10:00:00.000Z" >= bound.lower_bound());
        assert!("2026-02-05T09:59:59.999999" < bound.lower_bound());
        let bound = Timestamp::parse("2026-02-05T10:00:00.500Z").expect("a time");
        assert!("2026-02-05T10:00:00.500000" >= bound.lower_bound());
        assert!("2026-02-05T10:00:00.499Z" < bound.lower_bound());
    }
}
