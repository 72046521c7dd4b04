//! What a client that includes everything makes of the frames.

use std::collections::BTreeMap;

use serde_json::Value;

use super::database::Logged;
use super::{Client, Events, Piece, Received};

/// The frames of rows: their type, their list, and what the change log calls the rows.
pub(crate) const KINDS: [(&str, &str, &str); 4] = [
    ("agent_update", "agents", "agent"),
    ("workflow_update", "workflows", "workflow"),
    ("message", "messages", "message"),
    ("definition_update", "definitions", "definition"),
];

/// A client on either transport.
pub(crate) enum Stream {
    Socket(Box<Client>),
    Events(Box<Events>),
}

impl Stream {
    /// The next frame; `None` at the end.
    pub(crate) async fn try_next(&mut self) -> Option<(String, Value)> {
        match self {
            Self::Socket(client) => match client.receive().await {
                Received::Frame(kind, data) => Some((kind, data)),
                Received::Closed(_) => None,
            },
            Self::Events(events) => loop {
                match events.piece().await {
                    Piece::Frame(kind, data) => return Some((kind, data)),
                    Piece::Other(_) => {}
                    Piece::End(_) => return None,
                }
            },
        }
    }
}

/// A frame of changes: its type's place in [`KINDS`], its number, what changed and what went.
pub(crate) struct Update {
    kind: usize,
    seq: i64,
    rows: Vec<Value>,
    removed: Vec<String>,
}

/// Entries that were not sent: those after the first number, up to the second; how many, and where they are.
#[derive(Debug)]
pub(crate) struct Gap {
    pub(crate) after: i64,
    pub(crate) last: i64,
    pub(crate) missed: i64,
    pub(crate) url: String,
}

/// What a client knows that keeps to `docs/feed.md`.
#[derive(Default)]
pub(crate) struct Mirror {
    /// The rows by id, of each of [`KINDS`].
    pub(crate) rows: [BTreeMap<String, Value>; 4],
    pub(crate) seq: Option<i64>,
    pub(crate) log_id: Option<i64>,
    pub(crate) entries: Vec<Value>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) resyncs: usize,
    /// Whether a snapshot has to come.
    pub(crate) is_void: bool,
    pub(crate) updates: Vec<Update>,
}

impl Mirror {
    /// The query that goes on where this client is.
    pub(crate) fn query(&self) -> String {
        let mut query = String::new();
        if let Some(seq) = self.seq {
            query.push_str(&format!("&since={seq}"));
        }
        if let Some(log_id) = self.log_id {
            query.push_str(&format!("&log_since={log_id}"));
        }
        query
    }

    /// Takes a frame in.
    pub(crate) fn take(&mut self, kind: &str, data: &Value) {
        if let Some(place) = KINDS.iter().position(|(frame, ..)| *frame == kind) {
            self.take_rows(place, data);
        }
        match kind {
            "log" => self.take_log(data),
            "resync" => {
                self.resyncs += 1;
                self.is_void = true;
            }
            // A snapshot ends with the agents.
            "agent_update" => self.is_void &= data["snapshot"] != true,
            _ => {}
        }
        if let Some(seq) = data["seq"].as_i64().filter(|_| kind != "connection_ack") {
            assert!(self.seq.is_none_or(|known| known <= seq), "{kind} {data}");
            self.seq = Some(seq);
        }
        if let Some(log_id) = data["log_id"].as_i64() {
            assert!(self.log_id.is_none_or(|known| known <= log_id), "{data}");
            self.log_id = Some(log_id);
        }
    }

    fn take_rows(&mut self, kind: usize, data: &Value) {
        let rows = data[KINDS[kind].1].as_array().expect("rows").clone();
        let removed: Vec<String> = serde_json::from_value(data["removed"].clone()).expect("ids");
        let known = &mut self.rows[kind];
        if data["snapshot"] == true {
            known.clear();
            self.updates.clear();
        }
        for row in &rows {
            known.insert(row["id"].as_str().expect("an id").to_owned(), row.clone());
        }
        for id in &removed {
            known.remove(id);
        }
        if data["snapshot"] != true {
            let seq = data["seq"].as_i64().expect("a seq");
            assert!(self.seq.is_some_and(|known| known < seq), "{data}");
            self.updates.push(Update {
                kind,
                seq,
                rows,
                removed,
            });
        }
    }

    fn take_log(&mut self, data: &Value) {
        let entries = data["entries"].as_array().expect("entries");
        for entry in entries {
            let id = entry["id"].as_i64().expect("an id");
            assert!(self.log_id.is_some_and(|known| known < id), "{data}");
            self.log_id = Some(id);
            self.entries.push(entry.clone());
        }
        if let Some(missed) = data["missed"].as_i64() {
            self.gaps.push(Gap {
                after: self.log_id.expect("a position"),
                last: data["log_id"].as_i64().expect("a position"),
                missed,
                url: data["missed_url"].as_str().expect("an address").to_owned(),
            });
        }
    }

    /// Sees that the frames since `start` are exactly the change log: everything, in order, nothing twice.
    pub(crate) fn check(&self, start: i64, log: &[Logged]) {
        let place = |seq| log.partition_point(|change: &Logged| change.seq <= seq);
        let mut seq = start;
        for update in &self.updates {
            let due = &log[place(seq)..place(update.seq)];
            assert!(
                due.iter()
                    .all(|change| change.entity == KINDS[update.kind].2),
                "after {seq}"
            );
            let changed: Vec<&Value> = due
                .iter()
                .filter_map(|change| change.after.as_ref())
                .collect();
            let gone = due.iter().filter(|change| change.after.is_none());
            let gone: Vec<&String> = gone.map(|change| &change.id).collect();
            assert_eq!(
                update.rows.iter().collect::<Vec<_>>(),
                changed,
                "after {seq}"
            );
            assert_eq!(
                update.removed.iter().collect::<Vec<_>>(),
                gone,
                "after {seq}"
            );
            seq = update.seq;
        }
        assert_eq!(place(seq), log.len(), "after {seq}");
    }
}
