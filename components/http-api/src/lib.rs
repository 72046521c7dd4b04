//! The HTTP conventions of every route group: what a body, a query, an error and a header look like.
//!
//! A route group gives its routes; [`Api`] adds what is the same everywhere (tokens, CORS, `OPTIONS`, trailing slashes,
//! 404 and 405 as JSON). Handlers take [`Body`] and [`Query`], whose types say by [`Input`] how they are read, and
//! answer [`ApiError`] where something is wrong.

mod auth;
mod cors;
mod cursor;
#[cfg(not(target_family = "wasm"))]
mod document;
mod error;
mod extract;
mod input;
mod once;
mod page;
pub mod routing;
mod service;
mod settings;
#[cfg(target_family = "wasm")]
pub mod spin;
mod version;

pub use auth::{Tokens, bearer};
pub use cors::Origins;
pub use error::{ApiError, Fault, Location, Unavailable};
pub use extract::{Body, FromBody, Id, Query};
pub use input::{FieldSchema, Fields, Input, Parse, Parser, Raw, Violation, parse};
pub use once::{Answer, Once};
pub use page::{List, Order, Page};
pub use service::Api;
pub use settings::Settings;
pub use version::{IfMatch, Versioned};

/// The service's name, as `/` and `/health` give it.
pub const SERVICE: &str = "orchestrator-web";
