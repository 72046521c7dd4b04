//! The frames of `docs/feed.md`, as text.

use std::sync::Arc;

use database::change_log::{Entity, Told};
use database::log_tail::LogFilter;
use domain::Timestamp;
use serde::Serialize;

use crate::change::Shown;
use crate::{Agent, Change, Entry, Filter, HEARTBEAT, address_after};

/// A frame.
#[derive(Debug)]
pub struct Frame {
    /// Its text: one JSON object.
    pub text: String,
    /// The last change that a client has with it, where that is said: good for `since`.
    pub seq: Option<i64>,
}

#[derive(Serialize)]
struct Envelope<T> {
    r#type: &'static str,
    data: T,
}

fn frame(r#type: &'static str, data: impl Serialize, seq: Option<i64>) -> Frame {
    // Plain structures of text and numbers always serialise.
    let text = serde_json::to_string(&Envelope { r#type, data }).unwrap_or_default();
    Frame { text, seq }
}

/// The first frame. Its `seq` is where the log is, which the client has yet to be told.
#[must_use]
pub fn connection_ack(seq: i64, mode: &'static str, database: &str) -> Frame {
    #[derive(Serialize)]
    struct Data<'a> {
        seq: i64,
        mode: &'static str,
        heartbeat_seconds: u64,
        database: &'a str,
    }
    frame(
        "connection_ack",
        Data {
            seq,
            mode,
            heartbeat_seconds: HEARTBEAT.as_secs(),
            database,
        },
        None,
    )
}

/// A sign of life. `live` is false while the database cannot be read, and what was sent may be out of date.
/// `log_id` is the last log entry that the client has, where it is told of any.
#[must_use]
pub fn heartbeat(seq: i64, log_id: Option<i64>, live: bool) -> Frame {
    #[derive(Serialize)]
    struct Data {
        seq: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        log_id: Option<i64>,
        timestamp: Timestamp,
        live: bool,
    }
    frame(
        "heartbeat",
        Data {
            seq,
            log_id,
            timestamp: Timestamp::now(),
            live,
        },
        Some(seq),
    )
}

/// What the client has is void; a snapshot follows.
#[must_use]
pub fn resync(reason: &str) -> Frame {
    #[derive(Serialize)]
    struct Data<'a> {
        reason: &'a str,
    }
    frame("resync", Data { reason }, None)
}

/// A message of the client makes no sense.
#[must_use]
pub fn error(detail: &str) -> Frame {
    #[derive(Serialize)]
    struct Data<'a> {
        detail: &'a str,
    }
    frame("error", Data { detail }, None)
}

/// A whole list, for the default mode.
#[must_use]
pub fn whole(list: &str, seq: i64) -> Frame {
    update(Entity::Agent, list, Some(seq), "")
}

/// A whole list, for the delta mode.
#[must_use]
pub fn snapshot(list: &str, seq: i64) -> Frame {
    update(Entity::Agent, list, Some(seq), SNAPSHOT)
}

/// A whole list of what is no agent. It has no `seq`: the client has a position once it has everything, which ends with
/// the agents.
#[must_use]
pub fn snapshot_beside(entity: Entity, rows: &[String]) -> Frame {
    update(entity, &format!("[{}]", rows.join(",")), None, SNAPSHOT)
}

const SNAPSHOT: &str = r#","snapshot":true,"removed":[]"#;

/// The frames of some changes under `filter`, in their order. A frame has rows of one kind, and a row only once, so that
/// statuses which followed each other quickly all arrive.
#[must_use]
pub fn delta(changes: &[Change], filter: &Filter) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut part = Part::default();
    for change in changes {
        let Some((entity, shown)) = filter.shown(change) else {
            continue;
        };
        let is_full = part.entity != entity || part.ids.contains(&&*change.id);
        if is_full && !part.ids.is_empty() {
            frames.push(part.frame());
            part = Part::default();
        }
        part.entity = entity;
        part.ids.push(&change.id);
        part.seq = change.seq;
        match shown {
            Shown::Row(row) => part.rows.push(Arc::clone(row)),
            Shown::Removed => part.removed.push(&change.id),
        }
    }
    if !part.ids.is_empty() {
        frames.push(part.frame());
    }
    frames
}

struct Part<'a> {
    entity: Entity,
    ids: Vec<&'a str>,
    rows: Vec<Arc<Told>>,
    removed: Vec<&'a str>,
    seq: i64,
}

impl Default for Part<'_> {
    fn default() -> Self {
        Self {
            entity: Entity::Agent,
            ids: Vec::new(),
            rows: Vec::new(),
            removed: Vec::new(),
            seq: 0,
        }
    }
}

impl Part<'_> {
    fn frame(&self) -> Frame {
        let removed = serde_json::to_string(&self.removed).unwrap_or_default();
        let rest = format!(r#","removed":{removed}"#);
        update(self.entity, &array(&self.rows), Some(self.seq), &rest)
    }
}

