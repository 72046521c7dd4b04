//! `/api/runtime/prompts`: what agents were asked, and what they answered.

use database::{Access, Database, List};
use domain::words::{PROMPT_STATUS, PROMPT_TYPE};
use http_api::routing::{Table, get, patch, path, post};
use http_api::{Input, Kind, Order};

use crate::logs::{AGENT, OF_AGENT, OF_SESSION};
use crate::resource::handlers::{create, list, read, update};
use crate::resource::{Column, Create, Declaration, Filter, Resource};

/// The most tokens of one prompt.
const MOST_TOKENS: i64 = 1_000_000_000_000;

/// A prompt. The triggers of its table see to the sums of the agent.
pub(crate) struct Prompt;

impl Resource for Prompt {
    const DECLARATION: &'static Declaration = &Declaration {
        name: "Prompt",
        noun: "Prompt",
        path: "/api/runtime/prompts",
        list: List {
            table: "prompts",
            key: Some("created_time"),
        },
        kept: None,
        columns: &[
            Column::new(
                "id",
                Kind::TEXT,
                "The id.",
                r#""01a2069e-1c5e-7d10-9a0b-7d6f0c2b9f11""#,
            ),
            Column::new(
                "agent_id",
                Kind::TEXT,
                "The agent that was asked.",
                r#""01a2069d-fa31-74b2-8d23-31f3ab3c2cfc""#,
            )
            .given(Create::Required),
            Column::new(
                "prompt_type",
                Kind::Word(&PROMPT_TYPE),
                "Why it was asked.",
                r#""command""#,
            )
            .given(Create::Required),
            Column::new(
                "prompt_name",
                Kind::TEXT,
                "What the prompt is called.",
                "null",
            )
            .nullable()
            .given(Create::Optional)
            .changed(),
            Column::new("prompt_text", Kind::TEXT, "What was asked.", r#""Plan it""#)
                .given(Create::Required),
            Column::new(
                "response_text",
                Kind::TEXT,
                "What was answered.",
                r#""1. Read.""#,
            )
            .nullable()
            .given(Create::Optional)
            .changed(),
            Column::new(
                "status",
                Kind::Word(&PROMPT_STATUS),
                "How far it is.",
                r#""completed""#,
            )
            .given(Create::Word("pending"))
            .changed(),
            Column::new(
                "model_used",
                Kind::TEXT,
                "The model that answered.",
                r#""claude-opus-4-5""#,
            )
            .or(&["model"])
            .nullable()
            .given(Create::Optional)
            .changed(),
            Column::new(
                "tokens_input",
                Kind::integer(0, MOST_TOKENS),
                "How many tokens were asked.",
                "1200",
            )
            .given(Create::Number(0))
            .changed(),
            Column::new(
                "tokens_output",
                Kind::integer(0, MOST_TOKENS),
                "How many tokens were answered.",
                "340",
            )
            .given(Create::Number(0))
            .changed(),
            Column::new("cost_usd", Kind::Amount, "In US dollars.", "0.0087")
                .given(Create::Number(0))
                .changed(),
            Column::new(
                "latency_ms",
                Kind::integer(0, i64::MAX),
                "How many milliseconds it took.",
                "2000",
            )
            .nullable()
            .given(Create::Optional)
            .changed(),
            Column::new(
                "created_at",
                Kind::Time,
                "When it was asked.",
                r#""2026-02-05T10:01:07.520Z""#,
            ),
            Column::new(
                "completed_at",
                Kind::Time,
                "When it ended.",
                r#""2026-02-05T10:01:09.520Z""#,
            )
            .nullable(),
            Column::new("error_message", Kind::TEXT, "What went wrong.", "null")
                .nullable()
                .given(Create::Optional)
                .changed(),
            Column::metadata("null"),
        ],
        filters: &[
            OF_AGENT,
            OF_SESSION,
            Filter::new(
                "status",
                Kind::Word(&PROMPT_STATUS),
                "Only those with this status.",
                "status = ?",
            ),
            Filter::new(
                "prompt_type",
                Kind::Word(&PROMPT_TYPE),
                "Only prompts of this type.",
                "prompt_type = ?",
            ),
        ],
        limit: 100,
        order: Order::Ascending,
        is_numbered: false,
        created: &["created_at"],
        references: &[AGENT],
    };

    const NARROWEST: &'static [&'static str] = &["agent_id", "session_id", "status", "prompt_type"];

    /// Those of a session are found by its agents.
    fn access(sent: &Input) -> Access {
        let is_sent = |name| sent.get(name).is_some();
        if is_sent("agent_id") {
            Access::Ordered("idx_prompts_agent")
        } else if is_sent("session_id") {
            Access::Sorted("idx_prompts_agent")
        } else if is_sent("status") {
            Access::Ordered("idx_prompts_status")
        } else if is_sent("prompt_type") {
            Access::Ordered("idx_prompts_type_time")
        } else {
            Access::Free
        }
    }
}

pub(crate) fn table() -> Table<Database> {
    let methods = get("Lists prompts, oldest first", list::<Prompt>)
        .merge(post("Stores a prompt", create::<Prompt>));
    let table = path(Table::new(), "/api/runtime/prompts", methods);
    let methods = get("Reads a prompt", read::<Prompt>).merge(patch(
        "Adds the answer to a prompt, with its tokens and cost",
        update::<Prompt>,
    ));
    path(table, "/api/runtime/prompts/{id}", methods)
}
