//! The log of a component, which is what it prints: some hosts add nothing to it, so a line says itself when it was and which
//! request it concerns.

use std::time::SystemTime;

use humantime::format_rfc3339_millis;

/// Prints a warning in the form that the dev-server's log has, on one line whatever it says. `request_id` is that of the
/// request that it concerns, where there is one.
pub fn warn(request_id: Option<&str>, message: &str) {
    eprintln!("{}", line(SystemTime::now(), request_id, message));
}

fn line(time: SystemTime, request_id: Option<&str>, message: &str) -> String {
    let time = format_rfc3339_millis(time);
    let mut line = format!("{time}  WARN {}", message.replace('\n', "\\n"));
    if let Some(id) = request_id {
        line.push_str(&format!(" request_id={id:?}"));
    }
    line
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_says_when_it_was_and_which_request_it_concerns() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_770_285_600_123);
        assert_eq!(
            line(time, None, "the database is busy"),
            "2026-02-05T10:00:00.123Z  WARN the database is busy"
        );
        assert_eq!(
            line(time, Some("a\"b"), "two\nlines"),
            "2026-02-05T10:00:00.123Z  WARN two\\nlines request_id=\"a\\\"b\""
        );
    }
}