/// Rows are JSON already, so the frame is put together rather than serialised.
fn update(entity: Entity, rows: &str, seq: Option<i64>, rest: &str) -> Frame {
    let timestamp = Timestamp::now();
    let timestamp = timestamp.as_str();
    let (kind, name) = match entity {
        Entity::Agent => ("agent_update", "agents"),
        Entity::Workflow => ("workflow_update", "workflows"),
        Entity::Message => ("message", "messages"),
        Entity::Definition => ("definition_update", "definitions"),
    };
    let position = seq.map_or_else(String::new, |seq| format!(r#","seq":{seq}"#));
    let text = format!(
        r#"{{"type":"{kind}","data":{{"{name}":{rows},"timestamp":"{timestamp}"{position}{rest}}}}}"#
    );
    Frame { text, seq }
}

/// The entries that `filter` means; `None` where there are none. `log_id` is the last entry that the client then has.
#[must_use]
pub fn log(entries: &[Entry], filter: &LogFilter, log_id: i64) -> Option<Frame> {
    let meant = entries.iter().filter(|entry| entry.is_meant(filter));
    let entries: Vec<&str> = meant.map(|entry| entry.json.as_str()).collect();
    (!entries.is_empty()).then(|| log_frame(&entries.join(","), log_id, ""))
}

/// Where the log is, of which the client has yet to be told.
#[must_use]
pub fn log_position(log_id: i64) -> Frame {
    log_frame("", log_id, "")
}

/// Says that `missed` entries after `after` are not sent, up to `log_id`, and where they are.
#[must_use]
pub fn log_missed(missed: i64, after: i64, log_id: i64, filter: &LogFilter) -> Frame {
    let address = address_after(after, filter);
    // A text always serialises.
    let address = serde_json::to_string(&address).unwrap_or_default();
    let rest = format!(r#","missed":{missed},"missed_url":{address}"#);
    log_frame("", log_id, &rest)
}

fn log_frame(entries: &str, log_id: i64, rest: &str) -> Frame {
    let timestamp = Timestamp::now();
    let timestamp = timestamp.as_str();
    let text = format!(
        r#"{{"type":"log","data":{{"entries":[{entries}],"timestamp":"{timestamp}","log_id":{log_id}{rest}}}}}"#
    );
    Frame { text, seq: None }
}

/// A JSON array of agents.
#[must_use]
pub fn array(agents: &[Arc<Agent>]) -> String {
    let json: Vec<&str> = agents.iter().map(|agent| &*agent.json).collect();
    format!("[{}]", json.join(","))
}

#[cfg(test)]
mod tests {
    use database::change_log::Before;

    use super::*;

    fn agent(id: &str, status: &str) -> Arc<Agent> {
        Arc::new(Agent {
            id: id.to_owned(),
            session_id: "s".to_owned(),
            status: status.to_owned(),
            json: format!(r#"{{"id":"{id}","status":"{status}"}}"#),
        })
    }

    fn change(seq: i64, before: Option<&str>, after: Option<&str>) -> Change {
        Change {
            seq,
            entity: Some(Entity::Agent),
            id: "a".into(),
            session_id: None,
            before: before.map_or(Before::Absent, |status| Before::Was {
                session_id: "s".to_owned(),
                status: status.to_owned(),
                or_failed: false,
            }),
            after: after.map(|status| agent("a", status)),
        }
    }

    fn data(frame: &Frame) -> (Vec<String>, Vec<String>, i64) {
        let frame: serde_json::Value = serde_json::from_str(&frame.text).expect("JSON");
        let data = &frame["data"];
        let texts = |values: &serde_json::Value, key: Option<&str>| {
            let values = values.as_array().expect("an array").iter();
            values
                .map(|value| key.map_or(value, |key| &value[key]))
                .map(|value| value.as_str().expect("text").to_owned())
                .collect()
        };
        (
            texts(&data["agents"], Some("status")),
            texts(&data["removed"], None),
            data["seq"].as_i64().expect("a number"),
        )
    }

    #[test]
    fn quick_changes_of_one_agent_all_arrive() {
        let changes = [
            change(1, None, Some("planning")),
            change(2, Some("planning"), Some("executing")),
            change(3, Some("executing"), None),
        ];
        let frames: Vec<_> = delta(&changes, &Filter::default())
            .iter()
            .map(data)
            .collect();
        assert_eq!(
            frames,
            [
                (vec!["planning".to_owned()], vec![], 1),
                (vec!["executing".to_owned()], vec![], 2),
                (vec![], vec!["a".to_owned()], 3),
            ]
        );
    }

    #[test]
    fn an_agent_that_a_filter_lets_through_no_more_is_removed_once() {
        let filter = Filter {
            status: vec!["executing"],
            ..Filter::default()
        };
        let changes = [
            change(1, Some("planning"), Some("executing")),
            change(2, Some("executing"), Some("completed")),
            change(3, Some("completed"), Some("failed")),
        ];
        let frames: Vec<_> = delta(&changes, &filter).iter().map(data).collect();
        assert_eq!(
            frames,
            [
                (vec!["executing".to_owned()], vec![], 1),
                (vec![], vec!["a".to_owned()], 2),
            ]
        );
    }
}
