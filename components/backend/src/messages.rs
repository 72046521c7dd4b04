//! `/api/runtime/messages`: what people, the orchestrator and agents say to one another; and what is addressed to one
//! agent.
//!
//! Messages are numbered as they arrive (`sql/`). One with `options` is a question, and waits until some message replies to
//! it. What is addressed to an agent is kept for it until it acknowledges that: it is told at least once, in order.

use std::time::{Duration, Instant};

use axum::extract::State;
use database::{Access, Condition, Connection, Database, List, Select};
use domain::words::PARTY;
use http_api::routing::{Table, get, path, post};
use http_api::{
    ApiError, Declared, Field, FieldError, Id, IdempotentBody, Input, Kind, ListQuery, Listed,
    Location, Order, PageOf, StoredResponse,
};
use serde::Serialize;

use crate::logs::{OF_AGENT, OF_SESSION};
use crate::resource::handlers::{list, read};
use crate::resource::{Column, Create, Declaration, Filter, New, Resource, Row, queries};

/// The longest time that a request waits for a message, in seconds.
const LONGEST_WAIT: i64 = 30;
/// How often there is a look for a message. In between nothing is held: no connection, no turn of the instance. The
/// dev-server waits by itself, and asks only when there is something.
const INTERVAL: Duration = Duration::from_millis(100);

/// A message.
pub(crate) struct Message;

impl Resource for Message {
    const DECLARATION: &'static Declaration = &Declaration {
        name: "Message",
        noun: "Message",
        path: "/api/runtime/messages",
        list: List {
            table: "orchestrator_chat",
            key: Some("number"),
        },
        kept: Some(
            "(SELECT json FROM message_json WHERE message_json.row = orchestrator_chat.rowid)",
        ),
        columns: &[
            Column::new(
                "id",
                Kind::TEXT,
                "The id.",
                r#""01a2069e-3b52-7a41-93c8-0c3f5e6d7a80""#,
            ),
            Column::new(
                "number",
                Kind::integer(0, i64::MAX),
                "Goes up with every message, as they arrive; none has one that another had.",
                "17",
            ),
            Column::new(
                "orchestrator_agent_id",
                Kind::TEXT,
                "The definition that it belongs to: that of the agent, where nobody says.",
                r#""01a2069d-dac1-7363-a0f7-8136abaeb8dd""#,
            )
            .given(Create::Optional),
            Column::new(
                "agent_id",
                Kind::TEXT,
                "The agent that it is to or from: that of the message that it answers, where nobody says.",
                r#""01a2069d-fa31-74b2-8d23-31f3ab3c2cfc""#,
            )
            .nullable()
            .given(Create::Optional),
            Column::new(
                "sender_type",
                Kind::Word(&PARTY),
                "Who says it.",
                r#""agent""#,
            )
            .given(Create::Required),
            Column::new(
                "receiver_type",
                Kind::Word(&PARTY),
                "Whom it is to. An answer is to who has asked, where nobody says; else this is needed.",
                r#""user""#,
            )
            .given(Create::Optional),
            Column::new(
                "message",
                Kind::TEXT,
                "What is said.",
                r#""Which database?""#,
            )
            .given(Create::Required),
            Column::new("summary", Kind::TEXT, "The same in short.", "null")
                .nullable()
                .given(Create::Optional),
            Column::new(
                "reply_to",
                Kind::TEXT,
                "The message that it answers.",
                "null",
            )
            .nullable()
            .given(Create::Optional),
            Column::new(
                "options",
                Kind::Texts,
                "Makes it a question: what may be answered, `[]` for anything.",
                r#"["SQLite", "PostgreSQL"]"#,
            )
            .nullable()
            .given(Create::Optional),
            Column::new(
                "metadata",
                Kind::Object,
                "What else is known of it.",
                "{}",
            )
            .nullable()
            .given(Create::Word("{}")),
            Column::new(
                "delivered_at",
                Kind::Time,
                "When the agent that it is to has acknowledged it.",
                "null",
            )
            .nullable(),
            Column::new(
                "created_at",
                Kind::Time,
                "When it was said.",
                r#""2026-02-05T10:02:41.377Z""#,
            ),
            Column::new(
                "updated_at",
                Kind::Time,
                "When it last changed.",
                r#""2026-02-05T10:02:41.377Z""#,
            ),
        ],
        filters: &[
            OF_AGENT,
            OF_SESSION,
            Filter::new(
                "waiting",
                Kind::Word(&PARTY),
                "Only questions to this party that nobody has answered.",
                "receiver_type = ? AND options IS NOT NULL AND NOT EXISTS \
                 (SELECT 1 FROM orchestrator_chat AS reply WHERE reply.reply_to = orchestrator_chat.id)",
            ),
            Filter::new(
                "since",
                Kind::Time,
                "Only what is of this time or later.",
                "created_time >= ?",
            ),
        ],
        limit: 1000,
        order: Order::Descending,
        is_numbered: false,
        created: &["created_at", "updated_at"],
        references: &[],
    };

    const NARROWEST: &'static [&'static str] = &["agent_id", "session_id", "waiting", "since"];

    /// Those of a session are found by its agents, and those since a time by their times; both are sorted then.
    fn access(sent: &Input) -> Access {
        let is_sent = |name| sent.get(name).is_some();
        if is_sent("agent_id") {
            Access::Ordered("idx_chat_agent")
        } else if is_sent("session_id") {
            Access::Sorted("idx_chat_agent")
        } else if is_sent("waiting") {
            Access::Ordered("idx_chat_questions")
        } else if is_sent("since") {
            Access::Sorted("idx_chat_created")
        } else {
            Access::Free
        }
    }
}

