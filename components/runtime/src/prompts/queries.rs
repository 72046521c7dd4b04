//! The SQL of `/api/runtime/prompts`. The triggers of the table see to the sums of the agent.

use database::{Connection, Constraint, Error, Keyset, Paged, Row, Select, Value};
use domain::{PromptStatus, Timestamp, new_id};
use http_api::ApiError;

use super::model::{Changes, NewPrompt, Prompt, Search};

/// The columns in the order in which [`prompt`] reads them.
macro_rules! columns {
    () => {
        "id, agent_id, prompt_type, prompt_name, prompt_text, response_text, status, model_used, tokens_input, \
         tokens_output, cost_usd, latency_ms, created_at, completed_at, error_message"
    };
}

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

const BY_AGE: Keyset = Keyset {
    key: "replace(created_at, ' ', 'T')",
    tie: Some("rowid"),
};

pub(crate) fn list(db: &dyn Connection, search: &Search) -> Result<Paged<Prompt>, Error> {
    Select::new(columns!(), "prompts")
        .filter("agent_id = ?", search.agent_id.as_deref())
        .filter(
            "agent_id IN (SELECT id FROM agents WHERE session_id = ?)",
            search.session_id.as_deref(),
        )
        .filter("status = ?", search.status.map(<&str>::from))
        .filter("prompt_type = ?", search.prompt_type.map(<&str>::from))
        .page(db, BY_AGE, search.page.window(), prompt)
}

pub(crate) fn find(db: &dyn Connection, id: &str) -> Result<Prompt, ApiError> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM prompts WHERE id = ?1");
    db.execute(SQL, &[id.into()])?
        .into_iter()
        .next()
        .map(prompt)
        .ok_or_else(|| ApiError::unknown("Prompt", id))
}

/// The parameters of [`insert`]: a new row.
pub(crate) fn row(new: &NewPrompt) -> [Value; 15] {
    let now = Timestamp::now().into_text();
    let completed_at = new.status.is_terminal().then(|| now.clone());
    [
        new_id().into(),
        new.agent_id.as_str().into(),
        <&str>::from(new.prompt_type).into(),
        new.prompt_name.as_deref().into(),
        new.prompt_text.as_str().into(),
        new.response_text.as_deref().into(),
        <&str>::from(new.status).into(),
        new.model_used.as_deref().into(),
        new.tokens_input.into(),
        new.tokens_output.into(),
        new.cost_usd.into(),
        new.latency_ms.into(),
        now.into(),
        completed_at.into(),
        new.error_message.as_deref().into(),
    ]
}

pub(crate) fn insert(
    db: &dyn Connection,
    new: &NewPrompt,
    row: &[Value],
) -> Result<Prompt, ApiError> {
    const SQL: &str = concat!(
        "INSERT INTO prompts (",
        columns!(),
        ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) RETURNING ",
        columns!()
    );
    match db.execute(SQL, row) {
        Ok(rows) => rows
            .into_iter()
            .next()
            .map(prompt)
            .ok_or_else(|| Error::Statement("an INSERT gave no row".to_owned()).into()),
        Err(Error::Constraint(Constraint::ForeignKey)) => {
            Err(ApiError::unknown("Agent", &new.agent_id))
        }
        Err(error) => Err(error.into()),
    }
}

/// Changes what is given.
pub(crate) fn update(
    db: &dyn Connection,
    before: &Prompt,
    changes: &Changes,
) -> Result<(), ApiError> {
    const SQL: &str = "UPDATE prompts SET \
         status = coalesce(?2, status), completed_at = iif(?3, coalesce(completed_at, ?4), completed_at), \
         tokens_input = coalesce(?5, tokens_input), tokens_output = coalesce(?6, tokens_output), \
         cost_usd = coalesce(?7, cost_usd), prompt_name = iif(?8, ?9, prompt_name), \
         model_used = iif(?10, ?11, model_used), response_text = iif(?12, ?13, response_text), \
         latency_ms = iif(?14, ?15, latency_ms), error_message = iif(?16, ?17, error_message) \
         WHERE id = ?1";
    let status = changes.status.map(<&str>::from);
    let stays = before
        .status
        .parse()
        .is_ok_and(|status: PromptStatus| status.is_terminal());
    if stays && status.is_some_and(|status| status != before.status) {
        let Prompt { id, status, .. } = before;
        return Err(ApiError::Conflict(format!(
            "Prompt {id} is {status} already"
        )));
    }
    let mut parameters: Vec<Value> = vec![
        before.id.as_str().into(),
        status.into(),
        changes.status.is_some_and(PromptStatus::is_terminal).into(),
        Timestamp::now().into_text().into(),
        changes.tokens_input.into(),
        changes.tokens_output.into(),
        changes.cost_usd.into(),
    ];
    let text = |change: &Option<Option<String>>| change.clone().map(Value::from);
    for change in [
        text(&changes.prompt_name),
        text(&changes.model_used),
        text(&changes.response_text),
        changes.latency_ms.map(Value::from),
        text(&changes.error_message),
    ] {
        parameters.push(change.is_some().into());
        parameters.push(change.unwrap_or(Value::Null));
    }
    db.execute(SQL, &parameters)?;
    Ok(())
}
