//! `/api/runtime`

mod agents;
mod logs;
mod prompts;
