//! What a span is: an agent, a model call, a tool call, or something that only matters for what is below it.

use domain::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::conventions::{Found, Meaning, Said, is_agent, is_model_call, is_tool_call};
use crate::value::{KeyValue, Members, get};
use crate::wire::{self, Item, Resource, Scope};
use crate::{ids, messages};

/// The most characters of a name.
const LONGEST_NAME: usize = 255;
/// The most characters of an agent's task.
const LONGEST_TASK: usize = 1000;
/// The most characters of a tool's arguments that the line of a log shows.
const LONGEST_ARGUMENTS: usize = 120;

/// A span, as far as rows are made of it.
pub struct Span {
    /// What the rows that it becomes are called by.
    pub id: String,
    /// Its trace, in hexadecimal.
    pub trace_id: String,
    /// The id of the span above it.
    pub parent: Option<String>,
    /// The session that it names itself.
    pub session: Option<String>,
    /// What its agent may be called: `0` and a name of its own, `1` and the agent that it names, `2` and the name of a whole
    /// run, `3` and the service. The smallest that an agent's spans give is what it is called by, in whatever order they come.
    pub naming: String,
    /// When it began.
    pub started_at: String,
    /// When it ended.
    pub ended_at: String,
    /// What went wrong, where something did.
    pub error: Option<String>,
    /// What it is.
    pub is: Is,
    /// What is told of the agent that it stands for, where it is the topmost of its trace.
    pub stands_for: Option<Told>,
}

/// What a span is.
pub enum Is {
    /// An agent that ran.
    Agent(Agent),
    /// A call of a model.
    Prompt(Box<Prompt>),
    /// A call of a tool.
    Call(Call),
    /// What is neither.
    Other,
}

/// What is told of an agent.
pub type Agent = Told;

/// What is told of an agent.
#[derive(Clone, Serialize)]
pub struct Told {
    /// What it works on, in JSON.
    pub context: Option<String>,
    /// What else is known, in JSON.
    pub metadata: String,
}

/// A call of a model.
pub struct Prompt {
    /// The span's name.
    pub name: String,
    /// The last message of what was asked.
    pub text: String,
    /// What was answered.
    pub response: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// Tokens that were asked.
    pub tokens_input: i64,
    /// Tokens that were answered.
    pub tokens_output: i64,
    /// In US dollars.
    pub cost: f64,
    /// How long it took.
    pub milliseconds: i64,
    /// All that the span says, in JSON.
    pub metadata: String,
}

/// A call of a tool.
pub struct Call {
    /// The tool and what it was called with, in a line.
    pub message: String,
    /// All that the span says, in JSON.
    pub details: String,
}

