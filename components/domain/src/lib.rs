//! The words of the domain: what may stand in a column or a field, and how it is written.
//!
//! No input or output here, and nothing of HTTP or SQL.

mod id;
mod json;
mod time;
mod values;

pub use id::new_id;
pub use json::Json;
pub use time::Timestamp;
pub use values::{AgentStatus, AgentType, LogLevel, LogType, PromptStatus, PromptType};
