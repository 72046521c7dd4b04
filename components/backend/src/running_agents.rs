//! `/api/runtime/agents`: running agents.

use axum::extract::State;
use axum::response::NoContent;
use database::deletions::Owner;
use database::{Condition, Connection, Database, Error, List, Page, Window, leases};
use domain::words::AGENT_STATUS;
use http_api::routing::{self, Table, get, patch, path, post};
use http_api::{
    ApiError, Declared, Field, Id, IdempotentBody, IfMatch, Input, Kind, ListQuery, Listed, Order,
    PageOf, StoredResponse,
};
use serde::Serialize;

use crate::resource::handlers::{self, create, list, read, update};
use crate::resource::queries::Found;
use crate::resource::{Column, Create, Declaration, Filter, Reference, Resource, queries};

/// The most tokens that are told: sums end there.
pub(crate) const MOST: i64 = i64::MAX;
/// How many words an agent is looked at for.
const MOST_WORDS: usize = 8;
/// The most seconds of a lease.
const LONGEST_LEASE: i64 = 3600;

/// When an agent ended, one that is lost with its lease; of one that has not ended, when it last changed.
macro_rules! ended_or_changed {
    () => {
        "coalesce(completed_time, iif(heartbeat_at IS NULL, NULL, \
         (SELECT ends_at FROM lost_agents WHERE row = agents.rowid)), updated_time)"
    };
}

const SINCE: &str = concat!(ended_or_changed!(), " >= ?");
const UNTIL: &str = concat!(ended_or_changed!(), " < ?");
/// Any JSON may be a context, and what is none is a text. A text of over 16 KiB takes too long to look through.
const WITH_WORD: &str = "instr(lower(id), lower(?)) OR instr(lower(session_id), lower(?)) \
    OR orchestrator_agent_id IN (SELECT id FROM orchestrator_agents WHERE instr(lower(name), lower(?))) \
    OR octet_length(error_message) <= 16384 AND instr(lower(error_message), lower(?)) \
    OR octet_length(context) <= 16384 AND EXISTS (SELECT 1 FROM json_tree(iif(\
    typeof(context) = 'text' AND json_valid(context), context, json_quote(CAST(context AS TEXT)))) \
    WHERE type IN ('text', 'integer', 'real') AND instr(lower(atom), lower(?))) \
    OR heartbeat_at IS NOT NULL AND instr('heartbeat lost', lower(?)) \
    AND EXISTS (SELECT 1 FROM lost_agents WHERE row = agents.rowid)";

/// A running agent.
pub(crate) struct RunningAgent;

