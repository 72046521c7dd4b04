//! The words of the domain: what may stand in a column or a field, and how it is written.
//!
//! Nothing of HTTP or SQL here, and no input or output but the line of a log ([`warn`]).

mod id;
mod json;
mod log;
mod time;
pub mod words;

pub use id::{id_of, new_id};
pub use json::{Json, is_readable, is_texts, look_through, with_whole_characters};
pub use log::warn;
pub use time::Timestamp;
pub use words::Words;
