//! The backend: every route, in groups of which each is a component of its own.
//!
//! A group is a module that gives its routes ([`GROUPS`] is the list of them). Handlers are written once against the
//! database port: a component runs them on Spin's SQLite interface, tests and the benchmark natively on rusqlite.
//!
//! What is stored is declared ([`resource`]): a table's columns stand once, with what a client may send, how it is
//! documented and how lists are searched.

pub mod agents;
mod counts;
mod events;
pub mod health;
pub mod ingest;
mod log_histogram;
mod logs;
mod messages;
mod metrics;
mod prompts;
mod resource;
mod running_agents;
pub mod runtime;
mod sessions;
mod stats;
mod system_logs;
pub mod web;
mod workflows;

use axum::Router;
use database::Database;
use http_api::Settings;

pub use resource::{Declaration, declarations};

/// A route group, which is a component of its own.
pub struct Group {
    /// The component's name, in spin.toml and as a crate.
    pub name: &'static str,
    /// Its routes.
    pub routes: fn(&Database, &Settings) -> Router,
}

/// All groups.
pub const GROUPS: [Group; 5] = [
    Group {
        name: "agents",
        routes: agents::routes,
    },
    Group {
        name: "runtime",
        routes: runtime::routes,
    },
    Group {
        name: "ingest",
        routes: ingest::routes,
    },
    Group {
        name: "health",
        routes: health::routes,
    },
    Group {
        name: "web",
        routes: web::routes,
    },
];

/// The routes of all groups.
pub fn routes(database: &Database, settings: &Settings) -> Router {
    GROUPS.iter().fold(Router::new(), |routes, group| {
        routes.merge((group.routes)(database, settings))
    })
}