impl Resource for RunningAgent {
    const DECLARATION: &'static Declaration = &Declaration {
        name: "RuntimeAgent",
        noun: "Agent",
        path: "/api/runtime/agents",
        list: List {
            table: "agents",
            key: Some("started_time"),
        },
        kept: Some("(SELECT json FROM told_agents WHERE told_agents.row = agents.rowid)"),
        columns: &[
            Column::new(
                "id",
                Kind::TEXT,
                "The id.",
                r#""01a2069d-fa31-74b2-8d23-31f3ab3c2cfc""#,
            ),
            Column::new(
                "orchestrator_agent_id",
                Kind::TEXT,
                "The definition that it was started from.",
                r#""01a2069d-dac1-7363-a0f7-8136abaeb8dd""#,
            )
            .given(Create::Required),
            Column::new(
                "session_id",
                Kind::text(1, 255),
                "The session that it works in.",
                r#""demo""#,
            )
            .given(Create::Required),
            Column::new(
                "parent_agent_id",
                Kind::TEXT,
                "The agent that has started it.",
                "null",
            )
            .nullable()
            .given(Create::Optional),
            Column::new(
                "status",
                Kind::Word(&AGENT_STATUS),
                "How far it is.",
                r#""planning""#,
            )
            .given(Create::Word("initializing"))
            .changed(),
            Column::new(
                "context",
                Kind::Json,
                "What it works on.",
                r#"{"task": "Add pages"}"#,
            )
            .nullable()
            .given(Create::Optional)
            .changed(),
            Column::new("config", Kind::Json, "How it works.", "null")
                .nullable()
                .given(Create::Optional)
                .changed(),
            Column::metadata("null"),
            Column::new(
                "started_at",
                Kind::Time,
                "When it was started.",
                r#""2026-02-05T10:00:00.123Z""#,
            ),
            Column::new("completed_at", Kind::Time, "When it ended.", "null").nullable(),
            Column::new(
                "updated_at",
                Kind::Time,
                "When it last changed.",
                r#""2026-02-05T10:00:04.567Z""#,
            ),
            Column::new(
                "cost_usd",
                Kind::Amount,
                "In US dollars: what the agent says, or what its prompts cost, whichever is more.",
                "0.0087",
            )
            .changed(),
            Column::new(
                "tokens_input",
                Kind::integer(0, MOST),
                "Of all its prompts.",
                "1200",
            ),
            Column::new(
                "tokens_output",
                Kind::integer(0, MOST),
                "Of all its prompts.",
                "340",
            ),
            Column::new("error_message", Kind::TEXT, "What went wrong.", "null")
                .nullable()
                .changed(),
            Column::new(
                "heartbeat_at",
                Kind::Time,
                "When it last said that it is alive.",
                r#""2026-02-05T10:00:04.123Z""#,
            )
            .nullable(),
            Column::new(
                "lease_seconds",
                Kind::integer(1, LONGEST_LEASE),
                "After how many seconds without a heartbeat it is lost.",
                "60",
            )
            .nullable(),
            Column::new(
                "cancel_requested",
                Kind::Boolean,
                "Whether somebody wants it to stop.",
                "false",
            )
            .changed(),
            Column::new(
                "version",
                Kind::integer(1, MOST),
                "Goes up by one with every change, whoever makes it.",
                "3",
            ),
        ],
        filters: &[
            Filter::new(
                "session_id",
                Kind::TEXT,
                "Only what is of this session.",
                "session_id = ?",
            ),
            Filter::custom(
                "status",
                Kind::WordList(&AGENT_STATUS),
                "Only those with one of these.",
            ),
            Filter::new(
                "orchestrator_agent_id",
                Kind::TEXT,
                "Only agents of this definition.",
                "orchestrator_agent_id = ?",
            ),
            Filter::new(
                "parent_agent_id",
                Kind::TEXT,
                "Only agents that this one has started.",
                "parent_agent_id = ?",
            ),
            Filter::custom(
                "q",
                Kind::text(1, 500),
                "Only agents that have each of these words in their id, session, definition's name, error or a text of their context.",
            ),
            Filter::custom(
                "since",
                Kind::Time,
                "Only agents that ended at this time or later; of one that has not, that last changed then.",
            ),
            Filter::custom(
                "until",
                Kind::Time,
                "Only agents that ended before this time; of one that has not, that last changed then.",
            ),
        ],
        limit: 1000,
        order: Order::Descending,
        is_numbered: false,
        created: &["started_at", "updated_at"],
        references: &[
            Reference {
                column: "orchestrator_agent_id",
                table: "orchestrator_agents",
                noun: "Orchestrator agent",
            },
            Reference {
                column: "parent_agent_id",
                table: "agents",
                noun: "Parent agent",
            },
        ],
    };

    const NARROWEST: &'static [&'static str] =
        &["parent_agent_id", "session_id", "orchestrator_agent_id"];

    /// Those with a status, and among the failed also those that are lost and stand there with another.
    fn alternatives(sent: &Input, conditions: Vec<Condition>) -> Vec<Vec<Condition>> {
        const LOST: &str = "heartbeat_at IS NOT NULL AND rowid IN (SELECT row FROM lost_agents)";
        const NOT_LOST: &str = "heartbeat_at IS NULL OR rowid NOT IN (SELECT row FROM lost_agents)";
        let Some(statuses) = sent.text("status") else {
            return vec![conditions];
        };
        let is_of_few = sent.get("session_id").is_some() || sent.get("parent_agent_id").is_some();
        let mut alternatives = Vec::new();
        for status in statuses.split(',') {
            let with_status = Condition::new("status = ?", status);
            let is_at_work = !domain::words::is_terminal(status);
            let mut with_status = if conditions.is_empty() {
                vec![with_status]
            } else if is_at_work && !is_of_few {
                // A definition may have had many agents, of which few are at work.
                let others = conditions.iter().cloned().map(Condition::beside);
                others.chain([with_status]).collect()
            } else {
                [conditions.clone(), vec![with_status.beside()]].concat()
            };
            if is_at_work {
                with_status.push(Condition::plain(NOT_LOST));
            }
            alternatives.push(with_status);
            if status == "failed" {
                let mut lost = conditions.clone();
                lost.push(Condition::plain(LOST));
                alternatives.push(lost);
            }
        }
        alternatives
    }

    /// Words or a time, which no index has: a write would have to keep it.
    fn looked_for(sent: &Input) -> Vec<Condition> {
        let words = sent.text("q").unwrap_or_default();
        // What comes after so many is one more text.
        let words = words.splitn(MOST_WORDS, char::is_whitespace);
        let words = words.map(str::trim).filter(|word| !word.is_empty());
        let times = [("since", SINCE), ("until", UNTIL)];
        let times = times
            .into_iter()
            .filter_map(|(name, sql)| Some(Condition::new(sql, sent.get(name)?.clone())));
        words
            .map(|word| Condition::new(WITH_WORD, word))
            .chain(times)
            .collect()
    }

    /// An agent that was only silent is heard again, unless what changes is what others ask of it. Whoever writes writes
    /// down what was lost.
    fn before_update(
        db: &dyn Connection,
        id: &str,
        before: &Found,
        changes: &Input,
    ) -> Result<bool, Error> {
        if before.status() != "failed" {
            return Ok(false);
        }
        if changes.names().all(|name| name == "cancel_requested") {
            leases::reap_one(db, id)?;
            return Ok(false);
        }
        leases::revive(db, id)
    }
}