/// What a span is.
///
/// # Errors
/// A sentence about an id that is none.
pub fn span(item: &Item<wire::Span>) -> Result<Span, String> {
    let Item {
        resource,
        scope,
        item: span,
    } = item;
    let trace_id = id(&span.trace_id, 16).ok_or("A trace id has 16 bytes that are not all zero")?;
    id(&span.span_id, 8).ok_or("A span id has 8 bytes that are not all zero")?;
    let parent = match span.parent_span_id.as_slice() {
        [] | [0, 0, 0, 0, 0, 0, 0, 0] => None,
        parent if parent.len() == 8 => Some(ids::span(&span.trace_id, parent)),
        _ => return Err("A parent span id has 8 bytes, or none".to_owned()),
    };
    let said = Said::new(&span.attributes, &span.events);
    let kind = said.text(Meaning::Kind).unwrap_or_default();
    let start = if span.start_time_unix_nano == 0 {
        span.end_time_unix_nano
    } else {
        span.start_time_unix_nano
    };
    let end = span.end_time_unix_nano.max(start);
    let milliseconds = i64::try_from((end - start) / 1_000_000).unwrap_or(i64::MAX);
    let error = error(span, &said);
    let metadata = || Metadata::of(span, resource, scope, &trace_id).json();
    let named = said.text(Meaning::Agent);
    let (is, naming) = if is_agent(kind) {
        let name = span.name.trim();
        let own = ["invoke_agent ", "create_agent "]
            .iter()
            .find_map(|start| name.strip_prefix(start));
        let told = Told {
            context: task(&said),
            metadata: metadata(),
        };
        let name = named.or(own).unwrap_or(name);
        (Is::Agent(told), format!("0{}", name_of(name)))
    } else {
        let naming = match named {
            Some(name) => format!("1{}", name_of(name)),
            // A chain or a workflow, and not the request of a server that it ran in.
            None if !kind.is_empty() && !is_model_call(kind) && !is_tool_call(kind) => {
                format!("2{}", name_of(&span.name))
            }
            None => format!("3{}", name_of(service(resource, scope))),
        };
        let is = if is_model_call(kind) {
            Is::Prompt(Box::new(prompt(span, &said, milliseconds, metadata())))
        } else if is_tool_call(kind) {
            let metadata = Metadata::of(span, resource, scope, &trace_id);
            Is::Call(call(&said, milliseconds, error.as_deref(), metadata))
        } else {
            Is::Other
        };
        (is, naming)
    };
    let stands_for = (parent.is_none() && !matches!(is, Is::Agent(_))).then(|| Told {
        context: task(&said),
        metadata: if kind.is_empty() {
            json!({"trace_id": trace_id, "span_id": hexadecimal(&span.span_id), "span": span.name})
                .to_string()
        } else {
            metadata()
        },
    });
    Ok(Span {
        id: ids::span(&span.trace_id, &span.span_id),
        parent,
        session: session(&said),
        naming,
        started_at: Timestamp::of_nanoseconds(start).into_text(),
        ended_at: Timestamp::of_nanoseconds(end).into_text(),
        error,
        is,
        stands_for,
        trace_id,
    })
}

/// The session that attributes name.
pub(crate) fn session(said: &Said<'_>) -> Option<String> {
    said.text(Meaning::Session).map(name_of)
}

fn prompt(span: &wire::Span, said: &Said<'_>, milliseconds: i64, metadata: String) -> Prompt {
    let count = |meaning| said.first(meaning, crate::value::Value::count);
    let cost = said.first(Meaning::Cost, crate::value::Value::number);
    let text = match said.messages(Meaning::Input) {
        Some(Found::Value(value)) => messages::last(&value.json()),
        Some(Found::Texts(mut texts)) => texts.pop().unwrap_or_default(),
        None => String::new(),
    };
    let response = match said.messages(Meaning::Output) {
        Some(Found::Value(value)) => Some(messages::all(&value.json())),
        Some(Found::Texts(texts)) => Some(texts.join("\n")),
        None => None,
    };
    Prompt {
        name: name_of(&span.name),
        text: stored(text),
        response: response.map(stored),
        model: said.text(Meaning::Model).map(name_of),
        tokens_input: count(Meaning::TokensInput).unwrap_or_default(),
        tokens_output: count(Meaning::TokensOutput).unwrap_or_default(),
        cost: cost.unwrap_or_default().max(0.0),
        milliseconds,
        metadata,
    }
}

