//! Which attribute means what: the one table of the names that are read.
//!
//! OpenTelemetry's conventions for generative AI, now and before (<https://opentelemetry.io/docs/specs/semconv/gen-ai/>),
//! `OpenInference` (<https://github.com/Arize-ai/openinference/tree/main/spec>), `OpenLLMetry`
//! (<https://github.com/traceloop/openllmetry>) and Pydantic AI. `docs/ingest.md` has the same table.

use crate::value::{self, KeyValue, Value};
use crate::wire::Event;

/// What an attribute tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// What the span is of.
    Kind,
    /// The agent that it is, or that it is of.
    Agent,
    /// The session.
    Session,
    /// The model that answered.
    Model,
    /// How many tokens were asked.
    TokensInput,
    /// How many tokens were answered.
    TokensOutput,
    /// In US dollars.
    Cost,
    /// What was asked: messages, or a text.
    Input,
    /// What was answered.
    Output,
    /// The tool.
    Tool,
    /// What a tool was called with.
    Arguments,
    /// What a tool gave.
    Result,
    /// The call that the model asked for.
    CallId,
    /// What went wrong.
    Error,
}

/// The names for each meaning: the first that a span has counts. `N` is a number, and what such names tell of comes in
/// their order.
pub const ATTRIBUTES: &[(Meaning, &[&str])] = &[
    (
        Meaning::Kind,
        &[
            "gen_ai.operation.name",
            "openinference.span.kind",
            "traceloop.span.kind",
            "llm.request.type",
        ],
    ),
    (
        Meaning::Agent,
        &[
            "gen_ai.agent.name",
            "agent.name",
            "agent_name",
            "gen_ai.agent.id",
        ],
    ),
    (
        Meaning::Session,
        &[
            "gen_ai.conversation.id",
            "session.id",
            "traceloop.association.properties.session_id",
        ],
    ),
    (
        Meaning::Model,
        &[
            "gen_ai.response.model",
            "gen_ai.request.model",
            "llm.model_name",
            "embedding.model_name",
        ],
    ),
    (
        Meaning::TokensInput,
        &[
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.prompt_tokens",
            "llm.token_count.prompt",
            "llm.usage.prompt_tokens",
        ],
    ),
    (
        Meaning::TokensOutput,
        &[
            "gen_ai.usage.output_tokens",
            "gen_ai.usage.completion_tokens",
            "llm.token_count.completion",
            "llm.usage.completion_tokens",
        ],
    ),
    (
        Meaning::Cost,
        &["gen_ai.usage.cost", "operation.cost", "llm.cost.total"],
    ),
    (
        Meaning::Input,
        &[
            "gen_ai.input.messages",
            "gen_ai.prompt",
            "gen_ai.prompt.N.content",
            "llm.input_messages.N.message.content",
            "llm.prompts.N.prompt.text",
            "pydantic_ai.all_messages",
            "all_messages_events",
            "input.value",
            "traceloop.entity.input",
        ],
    ),
    (
        Meaning::Output,
        &[
            "gen_ai.output.messages",
            "gen_ai.completion",
            "gen_ai.completion.N.content",
            "llm.output_messages.N.message.content",
            "llm.choices.N.completion.text",
            "final_result",
            "output.value",
            "traceloop.entity.output",
        ],
    ),
    (
        Meaning::Tool,
        &["gen_ai.tool.name", "tool.name", "traceloop.entity.name"],
    ),
    (
        Meaning::Arguments,
        &[
            "gen_ai.tool.call.arguments",
            "tool_arguments",
            "input.value",
            "traceloop.entity.input",
        ],
    ),
    (
        Meaning::Result,
        &[
            "gen_ai.tool.call.result",
            "tool_response",
            "output.value",
            "traceloop.entity.output",
        ],
    ),
    (
        Meaning::CallId,
        &["gen_ai.tool.call.id", "tool_call.id", "tool.id"],
    ),
    (
        Meaning::Error,
        &[
            "exception.message",
            "error.message",
            "exception.type",
            "error.type",
        ],
    ),
];

/// What a span is, by the words of its kind in any case. What is none of these matters for what is below it alone.
pub(crate) fn is_agent(kind: &str) -> bool {
    ["invoke_agent", "create_agent", "agent"]
        .iter()
        .any(|word| kind.eq_ignore_ascii_case(word))
}

pub(crate) fn is_model_call(kind: &str) -> bool {
    let words = [
        "chat",
        "text_completion",
        "generate_content",
        "completion",
        "llm",
    ];
    words.iter().any(|word| kind.eq_ignore_ascii_case(word))
}

pub(crate) fn is_tool_call(kind: &str) -> bool {
    ["execute_tool", "tool"]
        .iter()
        .any(|word| kind.eq_ignore_ascii_case(word))
}

fn names(meaning: Meaning) -> &'static [&'static str] {
    let found = ATTRIBUTES.iter().find(|(other, _)| *other == meaning);
    found.map_or(&[], |(_, names)| *names)
}

/// What a span says of itself, in its attributes or else in those of its events.
pub(crate) struct Said<'a> {
    attributes: &'a [KeyValue],
    events: &'a [Event],
}

/// What is said of a meaning.
pub(crate) enum Found<'a> {
    /// One value.
    Value(&'a Value),
    /// Texts in an order.
    Texts(Vec<String>),
}

impl<'a> Said<'a> {
    pub(crate) fn new(attributes: &'a [KeyValue], events: &'a [Event]) -> Self {
        Self { attributes, events }
    }

