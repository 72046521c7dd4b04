//! `/api/runtime/system-logs`: what the system around the agents reported.

use database::log_blocks::Log;
use database::{Condition, Database, List};
use domain::words::LOG_LEVEL;
use http_api::routing::{Table, get, path, post};
use http_api::{Input, Kind, Order};

use crate::logs::{LEVEL, SINCE, UNTIL, WITH_TEXT, is_of_time};
use crate::resource::handlers::{create, list};
use crate::resource::{Column, Create, Declaration, Filter, Resource};

/// An entry.
pub(crate) struct SystemLogEntry;

impl Resource for SystemLogEntry {
    const DECLARATION: &'static Declaration = &Declaration {
        name: "SystemLogEntry",
        noun: "System log entry",
        path: "/api/runtime/system-logs",
        list: List {
            table: "system_logs",
            key: None,
        },
        kept: None,
        columns: &[
            Column::new("id", Kind::integer(0, i64::MAX), "The number.", "12"),
            Column::new(
                "log_level",
                Kind::Word(&LOG_LEVEL),
                "How serious it is.",
                r#""WARNING""#,
            )
            .or(&["level"])
            .given(Create::Word("INFO")),
            Column::new(
                "component",
                Kind::text(1, 255),
                "What reported it.",
                r#""scheduler""#,
            )
            .given(Create::Required),
            Column::new(
                "message",
                Kind::TEXT,
                "What is reported.",
                r#""The queue is long""#,
            )
            .given(Create::Required),
            Column::new("details", Kind::Json, "What else is known of it.", "null")
                .nullable()
                .given(Create::Optional),
            Column::new(
                "created_at",
                Kind::Time,
                "When it happened.",
                r#""2026-02-05T10:02:41.377Z""#,
            ),
        ],
        filters: &[
            LEVEL,
            Filter::new(
                "component",
                Kind::TEXT,
                "Only entries of this component.",
                "component = ?",
            ),
            WITH_TEXT,
            SINCE,
            UNTIL,
        ],
        limit: 100,
        order: Order::Descending,
        is_numbered: true,
        created: &["created_at"],
        references: &[],
    };

    fn searched(sent: &Input) -> Option<Log> {
        (!is_of_time(sent)).then_some(Log::System)
    }

    fn alternatives(sent: &Input, conditions: Vec<Condition>) -> Vec<Vec<Condition>> {
        Log::System.between(
            conditions,
            sent.get("since").cloned(),
            sent.get("until").cloned(),
        )
    }
}

pub(crate) fn table() -> Table<Database> {
    let methods = get(
        "Lists entries of the system log, newest first",
        list::<SystemLogEntry>,
    )
    .merge(post(
        "Stores an entry of the system log",
        create::<SystemLogEntry>,
    ));
    path(Table::new(), "/api/runtime/system-logs", methods)
}