fn call<'a>(
    said: &Said<'a>,
    milliseconds: i64,
    error: Option<&'a str>,
    mut metadata: Metadata<'a>,
) -> Call {
    let arguments = said.first(Meaning::Arguments, |value| Some(value.json()));
    let result = said.first(Meaning::Result, |value| Some(value.json()));
    let tool = said.text(Meaning::Tool).unwrap_or_else(|| {
        metadata
            .span
            .strip_prefix("execute_tool ")
            .unwrap_or(metadata.span)
    });
    let mut message = name_of(tool);
    if let Some(arguments) = &arguments {
        let line = match arguments {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        message.push_str(&format!(
            ": {}",
            cut(&line.replace('\n', " "), LONGEST_ARGUMENTS)
        ));
    }
    metadata.tool_name = Some(tool);
    metadata.tool_use_id = said.text(Meaning::CallId);
    metadata.tool_input = arguments;
    metadata.tool_response = result;
    metadata.duration_ms = Some(milliseconds);
    metadata.error = error;
    Call {
        message: stored(message),
        details: metadata.json(),
    }
}

/// What an agent was asked, for its context.
fn task(said: &Said<'_>) -> Option<String> {
    let task = match said.messages(Meaning::Input)? {
        Found::Value(value) => messages::task(&value.json()),
        Found::Texts(mut texts) => texts.pop().unwrap_or_default(),
    };
    let task = cut(task.trim(), LONGEST_TASK);
    (!task.is_empty()).then(|| json!({"task": task}).to_string())
}

fn error(span: &wire::Span, said: &Said<'_>) -> Option<String> {
    const ERROR: i32 = 2;
    let status = span.status.as_ref().filter(|status| status.code == ERROR)?;
    if !status.message.trim().is_empty() {
        return Some(stored(status.message.clone()));
    }
    let error = said.text(Meaning::Error).unwrap_or("failed");
    Some(stored(error.to_owned()))
}

/// What sent it, by its name.
pub(crate) fn service<'a>(resource: &'a Resource, scope: &'a Scope) -> &'a str {
    let name = get(&resource.attributes, "service.name").and_then(|value| value.text());
    match name {
        Some(name) => name,
        None if scope.name.trim().is_empty() => "unknown_service",
        None => &scope.name,
    }
}

/// A text as a name: trimmed, not too long, and not empty.
pub(crate) fn name_of(text: &str) -> String {
    let name = cut(text.trim(), LONGEST_NAME);
    if name.is_empty() {
        "unnamed".to_owned()
    } else {
        stored(name.to_owned())
    }
}

/// A text as it is stored: a NUL, at which SQLite's functions end a text, becomes U+FFFD.
pub(crate) fn stored(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}")
    } else {
        text
    }
}

/// The first characters of a text.
fn cut(text: &str, most: usize) -> &str {
    let end = text.char_indices().nth(most);
    end.map_or(text, |(end, _)| &text[..end])
}

/// An id in hexadecimal, where it is one.
pub(crate) fn id(bytes: &[u8], length: usize) -> Option<String> {
    let is_id = bytes.len() == length && bytes.iter().any(|byte| *byte != 0);
    is_id.then(|| hexadecimal(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(bytes)
}

/// All that a span says, as JSON.
#[derive(Serialize)]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_use_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_input: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_response: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    trace_id: &'a str,
    span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<String>,
    span: &'a str,
    attributes: Members<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<EventMetadata<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<LinkMetadata<'a>>,
    resource: Members<'a>,
    scope: ScopeMetadata<'a>,
}

#[derive(Serialize)]
struct EventMetadata<'a> {
    name: &'a str,
    at: Timestamp,
    attributes: Members<'a>,
}

#[derive(Serialize)]
struct LinkMetadata<'a> {
    trace_id: String,
    span_id: String,
    attributes: Members<'a>,
}

/// A library, for JSON.
#[derive(Serialize)]
pub(crate) struct ScopeMetadata<'a> {
    name: &'a str,
    version: &'a str,
}

impl<'a> From<&'a Scope> for ScopeMetadata<'a> {
    fn from(scope: &'a Scope) -> Self {
        Self {
            name: &scope.name,
            version: &scope.version,
        }
    }
}

impl<'a> Metadata<'a> {
    fn of(
        span: &'a wire::Span,
        resource: &'a Resource,
        scope: &'a Scope,
        trace_id: &'a str,
    ) -> Self {
        fn members(attributes: &[KeyValue]) -> Members<'_> {
            Members(attributes)
        }
        Self {
            tool_name: None,
            tool_use_id: None,
            tool_input: None,
            tool_response: None,
            duration_ms: None,
            error: None,
            trace_id,
            span_id: hexadecimal(&span.span_id),
            parent_span_id: id(&span.parent_span_id, 8),
            span: &span.name,
            attributes: members(&span.attributes),
            events: span
                .events
                .iter()
                .map(|event| EventMetadata {
                    name: &event.name,
                    at: Timestamp::of_nanoseconds(event.time_unix_nano),
                    attributes: members(&event.attributes),
                })
                .collect(),
            links: span
                .links
                .iter()
                .map(|link| LinkMetadata {
                    trace_id: hexadecimal(&link.trace_id),
                    span_id: hexadecimal(&link.span_id),
                    attributes: members(&link.attributes),
                })
                .collect(),
            resource: members(&resource.attributes),
            scope: scope.into(),
        }
    }

    fn json(&self) -> String {
        // Structures of text, numbers and JSON always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}
