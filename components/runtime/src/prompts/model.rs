//! What a prompt is, and what a client sends to make, change or find one.

use domain::{PromptStatus, PromptType, Timestamp};
use http_api::{Fields, Input, Order, Page, parse};
use serde::Serialize;

/// The most tokens of one prompt, so that sums of many stay exact.
const MOST_TOKENS: i64 = 1_000_000_000_000;

/// A prompt, as a client sees it.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[expect(
    clippy::struct_field_names,
    reason = "the fields are named as the columns are"
)]
pub(crate) struct Prompt {
    pub(crate) id: String,
    pub(crate) agent_id: String,
    #[cfg_attr(not(target_family = "wasm"), schemars(with = "PromptType"))]
    pub(crate) prompt_type: String,
    pub(crate) prompt_name: Option<String>,
    pub(crate) prompt_text: String,
    pub(crate) response_text: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schemars(with = "PromptStatus"))]
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

/// The body of a POST.
pub(crate) struct NewPrompt {
    pub(crate) agent_id: String,
    pub(crate) prompt_type: PromptType,
    pub(crate) prompt_name: Option<String>,
    pub(crate) prompt_text: String,
    pub(crate) response_text: Option<String>,
    pub(crate) status: PromptStatus,
    pub(crate) model_used: Option<String>,
    pub(crate) tokens_input: i64,
    pub(crate) tokens_output: i64,
    pub(crate) cost_usd: f64,
    pub(crate) latency_ms: Option<i64>,
    pub(crate) error_message: Option<String>,
}

impl Input for NewPrompt {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let agent_id = fields.required("agent_id", parse::text());
        let prompt_type = fields.required("prompt_type", parse::choice());
        let prompt_name = fields.optional("prompt_name", parse::text());
        let prompt_text = fields.required("prompt_text", parse::text());
        let response_text = fields.optional("response_text", parse::text());
        let status = fields.optional("status", parse::choice());
        let model_used = fields.optional("model_used", parse::text());
        let tokens_input = fields.optional("tokens_input", parse::integer(0..=MOST_TOKENS));
        let tokens_output = fields.optional("tokens_output", parse::integer(0..=MOST_TOKENS));
        let cost_usd = fields.optional("cost_usd", parse::amount());
        let latency_ms = fields.optional("latency_ms", parse::integer(0..=i64::MAX));
        let error_message = fields.optional("error_message", parse::text());
        Some(Self {
            agent_id: agent_id?,
            prompt_type: prompt_type?,
            prompt_name,
            prompt_text: prompt_text?,
            response_text,
            status: status.unwrap_or(PromptStatus::Pending),
            model_used,
            tokens_input: tokens_input.unwrap_or_default(),
            tokens_output: tokens_output.unwrap_or_default(),
            cost_usd: cost_usd.unwrap_or_default(),
            latency_ms,
            error_message,
        })
    }
}

/// The body of a PATCH: only what is given changes.
#[expect(
    clippy::option_option,
    reason = "the outer says whether it changes, the inner may be null"
)]
pub(crate) struct Changes {
    pub(crate) status: Option<PromptStatus>,
    pub(crate) tokens_input: Option<i64>,
    pub(crate) tokens_output: Option<i64>,
    pub(crate) cost_usd: Option<f64>,
    pub(crate) prompt_name: Option<Option<String>>,
    pub(crate) model_used: Option<Option<String>>,
    pub(crate) response_text: Option<Option<String>>,
    pub(crate) latency_ms: Option<Option<i64>>,
    pub(crate) error_message: Option<Option<String>>,
}

impl Input for Changes {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            status: fields.change("status", parse::choice()),
            tokens_input: fields.change("tokens_input", parse::integer(0..=MOST_TOKENS)),
            tokens_output: fields.change("tokens_output", parse::integer(0..=MOST_TOKENS)),
            cost_usd: fields.change("cost_usd", parse::amount()),
            prompt_name: fields.nullable_change("prompt_name", parse::text()),
            model_used: fields.nullable_change("model_used", parse::text()),
            response_text: fields.nullable_change("response_text", parse::text()),
            latency_ms: fields.nullable_change("latency_ms", parse::integer(0..=i64::MAX)),
            error_message: fields.nullable_change("error_message", parse::text()),
        })
    }
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
            agent_id: fields.optional("agent_id", parse::text()),
            session_id: fields.optional("session_id", parse::text()),
            status: fields.optional("status", parse::choice()),
            prompt_type: fields.optional("prompt_type", parse::choice()),
            page: Page::read(fields, 100, Order::Asc),
        })
    }
}
