//! The words of the domain: what may stand in a column or a field, and how it is written.
//!
//! No input or output here, and nothing of HTTP or SQL.

mod id;
mod json;
mod time;
pub mod words;

pub use id::new_id;
pub use json::{Json, is_readable, is_texts, look_through, with_whole_characters};
pub use time::Timestamp;
pub use words::Words;
