//! The closed sets of words, as the `CHECK`s of the schema have them.

/// A closed set of words.
#[derive(Debug, PartialEq, Eq)]
pub struct Words {
    /// What the set is called in the API's document.
    pub name: &'static str,
    /// The words, in their order.
    pub all: &'static [&'static str],
    /// Other words that are taken for one of these.
    pub synonyms: &'static [(&'static str, &'static str)],
    /// Whether the words are read in any case.
    pub any_case: bool,
}

impl Words {
    /// The word that `text` stands for.
    #[must_use]
    pub fn read(&self, text: &str) -> Option<&'static str> {
        let synonym = self.synonyms.iter().find(|(other, _)| *other == text);
        let text = synonym.map_or(text, |(_, word)| word);
        let is =
            |word: &&'static str| *word == text || self.any_case && word.eq_ignore_ascii_case(text);
        self.all.iter().copied().find(is)
    }
}

const fn words(name: &'static str, all: &'static [&'static str]) -> Words {
    Words {
        name,
        all,
        synonyms: &[],
        any_case: false,
    }
}

/// What a definition's agents do.
pub static AGENT_TYPE: Words = words(
    "AgentType",
    &[
        "planner",
        "builder",
        "reviewer",
        "tester",
        "orchestrator",
        "utility",
    ],
);

/// How far a running agent is. The last three are terminal. `pending` and `running` are words of the existing service.
pub static AGENT_STATUS: Words = Words {
    synonyms: &[("pending", "initializing"), ("running", "executing")],
    ..words(
        "AgentStatus",
        &[
            "initializing",
            "planning",
            "executing",
            "reviewing",
            "completed",
            "failed",
            "cancelled",
        ],
    )
};

/// Why a prompt was sent.
pub static PROMPT_TYPE: Words = words(
    "PromptType",
    &["adw", "command", "followup", "correction", "tool_call"],
);

/// How far a prompt is. The last three are terminal.
pub static PROMPT_STATUS: Words = words(
    "PromptStatus",
    &["pending", "streaming", "completed", "failed", "cancelled"],
);

/// How far a workflow is. The last three are terminal.
pub static WORKFLOW_STATUS: Words = words(
    "WorkflowStatus",
    &["pending", "in_progress", "completed", "failed", "cancelled"],
);

/// Who sends a message, or is to get it.
pub static PARTY: Words = words("Party", &["user", "orchestrator", "agent"]);

/// How serious a log entry is.
pub static LOG_LEVEL: Words = Words {
    any_case: true,
    ..words(
        "LogLevel",
        &["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
    )
};

/// What a log entry is about.
pub static LOG_TYPE: Words = words(
    "LogType",
    &[
        "state_change",
        "milestone",
        "error",
        "performance",
        "tool_call",
        "cost_update",
    ],
);

/// Whether an agent, a prompt or a workflow with this status has ended and stays as it is.
#[must_use]
pub fn is_terminal(status: &str) -> bool {
    matches!(status, "completed" | "failed" | "cancelled")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_clients_write_them() {
        assert_eq!(LOG_LEVEL.read("warning"), Some("WARNING"));
        assert_eq!(AGENT_STATUS.read("pending"), Some("initializing"));
        assert_eq!(AGENT_STATUS.read("running"), Some("executing"));
        assert_eq!(AGENT_STATUS.read("Failed"), None);
    }
}
