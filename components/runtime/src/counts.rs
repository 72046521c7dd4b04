//! Counts by a closed set of words, in which the words that do not occur have 0.

use domain::{AgentStatus, LogLevel, PromptStatus};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use strum::VariantNames;

/// What an agent costs, in SQL: what it says, or what its prompts cost, whichever is more.
macro_rules! agent_cost {
    () => {
        "max(iif(abs(CAST(cost_usd AS REAL)) < 1e300, CAST(cost_usd AS REAL), 0.0), prompts_cost_usd)"
    };
}
pub(crate) use agent_cost;

/// A sum of money without the last digits, in which sums of floats are wrong.
pub(crate) fn cents(sum: f64) -> f64 {
    const PARTS: f64 = 1e9;
    let rounded = (sum * PARTS).round() / PARTS;
    if rounded.is_finite() { rounded } else { sum }
}

/// How many there are of each word of `T`.
#[derive(Debug)]
pub(crate) struct ByWord<T> {
    counts: Vec<i64>,
    words: std::marker::PhantomData<T>,
}

impl<T: VariantNames> Default for ByWord<T> {
    fn default() -> Self {
        Self {
            counts: vec![0; T::VARIANTS.len()],
            words: std::marker::PhantomData,
        }
    }
}

impl<T: VariantNames> ByWord<T> {
    /// Counts `more` of `word`. The schema's `CHECK`s see to it that there is no other word.
    pub(crate) fn add(&mut self, word: &str, more: i64) {
        let place = T::VARIANTS.iter().position(|known| *known == word);
        if let Some(count) = place.and_then(|place| self.counts.get_mut(place)) {
            *count = count.saturating_add(more);
        }
    }
}

impl<T: VariantNames> Serialize for ByWord<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.counts.len()))?;
        for (word, count) in T::VARIANTS.iter().zip(&self.counts) {
            map.serialize_entry(word, count)?;
        }
        map.end()
    }
}

#[cfg(not(target_family = "wasm"))]
impl<T: VariantNames> schemars::JsonSchema for ByWord<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ByWord".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let counts: serde_json::Map<_, _> = T::VARIANTS
            .iter()
            .map(|word| ((*word).to_owned(), serde_json::json!({"type": "integer"})))
            .collect();
        schemars::json_schema!({"type": "object", "properties": counts, "required": T::VARIANTS})
    }
}

/// How many agents there are, and of each status.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub(crate) struct AgentCounts {
    total: i64,
    by_status: ByWord<AgentStatus>,
}

impl AgentCounts {
    pub(crate) fn add(&mut self, status: &str, more: i64) {
        self.total = self.total.saturating_add(more);
        self.by_status.add(status, more);
    }
}

/// How many log entries there are, and of each level.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
pub(crate) struct LogCounts {
    total: i64,
    by_level: ByWord<LogLevel>,
}

impl LogCounts {
    pub(crate) fn add(&mut self, level: &str, more: i64) {
        self.total = self.total.saturating_add(more);
        self.by_level.add(level, more);
    }
}

/// How many prompts there are of each status.
pub(crate) type PromptsByStatus = ByWord<PromptStatus>;
