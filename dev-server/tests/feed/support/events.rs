//! A client of the feed as Server-Sent Events.

use std::net::SocketAddr;

use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::{Server, Update, patiently};

/// An open stream.
pub(crate) struct Events {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Incoming,
    unread: Vec<u8>,
    /// The id of the last event that had one: what a browser sends when it connects again.
    pub(crate) last_id: String,
}

/// What a stream consists of.
#[derive(Debug)]
pub(crate) enum Piece {
    /// A frame: its type and its data.
    Frame(String, Value),
    /// A comment, or a `retry`.
    Other(String),
    /// The end: whether it is one that a complete body has.
    End(bool),
}

/// Opens a stream with this query and these headers; `None` where no response comes.
pub(crate) async fn try_events(
    address: SocketAddr,
    query: &str,
    headers: &[(&str, &str)],
) -> Option<Events> {
    let uri = format!("http://{address}/api/runtime/events?{query}");
    let mut request = Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let (head, body) = client.request(request).await.ok()?.into_parts();
    Some(Events {
        status: head.status,
        headers: head.headers,
        body,
        unread: Vec::new(),
        last_id: String::new(),
    })
}

impl Server {
    /// Opens a stream and reads `connection_ack`.
    pub(crate) async fn events(&self, query: &str) -> Events {
        self.events_after(query, None).await
    }

    /// The same for a browser that connects again.
    pub(crate) async fn events_after(&self, query: &str, last: Option<&str>) -> Events {
        let header = last.map(|last| ("last-event-id", last));
        let events = try_events(self.address, query, header.as_slice());
        let mut events = patiently("a stream", events).await.expect("a stream");
        assert_eq!(events.status, StatusCode::OK);
        events.expect("connection_ack").await;
        events
    }
}

impl Events {
    /// The next piece, whatever it is.
    pub(crate) async fn piece(&mut self) -> Piece {
        let next = async {
            loop {
                if let Some(end) = self.unread.windows(2).position(|two| two == b"\n\n") {
                    let block: Vec<u8> = self.unread.drain(..end + 2).collect();
                    return self.read(std::str::from_utf8(&block).unwrap().trim_end());
                }
                match self.body.frame().await {
                    Some(Ok(frame)) => self.unread.extend(frame.into_data().unwrap()),
                    Some(Err(_)) => return Piece::End(false),
                    None => return Piece::End(self.unread.is_empty()),
                }
            }
        };
        patiently("an event", next).await
    }

    fn read(&mut self, block: &str) -> Piece {
        let mut data = None;
        for line in block.lines() {
            if let Some(id) = line.strip_prefix("id: ") {
                id.clone_into(&mut self.last_id);
            } else if let Some(line) = line.strip_prefix("data: ") {
                assert!(data.is_none(), "{block}");
                data = Some(line);
            } else {
                assert!(
                    line.starts_with(": ") || line.starts_with("retry: "),
                    "{block}"
                );
            }
        }
        let Some(data) = data else {
            return Piece::Other(block.to_owned());
        };
        let mut frame: Value = serde_json::from_str(data).expect("JSON");
        let kind = frame["type"].as_str().expect("a type").to_owned();
        Piece::Frame(kind, frame["data"].take())
    }

    /// The next frame, which has this type: its data.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        loop {
            match self.piece().await {
                Piece::Frame(found, data) => {
                    assert_eq!(found, kind, "{data}");
                    return data;
                }
                Piece::Other(_) => {}
                Piece::End(_) => panic!("the stream has ended"),
            }
        }
    }

    /// The next frame, which is an `agent_update`. Heartbeats may come before.
    pub(crate) async fn update(&mut self) -> Update {
        self.try_update().await.expect("the stream goes on")
    }

    /// The same, or nothing where the stream ends.
    pub(crate) async fn try_update(&mut self) -> Option<Update> {
        loop {
            match self.piece().await {
                Piece::Frame(kind, data) if kind == "agent_update" => {
                    let update = Update::read(&data);
                    assert_eq!(self.last_id, update.seq.to_string());
                    return Some(update);
                }
                Piece::Frame(kind, data) => assert_eq!(kind, "heartbeat", "{data}"),
                Piece::Other(_) => {}
                Piece::End(_) => return None,
            }
        }
    }
}