    /// The first value under one of the names that `read` makes something of.
    pub(crate) fn first<T>(
        &self,
        meaning: Meaning,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let plain = names(meaning).iter().filter(|name| !name.contains(".N."));
        plain
            .into_iter()
            .find_map(|name| self.value(name).and_then(&read))
    }

    /// The same for a text.
    pub(crate) fn text(&self, meaning: Meaning) -> Option<&'a str> {
        self.first(meaning, Value::text)
    }

    /// The messages under the first name that has any.
    pub(crate) fn messages(&self, meaning: Meaning) -> Option<Found<'a>> {
        names(meaning)
            .iter()
            .find_map(|name| match name.split_once("N.") {
                Some((start, end)) => {
                    let texts = self.numbered(start, end);
                    (!texts.is_empty()).then_some(Found::Texts(texts))
                }
                None => self.value(name).map(Found::Value),
            })
    }

    fn value(&self, name: &str) -> Option<&'a Value> {
        value::get(self.attributes, name).or_else(|| {
            let mut events = self.events.iter();
            events.find_map(|event| value::get(&event.attributes, name))
        })
    }

    /// The texts of `<start><number>.<end>` in the order of their numbers, each with the tool calls that stand beside it.
    fn numbered(&self, start: &str, end: &str) -> Vec<String> {
        let mut found: Vec<(u32, u8, &str, &Value)> = Vec::new();
        let beside = end.rsplit_once('.').map_or("", |(before, _)| before);
        for attribute in self.attributes {
            let Some((number, rest)) = attribute
                .key
                .strip_prefix(start)
                .and_then(|rest| rest.split_once('.'))
                .and_then(|(number, rest)| Some((number.parse().ok()?, rest)))
            else {
                continue;
            };
            let Some(value) = attribute
                .value
                .as_ref()
                .and_then(|value| value.value.as_ref())
            else {
                continue;
            };
            let rest_beside = rest
                .strip_prefix(beside)
                .unwrap_or(rest)
                .trim_start_matches('.');
            let place = if rest == end {
                0
            } else if rest_beside.starts_with("contents.") && rest.ends_with("text") {
                1
            } else if rest_beside.starts_with("tool_calls.") && rest.ends_with("name") {
                2
            } else if rest_beside.starts_with("tool_calls.") && rest.ends_with("arguments") {
                3
            } else {
                continue;
            };
            found.push((number, place, rest, value));
        }
        found.sort_by_key(|(number, place, ..)| (*number, (*place).min(2)));
        let mut texts: Vec<(u32, String)> = Vec::new();
        for (number, place, _, value) in found {
            let text = value.written();
            match texts.last_mut() {
                Some((last, written)) if *last == number => {
                    if place == 3 {
                        written.push_str(&format!("({text})"));
                    } else {
                        if !written.is_empty() {
                            written.push('\n');
                        }
                        written.push_str(&text);
                    }
                }
                _ => texts.push((number, text)),
            }
        }
        texts.into_iter().map(|(_, text)| text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::AnyValue;

    /// `docs/ingest.md` has this table, with what each row is in the words of its documentation.
    #[test]
    fn the_document_has_the_table() {
        let document = include_str!("../../../docs/ingest.md");
        let rows: Vec<&str> = document
            .lines()
            .skip_while(|line| !line.starts_with("| what it tells"))
            .skip(2)
            .take_while(|line| line.starts_with('|'))
            .collect();
        assert_eq!(rows.len(), ATTRIBUTES.len());
        for (row, (meaning, names)) in rows.into_iter().zip(ATTRIBUTES) {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let end = format!("| {} |", names.join(", "));
            assert!(row.ends_with(&end), "{meaning:?}: {end}");
        }
    }

    fn attribute(key: &str, text: &str) -> KeyValue {
        let value = Some(Value::Text(text.to_owned()));
        KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue { value }),
        }
    }

    #[test]
    fn numbered_messages_come_in_their_order() {
        let attributes = [
            attribute("llm.input_messages.10.message.content", "last"),
            attribute("llm.input_messages.2.message.content", "second"),
            attribute("llm.input_messages.0.message.role", "user"),
            attribute(
                "llm.input_messages.0.message.contents.0.message_content.text",
                "first",
            ),
            attribute(
                "llm.input_messages.3.message.tool_calls.0.tool_call.function.name",
                "add",
            ),
            attribute(
                "llm.input_messages.3.message.tool_calls.0.tool_call.function.arguments",
                "{}",
            ),
            attribute("llm.input_messages.x.message.content", "not"),
        ];
        let said = Said::new(&attributes, &[]);
        let Some(Found::Texts(texts)) = said.messages(Meaning::Input) else {
            panic!("no texts");
        };
        assert_eq!(texts, ["first", "second", "add({})", "last"]);
    }

    #[test]
    fn the_first_name_counts_and_events_are_looked_through() {
        let attributes = [
            attribute("gen_ai.request.model", "asked"),
            attribute("gen_ai.response.model", "answered"),
        ];
        let events = [Event {
            name: "gen_ai.content.prompt".to_owned(),
            attributes: vec![attribute("gen_ai.prompt", "hello")],
            ..Event::default()
        }];
        let said = Said::new(&attributes, &events);
        assert_eq!(said.text(Meaning::Model), Some("answered"));
        let Some(Found::Value(Value::Text(text))) = said.messages(Meaning::Input) else {
            panic!("no value");
        };
        assert_eq!(text, "hello");
    }
}
