//! `/api/runtime`

mod agent_messages;
mod agents;
mod heartbeats;
mod history;
mod log_histogram;
mod logs;
mod messages;
mod new_logs;
mod new_prompts;
mod old_logs;
mod prompts;
mod sessions;
mod stats;
mod system_logs;
mod update;
mod workflows;