pub(crate) fn table() -> Table<Database> {
    let methods =
        get("Lists messages, newest first", list::<Message>).merge(post("Says something", create));
    let table = path(Table::new(), "/api/runtime/messages", methods);
    let methods = get("Reads a message", read::<Message>);
    let table = path(table, "/api/runtime/messages/{id}", methods);
    let methods = get(
        "Lists the messages to an agent, oldest first, and waits until there is one",
        to_agent,
    );
    let table = path(table, "/api/runtime/agents/{id}/messages", methods);
    let methods = post("Says that an agent has its messages", acknowledge);
    path(table, "/api/runtime/agents/{id}/messages/ack", methods)
}

async fn create(
    State(database): State<Database>,
    new: IdempotentBody<New<Message>>,
) -> Result<StoredResponse<Row<Message>>, ApiError> {
    let sent = queries::new_row::<Message>(&new.body);
    let id = sent.text("id").unwrap_or_default().to_owned();
    new.run_together(&database, |db, _| {
        let row = addressed(db, &sent)?;
        queries::insert::<Message>(db, &row)?;
        // Its number is known now.
        let told = queries::find::<Message>(db, &id)?.json;
        let location = format!("{}/{id}", Message::DECLARATION.path);
        Ok(StoredResponse::created(told).at(location))
    })
    .await
}

/// The message with what follows from the one that it answers and from its agent.
///
/// # Errors
/// Where one of these is unknown, the question is answered already, or nobody says whom it is to.
fn addressed(db: &dyn Connection, sent: &Input) -> Result<Input, ApiError> {
    const ANSWERED: &str = "SELECT agent_id, sender_type, orchestrator_agent_id, \
        options IS NOT NULL AND EXISTS (SELECT 1 FROM orchestrator_chat WHERE reply_to = ?1) AS is_answered \
        FROM orchestrator_chat WHERE id = ?1";
    const DEFINITION: &str = "SELECT orchestrator_agent_id FROM agents WHERE id = ?1";
    let mut row = sent.clone();
    let mut definition = None;
    if let Some(id) = sent.text("reply_to") {
        let found = db.execute(ANSWERED, &[id.into()])?;
        let unknown = || Message::DECLARATION.unknown(id);
        let mut answered = found.into_iter().next().ok_or_else(unknown)?;
        if answered.boolean("is_answered")? {
            let detail = format!("Message {id} is answered already");
            return Err(ApiError::Conflict(detail));
        }
        if let Some(agent) = answered.optional_text("agent_id")?
            && row.text("agent_id").is_none()
        {
            row.set("agent_id", agent);
        }
        let sender = answered.text("sender_type")?;
        if let (None, Some(sender)) = (row.text("receiver_type"), PARTY.read(&sender)) {
            row.set("receiver_type", sender);
        }
        definition = answered.optional_text("orchestrator_agent_id")?;
    }
    let agent = row.text("agent_id").map(str::to_owned);
    if let Some(agent) = &agent {
        let found = db.execute(DEFINITION, &[agent.as_str().into()])?;
        let unknown = || ApiError::unknown("Agent", agent);
        let mut found = found.into_iter().next().ok_or_else(unknown)?;
        definition = found.optional_text("orchestrator_agent_id")?;
    }
    let mut missing = Vec::new();
    if row.text("receiver_type").is_none() {
        missing.push("receiver_type");
    }
    if agent.is_none() && row.text("receiver_type") == Some("agent") {
        missing.push("agent_id");
    }
    if let Some(definition) = row
        .text("orchestrator_agent_id")
        .map(str::to_owned)
        .or(definition)
    {
        if !queries::exists(db, "orchestrator_agents", &definition)? {
            return Err(ApiError::unknown("Orchestrator agent", &definition));
        }
        row.set("orchestrator_agent_id", definition);
    } else if !missing.contains(&"agent_id") {
        missing.push("orchestrator_agent_id");
    }
    if missing.is_empty() {
        return Ok(row);
    }
    let errors = missing.into_iter().map(|name| FieldError {
        kind: "missing",
        loc: vec![Location::Field("body"), Location::Field(name)],
        msg: "Field required".to_owned(),
        input: domain::Json::stored("null".to_owned()),
    });
    Err(ApiError::Invalid(errors.collect()))
}

