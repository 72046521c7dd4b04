//! What is asked of the servers.

use crate::data;

/// One request, sent over and over.
pub(crate) struct Case {
    /// What it is called in the table.
    pub(crate) name: &'static str,
    /// Its path and query.
    pub(crate) path: String,
    /// What is posted, with another text for `UNIQUE` in every request. Without a body it is a GET.
    pub(crate) body: Option<String>,
}

fn get(name: &'static str, path: impl Into<String>) -> Case {
    Case {
        name,
        path: path.into(),
        body: None,
    }
}

fn post(name: &'static str, path: &str, body: String) -> Case {
    Case {
        name,
        path: path.to_owned(),
        body: Some(body),
    }
}

/// The reads whose cost has nothing to do with how many log entries there are.
pub(crate) fn reads() -> Vec<Case> {
    let definition = data::definition_id(0);
    let agent = data::agent_id(data::BUSIEST);
    vec![
        get("GET /health", "/health"),
        get("GET /api/agents (50 definitions)", "/api/agents"),
        get("GET /api/agents/{id}", format!("/api/agents/{definition}")),
        get(
            "GET /api/runtime/agents/{id}",
            format!("/api/runtime/agents/{agent}"),
        ),
    ]
}

/// The first of the largest pages of the log.
pub(crate) const FIRST_PAGE: &str = "/api/runtime/logs?limit=1000";

/// What a board or a person asks of a database that has all there is.
pub(crate) fn questions(last_page: &str) -> Vec<Case> {
    let session = "/api/runtime/sessions/session-0";
    vec![
        get("GET /api/runtime/stats", "/api/runtime/stats"),
        get(
            "GET /api/runtime/stats?since=",
            "/api/runtime/stats?since=2026-02-10T10:30:30.500Z",
        ),
        get(
            "GET /api/runtime/stats?session_id=",
            "/api/runtime/stats?session_id=session-0",
        ),
        get(
            "GET /api/runtime/stats?interval=hour",
            "/api/runtime/stats?interval=hour",
        ),
        get("GET /api/runtime/sessions", "/api/runtime/sessions"),
        get("GET /api/runtime/sessions/{id}", session),
        get("GET /api/runtime/system-logs", "/api/runtime/system-logs"),
        get(
            "GET /api/runtime/system-logs?level=&component=",
            "/api/runtime/system-logs?level=ERROR&component=scheduler",
        ),
        get(
            "GET /api/runtime/prompts?session_id=",
            "/api/runtime/prompts?session_id=session-0",
        ),
        get(
            "GET /api/runtime/logs?session_id=",
            "/api/runtime/logs?session_id=session-0",
        ),
        get(
            "GET /api/runtime/logs?level=INFO, an hour long ago",
            "/api/runtime/logs?level=INFO&since=2026-02-02T10:00:00Z&until=2026-02-02T11:00:00Z",
        ),
        get(
            "GET /api/runtime/prompts?status=completed",
            "/api/runtime/prompts?status=completed",
        ),
        get(
            "GET /api/runtime/logs?q= (in no entry)",
            "/api/runtime/logs?q=nowhere-to-be-found",
        ),
        get("GET /api/runtime/logs?limit=1000, first page", FIRST_PAGE),
        get("GET /api/runtime/logs?limit=1000, last page", last_page),
    ]
}

/// The reads of the log; each gives 100 entries.
pub(crate) fn logs() -> Vec<Case> {
    let agent = data::agent_id(data::BUSIEST);
    vec![
        get("GET /api/runtime/logs", "/api/runtime/logs"),
        get(
            "GET /api/runtime/logs?level=ERROR",
            "/api/runtime/logs?level=ERROR",
        ),
        get(
            "GET /api/runtime/logs/agent/{id}",
            format!("/api/runtime/logs/agent/{agent}"),
        ),
    ]
}

/// The writes: one row and one commit each.
pub(crate) fn creates() -> Vec<Case> {
    let definition = data::definition_id(0);
    vec![
        post(
            "POST /api/agents",
            "/api/agents",
            r#"{"name": "planner-UNIQUE", "agent_type": "planner", "description": "Plans the work of a session.",
                "default_model": "claude-sonnet-4-5", "metadata": {"team": "platform", "priority": 3}}"#
                .to_owned(),
        ),
        post(
            "POST /api/runtime/agents",
            "/api/runtime/agents",
            format!(
                r#"{{"orchestrator_agent_id": "{definition}", "session_id": "session-UNIQUE",
                    "status": "planning", "context": {{"branch": "main"}}, "config": {{"max_turns": 40}}}}"#
            ),
        ),
    ]
}
