//! From an HTTP request to a WebSocket.
//!
//! axum's own WebSocket keeps, for as long as the client is connected, a buffer as large as the largest frame that it was
//! ever sent. A whole list has hundreds of kilobytes, and there may be thousands of clients; so this goes below axum, to
//! what it is made of, and sends a long message in parts.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures_util::SinkExt as _;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

/// The largest message from a client, in bytes.
const MAX_MESSAGE_BYTES: usize = 4096;
/// The most bytes of a message that go into one frame.
const PART: usize = 16 << 10;

/// A connection to one client.
pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// A request that may become a WebSocket.
pub(super) struct Upgrade {
    connection: OnUpgrade,
    response: Response,
}

impl Upgrade {
    /// Takes the handshake of `request`.
    ///
    /// # Errors
    /// A sentence about what is missing in the request.
    pub(super) fn new(request: &mut Request) -> Result<Self, String> {
        let response =
            create_response_with_body(request, Body::empty).map_err(|error| error.to_string())?;
        let connection = request
            .extensions_mut()
            .remove()
            .ok_or("The connection cannot be upgraded")?;
        Ok(Self {
            connection,
            response,
        })
    }

    /// Gives the answer to the request, and runs `serve` on the socket once that is sent.
    pub(super) fn run<F>(self, serve: impl FnOnce(Socket) -> F + Send + 'static) -> Response
    where
        F: Future<Output = ()> + Send,
    {
        let connection = self.connection;
        tokio::spawn(async move {
            let stream = match connection.await {
                Ok(upgraded) => TokioIo::new(upgraded),
                Err(error) => return tracing::debug!("no WebSocket: {error}"),
            };
            let config = WebSocketConfig::default()
                .read_buffer_size(MAX_MESSAGE_BYTES)
                .write_buffer_size(0)
                .max_message_size(Some(MAX_MESSAGE_BYTES))
                .max_frame_size(Some(MAX_MESSAGE_BYTES));
            serve(WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await).await;
        });
        self.response
    }
}

/// Sends a text, in parts where it is long.
pub(super) async fn send_text(socket: &mut Socket, text: Utf8Bytes) -> Result<(), Error> {
    if text.len() <= PART {
        return socket.send(Message::Text(text)).await;
    }
    let mut rest = Bytes::from(text);
    let mut kind = Data::Text;
    while !rest.is_empty() {
        let part = rest.split_to(PART.min(rest.len()));
        let frame = Frame::message(part, OpCode::Data(kind), rest.is_empty());
        socket.send(Message::Frame(frame)).await?;
        kind = Data::Continue;
    }
    Ok(())
}
