//! `/api/agents`: definitions, which running agents are started from.

use axum::Router;
use axum::extract::State;
use axum::response::NoContent;
use database::change_log;
use database::deletions::Owner;
use database::{Constraint, Database, Error, List};
use domain::words::AGENT_TYPE;
use http_api::routing::{self, Table, get, patch, path, post, put};
use http_api::{ApiError, Id, IfMatch, Input, Kind, Order, Settings};

use crate::resource::handlers::{self, create, list, read, update};
use crate::resource::{Column, Create, Declaration, Filter, Resource};

/// A definition.
pub(crate) struct Definition;

impl Resource for Definition {
    const DECLARATION: &'static Declaration = &Declaration {
        name: "Definition",
        noun: "Orchestrator agent",
        path: "/api/agents",
        list: List {
            table: "orchestrator_agents",
            key: Some("created_time"),
        },
        kept: Some(change_log::DEFINITION),
        columns: &[
            Column::new(
                "id",
                Kind::TEXT,
                "The id.",
                r#""01a2069d-dac1-7363-a0f7-8136abaeb8dd""#,
            ),
            Column::new(
                "name",
                Kind::text(1, 255),
                "The name, which no other definition has.",
                r#""Planner""#,
            )
            .given(Create::Required)
            .changed(),
            Column::new(
                "description",
                Kind::TEXT,
                "What its agents are for.",
                r#""Plans the work""#,
            )
            .nullable()
            .given(Create::Optional)
            .changed(),
            Column::new(
                "agent_type",
                Kind::Word(&AGENT_TYPE),
                "What its agents do.",
                r#""planner""#,
            )
            .given(Create::Required)
            .changed(),
            Column::new(
                "capabilities",
                Kind::TEXT,
                "What its agents can do.",
                "null",
            )
            .nullable()
            .given(Create::Optional)
            .changed(),
            Column::new(
                "default_model",
                Kind::TEXT,
                "The model that its agents use.",
                r#""claude-opus-4-5""#,
            )
            .nullable()
            .given(Create::Optional)
            .changed(),
            Column::metadata(r#"{"team": "core"}"#),
            Column::new("is_active", Kind::Boolean, "Whether it is in use.", "true")
                .given(Create::Number(1))
                .changed(),
            Column::new(
                "created_at",
                Kind::Time,
                "When it was made.",
                r#""2026-02-05T09:58:12.004Z""#,
            ),
            Column::new(
                "updated_at",
                Kind::Time,
                "When it last changed.",
                r#""2026-02-05T09:58:12.004Z""#,
            ),
            Column::new(
                "version",
                Kind::integer(1, i64::MAX),
                "Goes up by one with every change, whoever makes it.",
                "1",
            ),
        ],
        filters: &[
            Filter::new(
                "agent_type",
                Kind::Word(&AGENT_TYPE),
                "Only definitions of this type.",
                "agent_type = ?",
            ),
            Filter::new(
                "is_active",
                Kind::Boolean,
                "Only active definitions, or only others.",
                "is_active = ?",
            ),
            Filter::new(
                "q",
                Kind::text(1, 500),
                "Only rows with this text.",
                "instr(lower(name), lower(?)) OR instr(lower(description), lower(?))",
            ),
        ],
        limit: 1000,
        order: Order::Descending,
        is_numbered: false,
        created: &["created_at", "updated_at"],
        references: &[],
    };

    const NARROWEST: &'static [&'static str] = &["agent_type", "is_active"];

    fn conflict(error: Error, row: &Input) -> ApiError {
        match error {
            Error::Constraint(Constraint::Unique(column))
                if column == "orchestrator_agents.name" =>
            {
                let name = row.text("name").unwrap_or_default();
                ApiError::Conflict(format!(
                    "An orchestrator agent named {name:?} exists already"
                ))
            }
            error => error.into(),
        }
    }
}

/// The routes of the group.
pub fn routes(database: &Database, _: &Settings) -> Router {
    routing::router(table(), database.clone())
}

/// The same before they have a database, with what they take and give.
pub fn table() -> Table<Database> {
    let all = get("Lists definitions, newest first", list::<Definition>)
        .merge(post("Makes a definition", create::<Definition>));
    let one = get("Reads a definition", read::<Definition>)
        .merge(put(
            "Changes what is given of a definition",
            update::<Definition>,
        ))
        .merge(patch(
            "Changes what is given of a definition",
            update::<Definition>,
        ))
        .merge(routing::delete(
            "Deletes a definition with its agents",
            delete,
        ));
    let table = path(Table::new(), "/api/agents", all);
    path(table, "/api/agents/{id}", one)
}

async fn delete(
    State(database): State<Database>,
    Id(id): Id,
    if_match: IfMatch,
) -> Result<NoContent, ApiError> {
    handlers::delete::<Definition>(&database, Owner::Definition, &id, &if_match).await
}
