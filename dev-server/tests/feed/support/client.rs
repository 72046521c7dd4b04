//! A client of the feed.

use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use http::header::SEC_WEBSOCKET_PROTOCOL;
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::{
    CloseFrame, WebSocketConfig, frame::coding::CloseCode,
};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::patiently;

/// A connected client, which has read `connection_ack`.
pub(crate) struct Client {
    /// The data of `connection_ack`.
    pub(crate) ack: Value,
    socket: WebSocketStream<TcpStream>,
}

/// What came from the server.
#[derive(Debug)]
pub(crate) enum Received {
    /// A frame: its type and its data.
    Frame(String, Value),
    /// The connection's end: the close code, or `None` where there was no close frame.
    Closed(Option<u16>),
}

/// The data of an `agent_update`. Prints as `all: a=planning b=executing -c`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Update {
    pub(crate) seq: i64,
    pub(crate) snapshot: bool,
    pub(crate) agents: Vec<Value>,
    pub(crate) removed: Vec<String>,
}

/// Connects, and reads `connection_ack`. Fails where the server chooses none of the `subprotocols`, as a browser does.
pub(crate) async fn connect(address: SocketAddr, query: &str, subprotocols: &str) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    let connection = try_offering(socket, address, query, subprotocols);
    patiently("a connection", connection)
        .await
        .expect("a connection")
}

/// The same on a socket that is set up already, where the server may be gone.
pub(crate) async fn try_connect(
    socket: TcpSocket,
    address: SocketAddr,
    query: &str,
) -> Result<Client, Error> {
    try_offering(socket, address, query, "").await
}

async fn try_offering(
    socket: TcpSocket,
    address: SocketAddr,
    query: &str,
    subprotocols: &str,
) -> Result<Client, Error> {
    let stream = socket.connect(address).await?;
    let mut request = format!("ws://{address}/ws/agent-status?{query}").into_client_request()?;
    if !subprotocols.is_empty() {
        let value = subprotocols.parse()?;
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, value);
    }
    // A list may be large.
    let config = WebSocketConfig::default()
        .max_frame_size(None)
        .max_message_size(None);
    let (socket, _) = client_async_with_config(request, stream, Some(config)).await?;
    let mut client = Client {
        ack: Value::Null,
        socket,
    };
    match client.receive().await {
        Received::Frame(kind, data) if kind == "connection_ack" => client.ack = data,
        Received::Frame(kind, data) => panic!("the first frame is {kind} {data}"),
        Received::Closed(_) => return Err(Error::ConnectionClosed),
    }
    Ok(client)
}

impl Client {
    /// The next thing that happens.
    pub(crate) async fn receive(&mut self) -> Received {
        let next = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => {
                        let mut frame: Value = serde_json::from_str(&text).expect("JSON");
                        let kind = frame["type"].as_str().expect("a type").to_owned();
                        return Received::Frame(kind, frame["data"].take());
                    }
                    Some(Ok(Message::Close(close))) => {
                        return Received::Closed(close.map(|close| close.code.into()));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Received::Closed(None),
                }
            }
        };
        patiently("a frame", next).await
    }

    /// The next frame: its type and its data.
    pub(crate) async fn next_frame(&mut self) -> (String, Value) {
        match self.receive().await {
            Received::Frame(kind, data) => (kind, data),
            Received::Closed(code) => panic!("closed with {code:?}"),
        }
    }

    /// The next frame, which has this type: its data.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        let (found, data) = self.next_frame().await;
        assert_eq!(found, kind, "{data}");
        data
    }

    /// The data of the next frame that has this type, whatever comes before it.
    pub(crate) async fn wait_for(&mut self, kind: &str) -> Value {
        patiently(kind, async {
            loop {
                let (found, data) = self.next_frame().await;
                if found == kind {
                    return data;
                }
            }
        })
        .await
    }

    /// The next frame, which is an `agent_update`. Heartbeats may come before.
    pub(crate) async fn update(&mut self) -> Update {
        patiently("an agent_update", async {
            loop {
                let (kind, data) = self.next_frame().await;
                match kind.as_str() {
                    "agent_update" => return Update::read(&data),
                    "heartbeat" => {}
                    _ => panic!("{kind} {data}"),
                }
            }
        })
        .await
    }

    /// Reads on until an `agent_update` prints as `text`.
    pub(crate) async fn shows(&mut self, text: &str) {
        let mut seen = Vec::new();
        let search = async {
            loop {
                let (kind, data) = self.next_frame().await;
                if kind != "agent_update" {
                    continue;
                }
                let update = Update::read(&data).to_string();
                if update == text {
                    return;
                }
                seen.push(update);
            }
        };
        let found = tokio::time::timeout(super::PATIENCE, search).await;
        assert!(found.is_ok(), "no {text:?}, but {seen:#?}");
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Sends `{"type":"ping"}` and gives the answer's data, which is the next frame.
    pub(crate) async fn ping(&mut self) -> Value {
        self.send(Message::text(json!({"type": "ping"}).to_string()))
            .await;
        self.expect("heartbeat").await
    }

    /// Says goodbye and gives the code of the answer; the server may be gone.
    pub(crate) async fn close(mut self) -> Option<u16> {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        let _ = self.socket.send(Message::Close(Some(frame))).await;
        self.closed().await
    }

    /// The code that the server closes with, whatever comes before.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Received::Closed(code) = self.receive().await {
                return code;
            }
        }
    }
}

impl Update {
    pub(crate) fn read(data: &Value) -> Self {
        let agents = data["agents"].as_array().expect("agents").clone();
        let removed = match &data["removed"] {
            Value::Null => Vec::new(),
            removed => serde_json::from_value(removed.clone()).expect("ids"),
        };
        Self {
            seq: data["seq"].as_i64().expect("a seq"),
            snapshot: data["snapshot"] == true,
            agents,
            removed,
        }
    }
}

impl Display for Update {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
        let agents = self.agents.iter();
        let mut words: Vec<String> = agents
            .map(|agent| format!("{}={}", text(&agent["id"]), text(&agent["status"])))
            .chain(self.removed.iter().map(|id| format!("-{id}")))
            .collect();
        if self.snapshot {
            words.insert(0, "all:".to_owned());
        }
        formatter.write_str(&words.join(" "))
    }
}
