//! Log entries as REST tells them, and which a client wants.

use std::sync::LazyLock;

use database::log_tail::{Columns, LogFilter, Missed};
use database::{Error, Row};
use domain::words::{LOG_LEVEL, LOG_TYPE};
use http_api::Kind;
use http_api::telling::{self, ToldColumn};

use crate::{Frame, frames};

/// The table of the entries.
const TABLE: &str = "agent_logs";
/// How many entries a client that resumes, or falls behind, is sent; where there are more it is told how many.
pub const MOST_MISSED: i64 = 10_000;

/// What an entry has, in the order in which it is told. REST declares its entries by this.
pub const LOG_ENTRY: [ToldColumn; 7] = [
    ToldColumn::new("id", Kind::integer(0, i64::MAX)),
    ToldColumn::new("agent_id", Kind::TEXT),
    ToldColumn::new("log_level", Kind::Word(&LOG_LEVEL)),
    ToldColumn::new("log_type", Kind::Word(&LOG_TYPE)),
    ToldColumn::new("message", Kind::TEXT),
    ToldColumn::new("details", Kind::Json).nullable(),
    ToldColumn::new("created_at", Kind::Time),
];

/// What is read of an entry.
#[must_use]
pub fn log_columns() -> Columns<'static> {
    static WHOLE: LazyLock<String> = LazyLock::new(|| telling::select(TABLE, LOG_ENTRY, false));
    static SHORTENED: LazyLock<String> = LazyLock::new(|| telling::select(TABLE, LOG_ENTRY, true));
    Columns {
        whole: &WHOLE,
        shortened: &SHORTENED,
    }
}

/// An entry as it is told, and what it is found by.
#[derive(Debug)]
pub struct Entry {
    /// Its number.
    pub id: i64,
    /// The JSON object.
    pub json: String,
    agent_id: String,
    level: String,
    session_id: Option<String>,
}

impl Entry {
    /// Tells a row that was read with [`log_columns`].
    ///
    /// # Errors
    /// Where a column was not read.
    pub fn read(mut row: Row) -> Result<Self, Error> {
        let mut json = String::new();
        telling::tell(LOG_ENTRY, &mut row, &mut json)?;
        Ok(Self {
            id: row.integer("of_id")?,
            json,
            agent_id: row.text("of_agent")?,
            level: row.text("of_level")?,
            session_id: row.optional_text("of_session")?,
        })
    }

    /// Whether a client with this filter wants it.
    #[must_use]
    pub fn is_meant(&self, filter: &LogFilter) -> bool {
        let wanted = |wanted: Option<&str>, of: Option<&str>| {
            wanted.is_none_or(|wanted| of.is_some_and(|of| of == wanted))
        };
        wanted(filter.agent_id.as_deref(), Some(&self.agent_id))
            && wanted(filter.level, Some(&self.level))
            && wanted(filter.session_id.as_deref(), self.session_id.as_deref())
    }
}

/// Where REST has the entries that come after `id`, oldest first.
#[must_use]
pub fn address_after(id: i64, filter: &LogFilter) -> String {
    let filters: Vec<(&str, &str)> = [
        ("agent_id", filter.agent_id.as_deref()),
        ("level", filter.level),
        ("session_id", filter.session_id.as_deref()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect();
    http_api::rows_after("/api/runtime/logs", &filters, 1000, &[id.into()])
}

/// What a client that has the entries up to a number is sent next.
#[derive(Debug, Default)]
pub struct MissedLogs {
    /// The frame, where there is one.
    pub frame: Option<Frame>,
    /// The number up to which the client then has what there is.
    pub log_id: i64,
    /// Whether that is the end of the log.
    pub is_all: bool,
    /// Whether the number is not one of this log.
    pub is_void: bool,
}

impl MissedLogs {
    /// For a client that has not been told where the log is.
    #[must_use]
    pub fn at_the_end(log_id: i64) -> Self {
        Self {
            frame: Some(frames::log_position(log_id)),
            log_id,
            is_all: true,
            is_void: false,
        }
    }

    /// Tells what was found missing after `id`.
    ///
    /// # Errors
    /// Where a column was not read.
    pub fn new(missed: Missed, id: i64, filter: &LogFilter) -> Result<Self, Error> {
        Ok(match missed {
            Missed::NoPosition(log_id) => Self {
                log_id,
                is_void: true,
                ..Self::default()
            },
            Missed::TooMany(missed, log_id) => Self {
                frame: (missed > 0).then(|| frames::log_missed(missed, id, log_id, filter)),
                log_id,
                ..Self::default()
            },
            Missed::Entries(rows, last) => {
                let entries: Vec<Entry> = rows
                    .into_iter()
                    .map(Entry::read)
                    .collect::<Result<_, _>>()?;
                let read = entries.last().map_or(last, |entry| entry.id);
                Self {
                    frame: frames::log(&entries, filter, read),
                    log_id: read,
                    is_all: read >= last,
                    is_void: false,
                }
            }
        })
    }
}
