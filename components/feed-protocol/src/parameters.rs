//! The query of a request for the feed.

use database::log_tail::LogFilter;
use domain::Words;
use domain::words::{AGENT_STATUS, LOG_LEVEL};
use http_api::{Declared, Field, Input, Kind};

use crate::include::INCLUDE;
use crate::{Filter, Include};

/// What a client is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The whole list, whenever it has changed.
    #[default]
    Default,
    /// Each change, once and in order.
    Delta,
}

static MODE: Words = Words {
    name: "Mode",
    all: &["default", "delta"],
    synonyms: &[],
    any_case: false,
};

impl Mode {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Delta => "delta",
        }
    }
}

/// What a client sends.
pub struct FeedQuery;

impl Declared for FeedQuery {
    fn fields() -> Vec<Field> {
        vec![
            Field::optional(
                "mode",
                Kind::Word(&MODE),
                "`default`: the whole list whenever it has changed; `delta`: each change.",
            ),
            Field::optional(
                "since",
                Kind::integer(0, i64::MAX),
                "The last change that the client has: goes on after it.",
            ),
            Field::optional("database", Kind::TEXT, "The database that `since` is of."),
            Field::optional("session_id", Kind::TEXT, "Only what is of this session."),
            Field::optional(
                "status",
                Kind::WordList(&AGENT_STATUS),
                "Only agents with one of these.",
            ),
            Field::optional(
                "include",
                Kind::WordList(&INCLUDE),
                "What is told beside agents, with `mode=delta`.",
            ),
            Field::optional(
                "log_since",
                Kind::integer(0, i64::MAX),
                "The last log entry that the client has: goes on after it.",
            ),
            Field::optional(
                "level",
                Kind::Word(&LOG_LEVEL),
                "Only log entries of this level.",
            )
            .or(&["log_level"]),
            Field::optional("agent_id", Kind::TEXT, "Only log entries of this agent."),
        ]
    }

    fn conflicts(input: &Input) -> Vec<(&'static str, &'static str)> {
        if input.text("include").is_some() && input.text("mode") != Some("delta") {
            vec![("include", "This needs mode=delta")]
        } else {
            Vec::new()
        }
    }
}

/// What a client asks for.
#[derive(Debug)]
pub struct Parameters {
    /// Lists or changes.
    pub mode: Mode,
    /// The last change that the client has.
    pub since: Option<i64>,
    /// The database that `since` is of.
    pub database: Option<String>,
    /// What of the change log.
    pub filter: Filter,
    /// The last log entry that the client has.
    pub log_since: Option<i64>,
    /// Which log entries, where there are to be any.
    pub logs: Option<LogFilter>,
}

impl Parameters {
    /// What was sent.
    #[must_use]
    pub fn of(input: &Input) -> Self {
        let text = |name| input.text(name).map(str::to_owned);
        let statuses = input.text("status").unwrap_or_default().split(',');
        let include = Include::read(input.text("include").unwrap_or_default());
        Self {
            mode: match input.text("mode") {
                Some("delta") => Mode::Delta,
                _ => Mode::Default,
            },
            since: input.integer("since"),
            database: text("database"),
            filter: Filter::new(
                text("session_id"),
                statuses
                    .filter_map(|status| AGENT_STATUS.read(status))
                    .collect(),
                include,
            ),
            log_since: input.integer("log_since"),
            logs: include.has_logs().then(|| LogFilter {
                session_id: text("session_id"),
                agent_id: text("agent_id"),
                level: input.text("level").and_then(|level| LOG_LEVEL.read(level)),
            }),
        }
    }
}
