//! Messages to and from a model, as the text that a person reads. Conventions and vendors differ in their shape.

use serde_json::{Map, Value};

/// The last message of several.
pub(crate) fn last(messages: &Value) -> String {
    match messages {
        Value::Array(list) => match list.last() {
            Some(message @ Value::Object(members)) if is_message(members) => text(message),
            Some(list @ Value::Array(_)) => last(list),
            _ => text(messages),
        },
        Value::Object(members) if !is_message(members) => {
            members.get("messages").map_or_else(|| text(messages), last)
        }
        other => text(other),
    }
}

/// All of them.
pub(crate) fn all(messages: &Value) -> String {
    text(messages)
}

/// The last message of the user, or else the last one.
pub(crate) fn task(messages: &Value) -> String {
    let list = match messages {
        Value::Object(members) if !is_message(members) => match members.get("messages") {
            Some(messages) => return task(messages),
            None => return input(members).map_or_else(|| text(messages), text),
        },
        Value::Array(list) => list,
        other => return text(other),
    };
    if let Some(inner @ Value::Array(_)) = list.last() {
        return task(inner);
    }
    let of_user = list.iter().rev().find(|message| {
        let role = message.get("role").or_else(|| message.get("type"));
        role.and_then(Value::as_str)
            .is_some_and(|role| role == "user" || role == "human")
            && !is_result(message)
    });
    of_user.map_or_else(|| last(messages), text)
}

/// Whether a message has nothing but what tools gave, which some say is the user's.
fn is_result(message: &Value) -> bool {
    let parts = message.get("parts").or_else(|| message.get("content"));
    let Some(parts) = parts
        .and_then(Value::as_array)
        .filter(|parts| !parts.is_empty())
    else {
        return false;
    };
    parts.iter().all(|part| {
        let kind = part.get("type").and_then(Value::as_str);
        matches!(kind, Some("tool_call_response" | "tool_result"))
    })
}

/// What is asked, where it has a member of its own.
fn input(members: &Map<String, Value>) -> Option<&Value> {
    ["input", "query", "question", "prompt", "task"]
        .iter()
        .find_map(|name| members.get(*name))
}

fn is_message(members: &Map<String, Value>) -> bool {
    ["role", "parts", "content"]
        .iter()
        .any(|name| members.contains_key(*name))
}

/// A message, a part of one, or several, as text.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(parts) => joined(parts.iter()),
        Value::Object(members) => of_members(members).unwrap_or_else(|| value.to_string()),
        other => other.to_string(),
    }
}

fn joined<'a>(parts: impl Iterator<Item = &'a Value>) -> String {
    let parts: Vec<String> = parts.map(text).filter(|text| !text.is_empty()).collect();
    parts.join("\n")
}

fn of_members(members: &Map<String, Value>) -> Option<String> {
    let get = |name: &str| members.get(name).filter(|value| !value.is_null());
    // A call of a tool, or of a function: {"name", "arguments"}, maybe within {"function"}.
    if let Some(name) = get("name").and_then(Value::as_str)
        && let Some(arguments) = get("arguments")
            .or_else(|| get("args"))
            .or_else(|| get("input"))
    {
        return Some(format!("{name}({})", text_or_json(arguments)));
    }
    if let Some(function) = get("function") {
        return Some(text(function));
    }
    let parts = [
        "parts",
        "content",
        "text",
        "tool_calls",
        "response",
        "result",
        "message",
        "messages",
        "output",
    ]
    .iter()
    .filter_map(|name| get(name));
    let found = joined(parts);
    (!found.is_empty() || is_message(members)).then_some(found)
}

fn text_or_json(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_of_every_shape_are_text() {
        for (messages, last_one, every) in [
            (json!("plain"), "plain", "plain"),
            (
                json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]),
                "b",
                "a\nb",
            ),
            (
                json!([{"role": "user", "parts": [{"type": "text", "content": "a"}, {"type": "text", "content": "b"}]}]),
                "a\nb",
                "a\nb",
            ),
            (
                json!([{"role": "assistant", "parts": [{"type": "tool_call", "name": "f", "arguments": {"x": 1}}]}]),
                "f({\"x\":1})",
                "f({\"x\":1})",
            ),
            (
                json!([{"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}]),
                "f({})",
                "f({})",
            ),
            (
                json!([{"role": "user", "parts": [{"type": "tool_call_response", "response": "sunny"}]}]),
                "sunny",
                "sunny",
            ),
            (
                json!({"messages": [[{"role": "user", "content": "a"}]]}),
                "a",
                "a",
            ),
            (
                json!([{"role": "assistant", "content": [{"type": "text", "text": "a"}]}]),
                "a",
                "a",
            ),
            (json!([]), "", ""),
            (json!(17), "17", "17"),
        ] {
            assert_eq!(last(&messages), last_one, "{messages}");
            assert_eq!(all(&messages), every, "{messages}");
        }
    }

    #[test]
    fn a_task_is_what_the_user_asked_last() {
        for (messages, asked) in [
            (
                json!([{"role": "system", "content": "s"}, {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]),
                "a",
            ),
            (
                json!([{"role": "user", "parts": [{"type": "text", "content": "a"}]},
                {"role": "user", "parts": [{"type": "tool_call_response", "result": "b"}]}]),
                "a",
            ),
            (json!({"messages": [["user", "a"]]}), "user\na"),
            (json!({"input": "a", "chat_history": []}), "a"),
            (
                json!([{"type": "human", "content": "a"}, {"type": "ai", "content": "b"}]),
                "a",
            ),
            (json!("a"), "a"),
        ] {
            assert_eq!(task(&messages), asked, "{messages}");
        }
    }
}
