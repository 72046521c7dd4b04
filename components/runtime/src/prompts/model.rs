//! What a prompt is, and what a client sends to find some.

use domain::{PromptStatus, PromptType, Timestamp};
use http_api::{Fields, Input, Page, parse};
use serde::Serialize;

/// A prompt, as a client sees it.
#[derive(Debug, Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the fields are named as the columns are"
)]
pub(crate) struct Prompt {
    pub(crate) id: String,
    pub(crate) agent_id: String,
    /// A [`PromptType`].
    pub(crate) prompt_type: String,
    pub(crate) prompt_name: Option<String>,
    pub(crate) prompt_text: String,
    pub(crate) response_text: Option<String>,
    /// A [`PromptStatus`].
    pub(crate) status: String,
    pub(crate) model_used: Option<String>,
    pub(crate) tokens_input: i64,
    pub(crate) tokens_output: i64,
    /// In US dollars.
    pub(crate) cost_usd: f64,
    pub(crate) latency_ms: Option<i64>,
    pub(crate) created_at: Timestamp,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) error_message: Option<String>,
}

/// The query of a GET.
pub(crate) struct Search {
    pub(crate) agent_id: Option<String>,
    pub(crate) session_id: Option<String>,
    pub(crate) status: Option<PromptStatus>,
    pub(crate) prompt_type: Option<PromptType>,
    pub(crate) page: Page,
}

impl Input for Search {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            agent_id: fields.optional("agent_id", parse::text),
            session_id: fields.optional("session_id", parse::text),
            status: fields.optional("status", parse::choice),
            prompt_type: fields.optional("prompt_type", parse::choice),
            page: Page::read(fields, 100),
        })
    }
}
