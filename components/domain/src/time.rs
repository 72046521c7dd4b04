//! Points in time.

use std::time::{Duration, SystemTime};

use humantime::format_rfc3339_millis;
use jiff::civil::{Date, DateTime};
use serde::{Serialize, Serializer};

/// A point in time, written as RFC 3339 in UTC with milliseconds: `2026-02-05T10:00:00.123Z`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(String);

impl Timestamp {
    /// The present, cut to the millisecond as SQLite's `now` is.
    #[must_use]
    pub fn now() -> Self {
        Self(format(jiff::Timestamp::now()))
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

    /// The time so many nanoseconds after 1970, cut to the millisecond.
    #[must_use]
    pub fn of_nanoseconds(nanoseconds: u64) -> Self {
        Self::of_system(SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds))
    }

    /// A time of the system's clock, cut to the millisecond.
    #[must_use]
    pub fn of_system(time: SystemTime) -> Self {
        Self(format_rfc3339_millis(time).to_string())
    }

    /// The time that SQLite's `datetime` writes as `2026-02-05 10:00:00`, read as SQLite reads it: the 31st of a month that
    /// has none is a day of the next. `None` for a text of another form.
    #[must_use]
    pub fn of_seconds(text: &str) -> Option<String> {
        let bytes = text.as_bytes();
        let is_form = bytes.len() == 19
            && bytes.iter().enumerate().all(|(place, byte)| match place {
                4 | 7 => *byte == b'-',
                10 => matches!(byte, b' ' | b'T'),
                13 | 16 => *byte == b':',
                _ => byte.is_ascii_digit(),
            });
        if !is_form {
            return None;
        }
        let number = |start: usize, end: usize| text[start..end].parse::<i8>().ok();
        let (month, day) = (number(5, 7)?, number(8, 10)?);
        let is_time = number(11, 13)? < 24 && number(14, 16)? < 60 && number(17, 19)? < 60;
        if !is_time || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let time = &text[11..];
        if day <= 28 {
            return Some(format!("{}T{time}.000Z", &text[..10]));
        }
        let first = Date::new(text[..4].parse().ok()?, month, 1).ok()?;
        let date = first.checked_add(jiff::Span::new().days(day - 1)).ok()?;
        Some(format!("{date}T{time}.000Z"))
    }

    /// A time as the schema's columns of canonical times give it; a text that is no time stays as it is.
    #[must_use]
    pub fn told(text: String) -> Self {
        Self(text)
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

    /// How many whole seconds lie between an earlier time and this one; 0 where it is not earlier.
    #[must_use]
    pub fn seconds_since(&self, earlier: &Self) -> i64 {
        let between = self.instant().zip(earlier.instant());
        let seconds = between.map(|(end, start)| end.duration_since(start).as_secs());
        seconds.unwrap_or_default().max(0)
    }

    /// The second that this time lies in, counted from 1970.
    #[must_use]
    pub fn unix_second(&self) -> i64 {
        self.instant()
            .map_or(0, |instant| instant.as_millisecond().div_euclid(1000))
    }

    fn instant(&self) -> Option<jiff::Timestamp> {
        self.0.parse().ok()
    }

    fn next(&self, unit: jiff::Unit, length: usize) -> String {
        let up = jiff::TimestampRound::new()
            .smallest(unit)
            .mode(jiff::RoundMode::Ceil);
        let next = self.instant().and_then(|instant| instant.round(up).ok());
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

/// Cut to the millisecond, as the schema does with what others store.
fn format(instant: jiff::Timestamp) -> String {
    let cut = jiff::TimestampRound::new()
        .smallest(jiff::Unit::Millisecond)
        .mode(jiff::RoundMode::Floor);
    format!("{:.3}", instant.round(cut).unwrap_or(instant))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<String> {
        Timestamp::parse(text).map(Timestamp::into_text)
    }

    #[test]
    fn every_form_is_read() {
        for (text, time) in [
            ("2026-02-05 10:00:00", "2026-02-05T10:00:00.000Z"),
            ("2026-02-05T10:00:00.123456", "2026-02-05T10:00:00.123Z"),
            ("2026-02-05T10:00:00.123789", "2026-02-05T10:00:00.123Z"),
            ("2026-02-05T10:00:00.123Z", "2026-02-05T10:00:00.123Z"),
            ("2026-02-05T10:00:00+02:00", "2026-02-05T08:00:00.000Z"),
            ("2026-02-05T10:00:00 02:00", "2026-02-05T08:00:00.000Z"),
            ("2026-02-05", "2026-02-05T00:00:00.000Z"),
        ] {
            assert_eq!(parsed(text).as_deref(), Some(time), "{text}");
        }
    }

    #[test]
    fn nanoseconds_are_cut_to_the_millisecond() {
        let of = |nanoseconds| Timestamp::of_nanoseconds(nanoseconds).into_text();
        assert_eq!(of(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(of(1_770_285_600_123_999_999), "2026-02-05T10:00:00.123Z");
        assert_eq!(of(u64::MAX), "2554-07-21T23:34:33.709Z");
    }

    #[test]
    fn seconds_are_read_as_sqlite_does() {
        let read = Timestamp::of_seconds;
        for (text, time) in [
            ("2026-02-05 10:00:00", Some("2026-02-05T10:00:00.000Z")),
            ("2026-02-05T23:59:59", Some("2026-02-05T23:59:59.000Z")),
            ("2026-02-31 10:00:00", Some("2026-03-03T10:00:00.000Z")),
            ("2024-02-29 10:00:00", Some("2024-02-29T10:00:00.000Z")),
            ("2026-12-31 10:00:00", Some("2026-12-31T10:00:00.000Z")),
            ("2026-13-05 10:00:00", None),
            ("2026-00-05 10:00:00", None),
            ("2026-02-32 10:00:00", None),
            ("2026-02-05 24:00:00", None),
            ("2026-02-05 10:60:00", None),
            ("2026-02-05 10:00", None),
            ("2026-02-05 10:00:0é", None),
        ] {
            assert_eq!(read(text).as_deref(), time, "{text}");
        }
    }

    #[test]
    fn what_looks_like_a_time_and_is_none_is_refused() {
        assert_eq!(parsed("2026-13-05"), None);
        assert_eq!(parsed("2026-13-05T10:00:00.000Z"), None);
        assert_eq!(parsed("soon"), None);
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
}
