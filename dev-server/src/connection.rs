//! One connection: what it speaks, how long it may be silent, and how it is parked.
//!
//! A request that waits for a message waits outside of HTTP. hyper keeps buffers of 16 kB for a connection whose request is
//! not answered, and thousands of agents may wait at once; so the connection is taken apart, and what is kept of it is the
//! socket and the request's head. When there is something to say, the same request is served anew.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::response::Response;
use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::future::pending;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio_io_timeout::TimeoutWriter;
use tracing::warn;

use crate::message_waits::Waiting;

/// How long a client may take nothing of what it is sent.
const WRITE_TIMEOUT: Duration = Duration::from_mins(1);

/// Whose request waits on a connection. Shared by the connection and the service of its requests.
#[derive(Default)]
pub(crate) struct Parking {
    waiting: Mutex<Option<Waiting>>,
    parked: Notify,
}

impl Parking {
    /// Lets the connection be taken apart until there is an answer to the request that waits. Never ends: the request is served
    /// anew then.
    pub(crate) async fn park<T>(&self, waiting: Waiting) -> T {
        self.set(Some(waiting));
        self.parked.notify_one();
        pending().await
    }

    /// The request that was parked, where it is the one that comes now.
    pub(crate) fn take(&self) -> Option<Waiting> {
        self.lock().take()
    }

    fn set(&self, waiting: Option<Waiting>) {
        *self.lock() = waiting;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves a connection until it ends, and when the server stops, until the response that is on its way.
pub(crate) async fn serve<F>(
    http: Builder,
    stream: TcpStream,
    answer: impl Fn(&Arc<Parking>, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    mut stopping: watch::Receiver<bool>,
) where
    F: Future<Output = Result<Response, Infallible>> + Send + 'static,
{
    let parking = Arc::new(Parking::default());
    let mut stream = Stream::new(stream);
    loop {
        let service = {
            let (answer, parking) = (answer.clone(), Arc::clone(&parking));
            service_fn(move |request| answer(&parking, request))
        };
        // On the heap, so that a connection which is parked does not take the room of one that is served.
        let mut connection = Box::new(
            http.serve_connection(TokioIo::new(stream), service)
                .with_upgrades(),
        );
        tokio::select! {
            // At first what is there already is read: a request that was parked is not to be lost to a shutdown.
            biased;
            // An error is the client's: it went away, or sent what is no HTTP.
            _ = connection.as_mut() => return,
            () = parking.parked.notified() => {}
            () = stopped(&mut stopping) => {
                Pin::new(connection.as_mut()).graceful_shutdown();
                tokio::select! {
                    _ = connection.as_mut() => return,
                    () = parking.parked.notified() => {}
                }
            }
        }
        let (Some(parts), Some(mut waiting)) = (connection.into_parts(), parking.take()) else {
            return;
        };
        stream = parts.io.into_inner();
        tokio::select! {
            () = waiting.wait() => {}
            () = stream.closed(!parts.read_buf.is_empty()) => return,
        }
        stream.put_back(&waiting.head, &parts.read_buf);
        parking.set(Some(waiting));
    }
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// A socket whose client takes what it is sent, or loses it; with what was read of it already.
struct Stream {
    read: Bytes,
    socket: Pin<Box<TimeoutWriter<TcpStream>>>,
}

impl Stream {
    fn new(stream: TcpStream) -> Self {
        if let Err(error) = stream.set_nodelay(true) {
            warn!("no TCP_NODELAY: {error}");
        }
        let mut socket = TimeoutWriter::new(stream);
        socket.set_timeout(Some(WRITE_TIMEOUT));
        Self {
            read: Bytes::new(),
            socket: Box::pin(socket),
        }
    }

    /// Lets `head` and then `rest` be read before what comes.
    fn put_back(&mut self, head: &[u8], rest: &[u8]) {
        let mut read = BytesMut::with_capacity(head.len() + rest.len() + self.read.len());
        read.extend_from_slice(head);
        read.extend_from_slice(rest);
        read.extend_from_slice(&self.read);
        self.read = read.freeze();
    }

    /// Waits until the client has gone; for ever where it has sent more, as the next request is not to be read yet.
    async fn closed(&self, has_more: bool) {
        if !has_more && self.read.is_empty() {
            let socket = self.socket.as_ref().get_ref().get_ref();
            if let Ok(0) | Err(_) = socket.peek(&mut [0]).await {
                return;
            }
        }
        pending::<()>().await;
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return self.socket.as_mut().poll_read(cx, buffer);
        }
        let length = self.read.len().min(buffer.remaining());
        buffer.put_slice(&self.read[..length]);
        self.read.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.socket.as_mut().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.socket.as_mut().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.as_mut().poll_shutdown(cx)
    }
}
