//! What was measured, as Markdown.

use std::fmt::Write as _;

use anyhow::Result;

use crate::LOG_ROWS;
use crate::data;
use crate::pages::Walk;
use crate::table::{table, thousands};
use crate::wrk::Measurement;

/// What both servers achieved in one case.
pub(crate) struct Outcome {
    pub(crate) case: &'static str,
    pub(crate) dev_server: Measurement,
    pub(crate) ceiling: Measurement,
}

/// All outcomes, each with the number of log entries where that matters.
#[derive(Default)]
pub(crate) struct Report {
    outcomes: Vec<(Option<u32>, Outcome)>,
}

impl Report {
    /// Adds an outcome.
    pub(crate) fn add(&mut self, log_rows: Option<u32>, outcome: Outcome) {
        self.outcomes.push((log_rows, outcome));
    }

    /// The whole text.
    pub(crate) fn to_markdown(&self, seconds: u32) -> Result<String> {
        let cores = std::thread::available_parallelism()?;
        Ok(format!(
            "# Benchmark\n\n\
             A machine with {cores} cores, which the load generator shares; \
             `cargo run --release --bin bench -- --seconds {seconds}`.\n\n\
             {}\n\
             {}\n\
             The data is 50 definitions, 1,000 agents and the log; a list of the log gives 100 entries. The ceiling is \
             the same handlers as a native program over the same SQLite: no WebAssembly, no host, no request ids. \
             Both servers are up at once and take turns case by case, {seconds} s each after a warm-up, with 32 \
             connections (`wrk -t1 -c32`); p50 and p99 are the dev-server's.\n\n\
             A create commits to disk before it answers. Creates do not compare alike: the native program's writers \
             try again and again for the lock, which lets some wait for seconds, where the dev-server's queue for \
             it.\n\n\
             ## {} log entries against {}\n\n\
             Requests per second with the larger log, divided by those with the smaller one.\n\n\
             {}",
            self.outcomes(),
            self.errors()?,
            thousands(LOG_ROWS[2]),
            thousands(LOG_ROWS[0]),
            self.growth(),
        ))
    }

    fn outcomes(&self) -> String {
        let rows = self.outcomes.iter().map(|(rows, outcome)| {
            let Outcome {
                case,
                dev_server,
                ceiling,
            } = outcome;
            [
                format!("`{case}`"),
                rows.map(thousands).unwrap_or_default(),
                format!("{:.0}", dev_server.requests_per_second),
                format!("{:.2} ms", dev_server.p50_ms),
                format!("{:.2} ms", dev_server.p99_ms),
                format!("{:.0}", ceiling.requests_per_second),
                ratio(dev_server, ceiling),
            ]
        });
        let head = [
            "case",
            "log rows",
            "req/s",
            "p50",
            "p99",
            "ceiling req/s",
            "ratio",
        ];
        table(head, rows.collect())
    }

    /// How each log case's rate changes from the smallest log to the largest.
    fn growth(&self) -> String {
        let with = |wanted: u32| {
            self.outcomes
                .iter()
                .filter(move |(rows, _)| *rows == Some(wanted))
                .map(|(_, outcome)| outcome)
        };
        let rows = with(LOG_ROWS[0]).zip(with(LOG_ROWS[2])).map(|(few, many)| {
            [
                format!("`{}`", few.case),
                ratio(&many.dev_server, &few.dev_server),
                ratio(&many.ceiling, &few.ceiling),
            ]
        });
        table(["case", "dev-server", "ceiling"], rows.collect())
    }

    /// A sentence for each measurement in which something went wrong.
    fn errors(&self) -> Result<String> {
        let mut text = String::new();
        for (rows, outcome) in &self.outcomes {
            let rows = rows.map(|rows| format!(" of {}", thousands(rows)));
            for (server, measurement) in [
                ("dev-server", &outcome.dev_server),
                ("ceiling", &outcome.ceiling),
            ] {
                if measurement.not_2xx + measurement.failed_or_slow > 0 {
                    writeln!(
                        text,
                        "* `{}`{}, {server}: of {} answers {} are not 2xx; {} requests failed or took over 2 s.",
                        outcome.case,
                        rows.as_deref().unwrap_or_default(),
                        measurement.requests,
                        measurement.not_2xx,
                        measurement.failed_or_slow
                    )?;
                }
            }
        }
        if text.is_empty() {
            text.push_str("Every answer was 2xx.\n");
        }
        Ok(text)
    }
}

/// The latencies of the questions, as text.
pub(crate) fn questions(measured: Vec<(&str, Measurement)>, walk: &Walk) -> String {
    let rows = measured.into_iter().map(|(case, measurement)| {
        [
            format!("`{case}`"),
            format!("{:.2} ms", measurement.p50_ms),
            format!("{:.2} ms", measurement.p99_ms),
            measurement.not_2xx.to_string(),
        ]
    });
    format!(
        "## Questions\n\n\
         One request at a time, of a database with {} log entries, {} prompts and {} system log entries.\n\n{}\n\
         Following `Link` through the whole log: {} rows in {} pages, none twice, in {:.1} s.\n",
        thousands(LOG_ROWS[2]),
        thousands(data::PROMPTS),
        thousands(data::SYSTEM_LOGS),
        table(["case", "p50", "p99", "not 2xx"], rows.collect()),
        walk.rows,
        walk.pages,
        walk.time.as_secs_f64(),
    )
}

fn ratio(one: &Measurement, other: &Measurement) -> String {
    format!("{:.2}", one.requests_per_second / other.requests_per_second)
}
