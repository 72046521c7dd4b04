//! What a client makes of the frames.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use serde_json::Value;

use super::{Change, Client, PATIENCE, Update};

/// The agents as a delta client that keeps to `docs/feed.md` knows them. Prints as `a=planning b=executing`.
#[derive(Default)]
pub(crate) struct Board {
    pub(crate) agents: BTreeMap<String, Value>,
    pub(crate) seq: i64,
    /// How many `resync` frames there were.
    pub(crate) resyncs: usize,
    void: bool,
}

impl Board {
    fn take(&mut self, kind: &str, data: &Value) {
        match kind {
            "agent_update" => {
                let update = Update::read(data);
                assert!(update.snapshot || !self.void, "no snapshot after a resync");
                self.void = false;
                if update.snapshot {
                    self.agents.clear();
                } else {
                    assert!(update.seq > self.seq, "{} after {}", update.seq, self.seq);
                }
                for agent in update.agents {
                    self.agents
                        .insert(agent["id"].as_str().unwrap().to_owned(), agent);
                }
                for id in update.removed {
                    self.agents.remove(&id);
                }
                self.seq = update.seq;
            }
            "resync" => {
                self.void = true;
                self.resyncs += 1;
            }
            "heartbeat" => {}
            _ => panic!("{kind} {data}"),
        }
    }

    /// Reads on until `done`.
    pub(crate) async fn follow(&mut self, client: &mut Client, done: impl Fn(&Self) -> bool) {
        let reading = async {
            while self.void || !done(self) {
                let (kind, data) = client.next_frame().await;
                self.take(&kind, &data);
            }
        };
        let done = tokio::time::timeout(PATIENCE, reading).await;
        assert!(done.is_ok(), "the board stays at {}: {self}", self.seq);
    }

    /// Reads on until the board prints as `text`.
    pub(crate) async fn shows(&mut self, client: &mut Client, text: &str) {
        self.follow(client, |board| board.to_string() == text).await;
    }
}

impl Display for Board {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let agents = self.agents.iter();
        let words: Vec<String> = agents
            .map(|(id, agent)| format!("{id}={}", agent["status"].as_str().unwrap()))
            .collect();
        formatter.write_str(&words.join(" "))
    }
}

/// Each change that a client received, over all its connections.
pub(crate) struct History {
    start: i64,
    updates: Vec<Update>,
}

impl History {
    /// Of a client that knows everything up to `start`.
    pub(crate) fn after(start: i64) -> Self {
        Self {
            start,
            updates: Vec::new(),
        }
    }

    /// The last change that was received.
    pub(crate) fn seq(&self) -> i64 {
        self.updates.last().map_or(self.start, |update| update.seq)
    }

    pub(crate) fn take(&mut self, update: Update) {
        self.updates.push(update);
    }

    /// Reads on until the change `goal`.
    pub(crate) async fn follow(&mut self, client: &mut Client, goal: i64) {
        while self.seq() < goal {
            self.take(client.update().await);
        }
    }

    /// Sees that it is exactly the change log: everything, in order, nothing twice.
    pub(crate) fn check(&self, log: &[Change]) {
        let mut seq = self.start;
        for update in &self.updates {
            assert!(!update.snapshot, "a snapshot at {seq}");
            assert!(update.seq > seq, "{} after {seq}", update.seq);
            let due = &log[position(log, seq)..position(log, update.seq)];
            let (changed, deleted): (Vec<&Change>, Vec<&Change>) =
                due.iter().partition(|change| change.after.is_some());
            let changed: Vec<&Value> = changed
                .iter()
                .filter_map(|change| change.after.as_ref())
                .collect();
            let deleted: Vec<&String> = deleted.iter().map(|change| &change.id).collect();
            assert_eq!(
                update.agents.iter().collect::<Vec<_>>(),
                changed,
                "after {seq}"
            );
            assert_eq!(
                update.removed.iter().collect::<Vec<_>>(),
                deleted,
                "after {seq}"
            );
            seq = update.seq;
        }
        assert_eq!(Some(seq), log.last().map(|change| change.seq));
    }
}

/// How many changes of the log come up to `seq`.
fn position(log: &[Change], seq: i64) -> usize {
    log.partition_point(|change| change.seq <= seq)
}
