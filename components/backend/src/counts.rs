//! Counts by a closed set of words, in which the words that do not occur have 0, and sums as the schema keeps them.

use database::{Error, Row};
use domain::Words;
use domain::words::{AGENT_STATUS, LOG_LEVEL, PROMPT_STATUS};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A sum of money without the last digits, in which sums of floats are wrong.
fn round_usd(billionths: i128) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a float has enough digits for money"
    )]
    let dollars = billionths as f64 / 1e9;
    dollars
}

/// Tokens and cost, added up. The schema keeps sums of 64-bit integers in two halves.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    tokens_input: i128,
    tokens_output: i128,
    /// In billionths of a dollar.
    cost: i128,
}

/// The columns that [`Usage::add`] reads, of several rows that have them.
macro_rules! usage {
    () => {
        "sum(tokens_input_high) AS tokens_input_high, sum(tokens_input_low) AS tokens_input_low, \
         sum(tokens_output_high) AS tokens_output_high, sum(tokens_output_low) AS tokens_output_low, \
         sum(cost_high) AS cost_high, sum(cost_low) AS cost_low"
    };
}

/// The same columns of a row that is counted but not added up.
macro_rules! halves {
    () => {
        "tokens_input >> 32 AS tokens_input_high, tokens_input & 4294967295 AS tokens_input_low, \
         tokens_output >> 32 AS tokens_output_high, tokens_output & 4294967295 AS tokens_output_low, \
         cost >> 32 AS cost_high, cost & 4294967295 AS cost_low"
    };
}
pub(crate) use {halves, usage};

impl Usage {
    /// Adds what a row of sums has.
    pub(crate) fn add(&mut self, row: &mut Row) -> Result<(), Error> {
        let mut sum = |high, low| -> Result<i128, Error> {
            Ok((i128::from(row.integer(high)?) << 32) + i128::from(row.integer(low)?))
        };
        self.tokens_input += sum("tokens_input_high", "tokens_input_low")?;
        self.tokens_output += sum("tokens_output_high", "tokens_output_low")?;
        self.cost += sum("cost_high", "cost_low")?;
        Ok(())
    }

    pub(crate) fn tokens_input(self) -> i64 {
        saturated(self.tokens_input)
    }

    pub(crate) fn tokens_output(self) -> i64 {
        saturated(self.tokens_output)
    }

    /// In US dollars.
    pub(crate) fn cost_usd(self) -> f64 {
        round_usd(self.cost)
    }
}

fn saturated(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}

/// A closed set of words, as a type.
pub(crate) trait CountedWords {
    const WORDS: &'static Words;
}

#[derive(Debug)]
pub(crate) struct AgentStatuses;

#[derive(Debug)]
pub(crate) struct PromptStatuses;

#[derive(Debug)]
pub(crate) struct LogLevels;

impl CountedWords for AgentStatuses {
    const WORDS: &'static Words = &AGENT_STATUS;
}

impl CountedWords for PromptStatuses {
    const WORDS: &'static Words = &PROMPT_STATUS;
}

impl CountedWords for LogLevels {
    const WORDS: &'static Words = &LOG_LEVEL;
}

/// How many there are of each word of `T`.
#[derive(Debug)]
pub(crate) struct CountBy<T> {
    counts: Vec<i64>,
    words: std::marker::PhantomData<T>,
}

impl<T: CountedWords> Default for CountBy<T> {
    fn default() -> Self {
        Self {
            counts: vec![0; T::WORDS.all.len()],
            words: std::marker::PhantomData,
        }
    }
}

impl<T: CountedWords> CountBy<T> {
    /// Counts `more` of `word`. The schema's `CHECK`s see to it that there is no other word.
    pub(crate) fn add(&mut self, word: &str, more: i64) {
        let place = T::WORDS.all.iter().position(|known| *known == word);
        if let Some(count) = place.and_then(|place| self.counts.get_mut(place)) {
            *count = count.saturating_add(more);
        }
    }

    /// Each word with its count.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, i64)> {
        T::WORDS
            .all
            .iter()
            .copied()
            .zip(self.counts.iter().copied())
    }
}

impl<T: CountedWords> Serialize for CountBy<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.counts.len()))?;
        for (word, count) in self.counts() {
            map.serialize_entry(word, &count)?;
        }
        map.end()
    }
}

#[cfg(not(target_family = "wasm"))]
impl<T: CountedWords> schemars::JsonSchema for CountBy<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CountBy".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let counts: serde_json::Map<_, _> = T::WORDS
            .all
            .iter()
            .map(|word| ((*word).to_owned(), serde_json::json!({"type": "integer"})))
            .collect();
        schemars::json_schema!({"type": "object", "properties": counts, "required": T::WORDS.all})
    }
}

/// How many agents there are, and of each status.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub(crate) struct AgentCounts {
    total: i64,
    pub(crate) by_status: CountBy<AgentStatuses>,
}

impl AgentCounts {
    pub(crate) fn add(&mut self, status: &str, more: i64) {
        self.total = self.total.saturating_add(more);
        self.by_status.add(status, more);
    }

    /// Counts agents as failed that stand there with `status` and are lost.
    pub(crate) fn lose(&mut self, status: &str, lost: i64) {
        self.by_status.add(status, -lost);
        self.by_status.add("failed", lost);
    }
}

/// How many log entries there are, and of each level.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub(crate) struct LogCounts {
    total: i64,
    pub(crate) by_level: CountBy<LogLevels>,
}

impl LogCounts {
    pub(crate) fn add(&mut self, level: &str, more: i64) {
        self.total = self.total.saturating_add(more);
        self.by_level.add(level, more);
    }
}

/// How many prompts there are of each status.
pub(crate) type PromptsByStatus = CountBy<PromptStatuses>;
