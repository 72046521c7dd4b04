//! `/metrics`: what the database knows, in the text format of Prometheus.
//!
//! All of it are gauges, as rows may be deleted, and no label has a value that a client chooses. A host that knows more of
//! itself, such as the dev-server, adds that at the end.

use std::fmt::{Display, Write as _};

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use database::{Connection, Error};
use http::header;
use http_api::Cause;

use crate::counts::{AgentCounts, LogCounts, PromptsByStatus, Usage, usage};
use crate::health::{App, VERSION};
use crate::stats;

/// The media type of the format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is read of the database.
struct Known {
    agents: AgentCounts,
    prompts: PromptsByStatus,
    logs: LogCounts,
    usage: Usage,
    cost_usd: f64,
}

/// Answers also where the database does not, and says so.
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let schema = app.database.schema_version().await;
    let known = match schema {
        Ok(_) => app.database.read(known).await,
        Err(ref error) => Err(error.clone()),
    };
    let mut text = String::new();
    let version = std::iter::once((Some(("version", VERSION)), 1));
    family(&mut text, "orchestrator_info", "The version.", version);
    let plain = |number| std::iter::once((None, number));
    let is_up = i64::from(known.is_ok());
    let help = "Whether the database answers.";
    family(&mut text, "orchestrator_database_up", help, plain(is_up));
    if let Ok(found) | Err(Error::NewerSchema { found }) = schema {
        let help = "The number of the last migration that the database has seen.";
        family(&mut text, "orchestrator_schema_version", help, plain(found));
    }
    let cause = match known {
        Ok(known) => {
            known.tell(&mut text);
            None
        }
        Err(error) => Some(Cause(error.to_string())),
    };
    let mut response = ([(header::CONTENT_TYPE, TEXT)], text).into_response();
    if let Some(cause) = cause {
        response.extensions_mut().insert(cause);
    }
    response
}

fn known(db: &dyn Connection) -> Result<Known, Error> {
    // Without the models, of which a client may make up any number.
    const PROMPTS: &str = concat!(
        "SELECT status, sum(prompts) AS prompts, ",
        usage!(),
        " FROM prompt_usage WHERE agent_id = 0 AND span = 'hour' GROUP BY status"
    );
    let (agents, cost_usd) = stats::agents(db)?;
    let mut known = Known {
        agents,
        prompts: PromptsByStatus::default(),
        logs: stats::logs(db)?,
        usage: Usage::default(),
        cost_usd,
    };
    for mut row in db.execute(PROMPTS, &[])? {
        known
            .prompts
            .add(&row.text("status")?, row.integer("prompts")?);
        known.usage.add(&mut row)?;
    }
    Ok(known)
}

impl Known {
    fn tell(&self, text: &mut String) {
        let of = |label| move |(word, count)| (Some((label, word)), count);
        family(
            text,
            "orchestrator_agents",
            "Running agents by status.",
            self.agents.by_status.counts().map(of("status")),
        );
        family(
            text,
            "orchestrator_prompts",
            "Prompts by status.",
            self.prompts.counts().map(of("status")),
        );
        family(
            text,
            "orchestrator_log_entries",
            "Log entries of agents by level.",
            self.logs.by_level.counts().map(of("level")),
        );
        let tokens = [
            ("input", self.usage.tokens_input()),
            ("output", self.usage.tokens_output()),
        ];
        family(
            text,
            "orchestrator_tokens",
            "Tokens of all prompts.",
            tokens.into_iter().map(of("direction")),
        );
        family(
            text,
            "orchestrator_cost_usd",
            "What all agents cost, in US dollars.",
            std::iter::once((None, self.cost_usd)),
        );
    }
}

/// Adds a metric with its samples, each of which has a label or none.
fn family<'a>(
    text: &mut String,
    name: &str,
    help: &str,
    samples: impl Iterator<Item = (Option<(&'a str, &'a str)>, impl Display)>,
) {
    // Writing to a text does not fail.
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n");
    for (label, value) in samples {
        let _ = match label {
            Some((label, word)) => writeln!(text, "{name}{{{label}=\"{word}\"}} {value}"),
            None => writeln!(text, "{name} {value}"),
        };
    }
}