pub(crate) fn table() -> Table<Database> {
    let methods = get("Lists running agents, newest first", list::<RunningAgent>)
        .merge(post("Starts an agent", create::<RunningAgent>));
    let table = path(Table::new(), "/api/runtime/agents", methods);
    let methods = get("Reads a running agent", read::<RunningAgent>)
        .merge(patch(
            "Reports what an agent does, or asks it to stop",
            update::<RunningAgent>,
        ))
        .merge(routing::delete(
            "Deletes a running agent with its prompts and logs",
            delete,
        ));
    let table = path(table, "/api/runtime/agents/{id}", methods);
    let methods = post("Says that an agent is alive", heartbeat);
    let table = path(table, "/api/runtime/agents/{id}/heartbeat", methods);
    let methods = get(
        "Lists the statuses that an agent had, oldest first",
        history,
    );
    path(table, "/api/runtime/agents/{id}/history", methods)
}

async fn delete(
    State(database): State<Database>,
    Id(id): Id,
    if_match: IfMatch,
) -> Result<NoContent, ApiError> {
    handlers::delete::<RunningAgent>(&database, Owner::Agent, &id, &if_match).await
}

/// How often a heartbeat is tried, and between two tries its agent brought back.
const HEARTBEAT_TRIES: usize = 3;

/// The body of a heartbeat, which may be left out.
struct HeartbeatRequest;

impl Declared for HeartbeatRequest {
    const OPTIONAL_BODY: bool = true;

    fn fields() -> Vec<Field> {
        vec![Field::optional(
            "lease_seconds",
            Kind::integer(1, LONGEST_LEASE),
            "After how many seconds without another one the agent is lost; 60 where nobody says.",
        )]
    }
}

/// The answer to a heartbeat.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
struct HeartbeatResponse {
    /// Whether somebody wants the agent to stop.
    cancel_requested: bool,
    /// How many messages to the agent it has not acknowledged.
    messages_waiting: i64,
}

