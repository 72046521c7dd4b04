//! What the database takes of this process, counted for `/metrics`, in the registry of the process.

use std::sync::LazyLock;
use std::time::Instant;

use prometheus::{Counter, IntCounter, register_counter, register_int_counter};

/// What is counted of the statements of all components.
struct Statements {
    run: IntCounter,
    busy: Counter,
    waited: Counter,
}

static STATEMENTS: LazyLock<Statements> = LazyLock::new(|| {
    Statements::register().unwrap_or_else(|error| unreachable!("each name is taken once: {error}"))
});

impl Statements {
    fn register() -> prometheus::Result<Self> {
        Ok(Self {
            run: register_int_counter!(
                "orchestrator_database_statements_total",
                "Statements and shared commits of the components."
            )?,
            busy: register_counter!(
                "orchestrator_database_busy_seconds_total",
                "How long these have run."
            )?,
            waited: register_counter!(
                "orchestrator_database_wait_seconds_total",
                "How long writers have waited for their turn and for the write lock, added up."
            )?,
        })
    }
}

/// Runs a statement.
pub(crate) fn busy<T>(statement: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let outcome = statement();
    STATEMENTS.run.inc();
    STATEMENTS.busy.inc_by(start.elapsed().as_secs_f64());
    outcome
}

/// Counts until it is dropped how long a writer waits.
pub(crate) struct Wait(Instant);

impl Wait {
    pub(crate) fn begin() -> Self {
        Self(Instant::now())
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        STATEMENTS.waited.inc_by(self.0.elapsed().as_secs_f64());
    }
}
