//! What a definition is, and what a client sends to make, change or find one.

use domain::{AgentType, Json, Timestamp};
use http_api::{Fields, Input, Order, Page, parse};
use serde::Serialize;

/// The most characters in a name.
const LONGEST_NAME: usize = 255;
/// The most characters in a search.
const LONGEST_SEARCH: usize = 500;

/// A definition, as a client sees it.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub(crate) struct Definition {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schemars(with = "AgentType"))]
    pub(crate) agent_type: String,
    pub(crate) capabilities: Option<String>,
    pub(crate) default_model: Option<String>,
    pub(crate) metadata: Option<Json>,
    pub(crate) is_active: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// Goes up by one with every change, whoever makes it.
    pub(crate) version: i64,
}

/// The body of a POST.
pub(crate) struct NewDefinition {
    pub(crate) name: String,
    pub(crate) agent_type: AgentType,
    pub(crate) description: Option<String>,
    pub(crate) capabilities: Option<String>,
    pub(crate) default_model: Option<String>,
    pub(crate) metadata: Option<Json>,
    pub(crate) is_active: bool,
}

impl Input for NewDefinition {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.required("name", parse::text_of(1..=LONGEST_NAME));
        let agent_type = fields.required("agent_type", parse::choice());
        let description = fields.optional("description", parse::text());
        let capabilities = fields.optional("capabilities", parse::text());
        let default_model = fields.optional("default_model", parse::text());
        let metadata = fields.optional("metadata", parse::object());
        let is_active = fields.optional("is_active", parse::boolean());
        Some(Self {
            name: name?,
            agent_type: agent_type?,
            description,
            capabilities,
            default_model,
            metadata,
            is_active: is_active.unwrap_or(true),
        })
    }
}

/// The body of a PUT or PATCH: only what is given changes.
#[expect(
    clippy::option_option,
    reason = "the outer says whether it changes, the inner may be null"
)]
pub(crate) struct Changes {
    pub(crate) name: Option<String>,
    pub(crate) agent_type: Option<AgentType>,
    pub(crate) description: Option<Option<String>>,
    pub(crate) capabilities: Option<Option<String>>,
    pub(crate) default_model: Option<Option<String>>,
    pub(crate) metadata: Option<Option<Json>>,
    pub(crate) is_active: Option<bool>,
}

impl Input for Changes {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            name: fields.change("name", parse::text_of(1..=LONGEST_NAME)),
            agent_type: fields.change("agent_type", parse::choice()),
            description: fields.nullable_change("description", parse::text()),
            capabilities: fields.nullable_change("capabilities", parse::text()),
            default_model: fields.nullable_change("default_model", parse::text()),
            metadata: fields.nullable_change("metadata", parse::object()),
            is_active: fields.change("is_active", parse::boolean()),
        })
    }
}

/// The query of a GET.
pub(crate) struct Search {
    pub(crate) agent_type: Option<AgentType>,
    pub(crate) is_active: Option<bool>,
    /// Text in the name or the description.
    pub(crate) q: Option<String>,
    pub(crate) page: Page,
}

impl Input for Search {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            agent_type: fields.optional("agent_type", parse::choice()),
            is_active: fields.optional("is_active", parse::boolean()),
            q: fields.optional("q", parse::text_of(1..=LONGEST_SEARCH)),
            page: Page::read(fields, 1000, Order::Desc),
        })
    }
}
