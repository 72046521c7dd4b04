//! The closed sets of values, as the `CHECK`s of the schema have them.

use serde::Serialize;
use strum::{EnumString, IntoStaticStr, VariantNames};

/// What a definition's agents do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames, Serialize)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[expect(missing_docs, reason = "the names say it")]
pub enum AgentType {
    Planner,
    Builder,
    Reviewer,
    Tester,
    Orchestrator,
    Utility,
}

/// How far a running agent is. The last three are terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames, Serialize)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[expect(missing_docs, reason = "the names say it")]
pub enum AgentStatus {
    Initializing,
    Planning,
    Executing,
    Reviewing,
    Completed,
    Failed,
    Cancelled,
}

impl PromptStatus {
    /// Whether the prompt has ended and stays as it is.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl AgentStatus {
    /// The status by its name, or by a name that clients of the existing service use for it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "pending" => Some(Self::Initializing),
            "running" => Some(Self::Executing),
            name => name.parse().ok(),
        }
    }

    /// Whether the agent has ended and stays as it is.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// Why a prompt was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames, Serialize)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[expect(missing_docs, reason = "the names say it")]
pub enum PromptType {
    Adw,
    Command,
    Followup,
    Correction,
    ToolCall,
}

/// How far a prompt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames, Serialize)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[expect(missing_docs, reason = "the names say it")]
pub enum PromptStatus {
    Pending,
    Streaming,
    Completed,
    Failed,
    Cancelled,
}

/// How serious a log entry is. Names are read in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames, Serialize)]
#[strum(serialize_all = "UPPERCASE", ascii_case_insensitive)]
#[serde(rename_all = "UPPERCASE")]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[expect(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Debug,
    Info,
    Warning,
    Error,
    Critical,
}

/// What a log entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames, Serialize)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[expect(missing_docs, reason = "the names say it")]
pub enum LogType {
    StateChange,
    Milestone,
    Error,
    Performance,
    ToolCall,
    CostUpdate,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_schema() {
        assert_eq!(
            PromptType::VARIANTS,
            ["adw", "command", "followup", "correction", "tool_call"]
        );
        assert_eq!(
            LogLevel::VARIANTS,
            ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
        );
        assert_eq!("warning".parse(), Ok(LogLevel::Warning));
        assert_eq!(
            AgentStatus::from_name("pending"),
            Some(AgentStatus::Initializing)
        );
        assert_eq!(
            AgentStatus::from_name("running"),
            Some(AgentStatus::Executing)
        );
        assert_eq!(AgentStatus::from_name("Failed"), None);
    }
}