/// The query of the messages to an agent.
struct ToAgent;

impl Declared for ToAgent {
    fn fields() -> Vec<Field> {
        vec![
            Field::optional(
                "after",
                Kind::integer(0, i64::MAX),
                "Only those with a greater number; else those that the agent has not acknowledged.",
            ),
            Field::optional(
                "wait",
                Kind::integer(0, LONGEST_WAIT),
                "For how many seconds to wait where there is none.",
            ),
        ]
    }
}

impl Listed for ToAgent {
    fn limit() -> usize {
        1000
    }

    fn order() -> Order {
        Order::Ascending
    }
}

async fn to_agent(
    State(database): State<Database>,
    Id(id): Id,
    query: ListQuery<ToAgent>,
) -> Result<http_api::List<Row<Message>>, ApiError> {
    let wait = query.filters.integer("wait").unwrap_or_default();
    let wait = Duration::from_secs(wait.try_into().unwrap_or_default());
    let start = Instant::now();
    loop {
        let page = database
            .read(|db| {
                let page = page_to_agent(db, &id, &query)?;
                if page.is_empty() && !queries::exists(db, "agents", &id)? {
                    return Err(ApiError::unknown("Agent", &id));
                }
                Ok(page)
            })
            .await?;
        let left = wait.saturating_sub(start.elapsed());
        if !page.is_empty() || left.is_zero() {
            return Ok(query.answer(page));
        }
        database.sleep(INTERVAL.min(left)).await;
    }
}

fn page_to_agent(
    db: &dyn Connection,
    id: &str,
    query: &ListQuery<ToAgent>,
) -> Result<PageOf<Row<Message>>, database::Error> {
    let declaration = Message::DECLARATION;
    let mut conditions = vec![
        Condition::new("agent_id = ?", id),
        Condition::plain("receiver_type = 'agent'"),
    ];
    let index = if let Some(after) = query.filters.integer("after") {
        conditions.push(Condition::new("number > ?", after));
        "idx_chat_agent"
    } else {
        conditions.push(Condition::plain("delivered_at IS NULL"));
        "idx_chat_undelivered"
    };
    let select = Select {
        whole: &declaration.select(),
        shortened: &declaration.select_shortened(),
        key: declaration.told_key(),
    };
    let page = declaration.list.page(
        db,
        select,
        Access::Ordered(index),
        &[conditions],
        query.window(),
    )?;
    PageOf::new(page, |row, json| declaration.tell(row, json))
}

/// What an agent acknowledges.
struct Acknowledgement;

impl Declared for Acknowledgement {
    fn fields() -> Vec<Field> {
        vec![Field::required(
            "up_to",
            Kind::integer(0, i64::MAX),
            "The number of the last message that the agent has.",
        )]
    }
}

/// The answer to it.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
struct Acknowledged {
    /// How many messages were not acknowledged before.
    acknowledged: usize,
}

async fn acknowledge(
    State(database): State<Database>,
    Id(id): Id,
    request: IdempotentBody<Acknowledgement>,
) -> Result<StoredResponse<Acknowledged>, ApiError> {
    const SQL: &str = "UPDATE orchestrator_chat SET delivered_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') \
        WHERE agent_id = ?1 AND receiver_type = 'agent' AND delivered_at IS NULL AND number <= ?2 RETURNING 1";
    request
        .run_together(&database, |db, sent| {
            let up_to = sent.integer("up_to").unwrap_or_default();
            let acknowledged = db.execute(SQL, &[id.as_str().into(), up_to.into()])?.len();
            if acknowledged == 0 && !queries::exists(db, "agents", &id)? {
                return Err(ApiError::unknown("Agent", &id));
            }
            // A structure of a number always serialises.
            let body = serde_json::to_string(&Acknowledged { acknowledged }).unwrap_or_default();
            Ok(StoredResponse::ok(body))
        })
        .await
}