/// Notes that the agent is alive. A heartbeat is no change of the agent: it shows in no version.
async fn heartbeat(
    State(database): State<Database>,
    Id(id): Id,
    request: IdempotentBody<HeartbeatRequest>,
) -> Result<StoredResponse<HeartbeatResponse>, ApiError> {
    const SQL: &str = "UPDATE agents SET heartbeat_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), \
         lease_seconds = coalesce(?2, lease_seconds, 60) \
         WHERE id = ?1 AND status IN ('initializing', 'planning', 'executing', 'reviewing') \
         AND NOT EXISTS (SELECT 1 FROM lost_agents WHERE row = agents.rowid) RETURNING cancel_requested, \
         (SELECT count(*) FROM orchestrator_chat WHERE agent_id = agents.id AND receiver_type = 'agent' \
         AND delivered_at IS NULL) AS messages_waiting";
    // There is no such agent, or none that is at work.
    let absent = || ApiError::NotFound(String::new());
    let note = |db: &dyn Connection, sent: &Input| {
        let rows = db.execute(
            SQL,
            &[id.as_str().into(), sent.integer("lease_seconds").into()],
        )?;
        let mut row = rows.into_iter().next().ok_or_else(absent)?;
        let body = HeartbeatResponse {
            cancel_requested: row.boolean("cancel_requested")?,
            messages_waiting: row.integer("messages_waiting")?,
        };
        // A structure of a truth value and a number always serialises.
        Ok(StoredResponse::ok(
            serde_json::to_string(&body).unwrap_or_default(),
        ))
    };
    // Others may bring it back, end it or lose it between two transactions.
    for tries_left in (0..HEARTBEAT_TRIES).rev() {
        let answer = request.run(&database, note).await;
        if !matches!(answer, Err(ApiError::NotFound(_))) {
            return answer;
        }
        if tries_left > 0 {
            database.write(|db| leases::revive(db, &id)).await?;
        }
    }
    let found = database
        .one(|db| queries::find::<RunningAgent>(db, &id))
        .await?;
    Err(RunningAgent::DECLARATION.ended(&id, &found.status()))
}

/// A status that an agent had.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub(crate) struct StatusChange {
    /// The number of the change in the change log; 0 for what was there before the log.
    seq: i64,
    /// The status.
    status: String,
    /// When it came to it.
    at: domain::Timestamp,
}

/// The query of an agent's history.
pub(crate) struct HistoryQuery;

impl Declared for HistoryQuery {
    fn fields() -> Vec<Field> {
        Vec::new()
    }
}

impl Listed for HistoryQuery {
    fn limit() -> usize {
        1000
    }

    fn order() -> Order {
        Order::Ascending
    }
}

async fn history(
    State(database): State<Database>,
    Id(id): Id,
    query: ListQuery<HistoryQuery>,
) -> Result<http_api::List<StatusChange>, ApiError> {
    let page = database
        .read(|db| {
            let page = history_page(db, &id, query.window())?;
            if page.is_empty() && !queries::exists(db, "agents", &id)? {
                return Err(RunningAgent::DECLARATION.unknown(&id));
            }
            Ok(page)
        })
        .await?;
    Ok(query.answer(page))
}

fn history_page(
    db: &dyn Connection,
    id: &str,
    window: Window<'_>,
) -> Result<PageOf<StatusChange>, Error> {
    let (sign, direction, start) = if window.descending {
        ("<", "DESC", i64::MAX)
    } else {
        (">", "ASC", -1)
    };
    let sql = format!(
        "SELECT seq, json_object('seq', seq, 'status', status, \
         'at', coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', at), at)) AS json \
         FROM agent_history WHERE agent_id = +?1 AND seq {sign} +?2 ORDER BY seq {direction} LIMIT +?3"
    );
    let after = match window.after {
        Some([seq]) => seq.clone(),
        _ => start.into(),
    };
    let wanted = i64::try_from(window.limit + 1).unwrap_or(i64::MAX);
    let mut found = db.execute(&sql, &[id.into(), after, wanted.into()])?;
    let has_more = found.len() > window.limit;
    found.truncate(window.limit);
    let rows = found.into_iter().map(|mut row| {
        let seq = row.take("seq")?;
        Ok((vec![seq], row))
    });
    let rows = rows.collect::<Result<_, Error>>()?;
    let page = Page {
        rows,
        has_more,
        end: None,
        key: None,
    };
    PageOf::new(page, |mut row, json| {
        json.push_str(&row.text("json")?);
        Ok(())
    })
}
