//! `/api/runtime/workflows`: workflows of which agents are a part. An agent belongs to the workflow whose id is its
//! session.

use database::{Condition, Database, List};
use domain::Timestamp;
use domain::words::{self, WORKFLOW_STATUS};
use http_api::routing::{Table, get, patch, path, post};
use http_api::{Input, Kind, Order};
use serde::Deserialize;

use crate::resource::handlers::{create, list, read, update};
use crate::resource::queries::Found;
use crate::resource::{Column, Create, Declaration, Filter, Reference, Resource};

/// A workflow.
pub(crate) struct Workflow;

/// The most steps, errors and seconds.
const MOST: i64 = 1_000_000_000_000;

impl Resource for Workflow {
    const DECLARATION: &'static Declaration = &Declaration {
        name: "Workflow",
        noun: "Workflow",
        path: "/api/runtime/workflows",
        list: List {
            table: "ai_developer_workflows",
            key: Some("created_time"),
        },
        kept: Some(
            "(SELECT json FROM workflow_json WHERE workflow_json.row = ai_developer_workflows.rowid)",
        ),
        columns: &[
            Column::new(
                "id",
                Kind::TEXT,
                "The id: the session of its agents.",
                r#""01a2069d-f1b0-7c1e-8f44-5a0c3b7d9e21""#,
            ),
            Column::new(
                "orchestrator_agent_id",
                Kind::TEXT,
                "The definition that runs it.",
                "null",
            )
            .nullable()
            .given(Create::Optional),
            Column::new(
                "adw_name",
                Kind::text(1, 255),
                "What it is called.",
                r#""Add pages""#,
            )
            .given(Create::Required)
            .changed(),
            Column::new(
                "workflow_type",
                Kind::text(1, 255),
                "Which steps it has.",
                r#""plan_build_review""#,
            )
            .given(Create::Required)
            .changed(),
            Column::new("description", Kind::TEXT, "What it is for.", "null")
                .nullable()
                .given(Create::Optional)
                .changed(),
            Column::new(
                "status",
                Kind::Word(&WORKFLOW_STATUS),
                "How far it is.",
                r#""in_progress""#,
            )
            .given(Create::Word("pending"))
            .changed(),
            Column::new(
                "current_step",
                Kind::TEXT,
                "The step that it is at.",
                r#""build""#,
            )
            .nullable()
            .given(Create::Optional)
            .changed(),
            Column::new(
                "total_steps",
                Kind::integer(0, MOST),
                "How many steps it has.",
                "3",
            )
            .given(Create::Number(0))
            .changed(),
            Column::new(
                "completed_steps",
                Kind::integer(0, MOST),
                "How many of them are done.",
                "1",
            )
            .given(Create::Number(0))
            .changed(),
            Column::new(
                "started_at",
                Kind::Time,
                "When it began: when it was first in progress, where nobody says.",
                r#""2026-02-05T10:00:00.123Z""#,
            )
            .nullable()
            .given(Create::Optional)
            .changed(),
            Column::new(
                "completed_at",
                Kind::Time,
                "When it ended: when its status said so, where nobody says.",
                "null",
            )
            .nullable()
            .given(Create::Optional)
            .changed(),
            Column::new(
                "duration_seconds",
                Kind::integer(0, MOST),
                "How long it took: from its start to its end, where nobody says.",
                "null",
            )
            .nullable()
            .given(Create::Optional)
            .changed(),
            Column::new(
                "input_data",
                Kind::Json,
                "What it works on.",
                r#"{"issue": 17}"#,
            )
            .nullable()
            .given(Create::Word("{}"))
            .changed(),
            Column::new("output_data", Kind::Json, "What came of it.", "{}")
                .nullable()
                .given(Create::Word("{}"))
                .changed(),
            Column::new("error_message", Kind::TEXT, "What went wrong.", "null")
                .nullable()
                .given(Create::Optional)
                .changed(),
            Column::new(
                "error_step",
                Kind::TEXT,
                "The step at which it went wrong.",
                "null",
            )
            .nullable()
            .given(Create::Optional)
            .changed(),
            Column::new(
                "error_count",
                Kind::integer(0, MOST),
                "How often something went wrong.",
                "0",
            )
            .given(Create::Number(0))
            .changed(),
            Column::new("metadata", Kind::Object, "What else is known of it.", "{}")
                .nullable()
                .given(Create::Word("{}"))
                .changed(),
            Column::new(
                "created_at",
                Kind::Time,
                "When it was made.",
                r#""2026-02-05T09:59:58.004Z""#,
            ),
            Column::new(
                "updated_at",
                Kind::Time,
                "When it last changed.",
                r#""2026-02-05T10:00:04.567Z""#,
            ),
        ],
        filters: &[
            Filter::custom(
                "status",
                Kind::WordList(&WORKFLOW_STATUS),
                "Only those with one of these.",
            ),
            Filter::new(
                "workflow_type",
                Kind::TEXT,
                "Only workflows of this type.",
                "workflow_type = ?",
            ),
            Filter::new(
                "q",
                Kind::text(1, 500),
                "Only rows with this text.",
                "instr(lower(adw_name), lower(?)) OR instr(lower(description), lower(?))",
            ),
        ],
        limit: 1000,
        order: Order::Descending,
        is_numbered: false,
        created: &["created_at", "updated_at"],
        references: &[Reference {
            column: "orchestrator_agent_id",
            table: "orchestrator_agents",
            noun: "Orchestrator agent",
        }],
    };

    const NARROWEST: &'static [&'static str] = &["workflow_type"];

    fn alternatives(sent: &Input, conditions: Vec<Condition>) -> Vec<Vec<Condition>> {
        let Some(statuses) = sent.text("status") else {
            return vec![conditions];
        };
        let is_of_type = sent.get("workflow_type").is_some();
        let with_status = |status: &str| {
            let condition = Condition::new("status = ?", status);
            let condition = if is_of_type {
                condition.beside()
            } else {
                condition
            };
            [conditions.clone(), vec![condition]].concat()
        };
        statuses.split(',').map(with_status).collect()
    }

    /// When it began and ended, and how long that took.
    fn complete(sent: &mut Input, before: Option<&Found>, now: &Timestamp) {
        #[derive(Default, Deserialize)]
        struct Before {
            started_at: Option<String>,
            completed_at: Option<String>,
            duration_seconds: Option<i64>,
        }
        let Some(status) = sent.text("status").map(str::to_owned) else {
            return;
        };
        let before: Before = before
            .and_then(|before| serde_json::from_str(&before.json).ok())
            .unwrap_or_default();
        let mut started = sent.text("started_at").map(str::to_owned);
        started = started.or(before.started_at);
        if status == "in_progress" && started.is_none() {
            sent.set("started_at", now.as_str());
        }
        if !words::is_terminal(&status) {
            return;
        }
        let completed = match sent.text("completed_at").map(str::to_owned) {
            Some(sent) => sent,
            None => before
                .completed_at
                .unwrap_or_else(|| now.as_str().to_owned()),
        };
        let given = sent.get("duration_seconds").is_some() || before.duration_seconds.is_some();
        let span = started
            .and_then(|started| Timestamp::parse(&started))
            .zip(Timestamp::parse(&completed))
            .filter(|_| !given);
        if let Some((start, end)) = span {
            sent.set("duration_seconds", end.seconds_since(&start));
        }
        sent.set("completed_at", completed);
    }
}

pub(crate) fn table() -> Table<Database> {
    let methods = get("Lists workflows, newest first", list::<Workflow>)
        .merge(post("Begins a workflow", create::<Workflow>));
    let table = path(Table::new(), "/api/runtime/workflows", methods);
    let methods = get("Reads a workflow", read::<Workflow>)
        .merge(patch("Reports how far a workflow is", update::<Workflow>));
    path(table, "/api/runtime/workflows/{id}", methods)
}
