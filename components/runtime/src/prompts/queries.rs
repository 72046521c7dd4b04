//! The SQL of `/api/runtime/prompts`.

use database::{Connection, Error, Row, Select};
use domain::Timestamp;
use http_api::Order;

use super::model::{Prompt, Search};

/// The columns in the order in which [`prompt`] reads them.
const SELECT: &str = "SELECT id, agent_id, prompt_type, prompt_name, prompt_text, response_text, status, \
     model_used, tokens_input, tokens_output, cost_usd, latency_ms, created_at, completed_at, error_message \
     FROM prompts";

fn prompt(mut row: Row) -> Prompt {
    Prompt {
        id: row.text(),
        agent_id: row.text(),
        prompt_type: row.text(),
        prompt_name: row.optional_text(),
        prompt_text: row.text(),
        response_text: row.optional_text(),
        status: row.text(),
        model_used: row.optional_text(),
        tokens_input: row.integer(),
        tokens_output: row.integer(),
        cost_usd: row.real(),
        latency_ms: row.optional_integer(),
        created_at: Timestamp::stored(row.text()),
        completed_at: row.optional_text().map(Timestamp::stored),
        error_message: row.optional_text(),
    }
}

pub(crate) fn list(db: &dyn Connection, search: &Search) -> Result<Vec<Prompt>, Error> {
    let order = match search.page.order.unwrap_or(Order::Asc) {
        Order::Asc => "ORDER BY replace(created_at, ' ', 'T'), rowid",
        Order::Desc => "ORDER BY replace(created_at, ' ', 'T') DESC, rowid DESC",
    };
    let rows = Select::new(SELECT)
        .filter("agent_id = ?", search.agent_id.as_deref())
        .filter(
            "agent_id IN (SELECT id FROM agents WHERE session_id = ?)",
            search.session_id.as_deref(),
        )
        .filter("status = ?", search.status.map(<&str>::from))
        .filter("prompt_type = ?", search.prompt_type.map(<&str>::from))
        .run(db, order, search.page.limit)?;
    Ok(rows.into_iter().map(prompt).collect())
}
