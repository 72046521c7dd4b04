//! A thread a core, each with a runtime of its own that serves its share of the connections.
//!
//! A request so stays on one thread: from the socket through its component's instance and back, nobody wakes another thread
//! up for it.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tracing::warn;

/// The threads, each with the service that its connections get a clone of.
pub(crate) struct ServingThreads<S> {
    threads: Vec<(Thread, S)>,
}

/// A thread that runs what is spawned on its runtime until this is dropped, which waits for it to end.
pub(crate) struct Thread {
    runtime: Handle,
    /// Each connection has a clone of it, so that they can be counted.
    connections: Arc<()>,
    end: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

impl<S: Send + Clone + 'static> ServingThreads<S> {
    /// Starts a thread for each core; `service` makes the service of one.
    ///
    /// # Errors
    /// Where a thread cannot be had.
    pub(crate) fn start(service: impl Fn() -> S) -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (0..cores).map(|core| Ok((Thread::start(core)?, service())));
        Ok(Self {
            threads: threads.collect::<io::Result<_>>()?,
        })
    }

    /// Gives a connection to the thread that has the fewest.
    pub(crate) fn spawn<F>(
        &self,
        stream: TcpStream,
        serve: impl FnOnce(TcpStream, S) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send,
    {
        let connections = |(thread, _): &&(Thread, S)| Arc::strong_count(&thread.connections);
        let Some((thread, service)) = self.threads.iter().min_by_key(connections) else {
            return;
        };
        let counted = Arc::clone(&thread.connections);
        let service = service.clone();
        // The socket moves to the runtime that is to wait for it.
        let stream = stream.into_std();
        thread.runtime.spawn(async move {
            match stream.and_then(TcpStream::from_std) {
                Ok(stream) => serve(stream, service).await,
                Err(error) => warn!("no connection: {error}"),
            }
            drop(counted);
        });
    }

    /// Lets go of the services. What the threads still have to do goes on as long as they live.
    pub(crate) fn close(self) -> Vec<Thread> {
        self.threads.into_iter().map(|(thread, _)| thread).collect()
    }
}

impl Thread {
    fn start(core: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new()
            .name(format!("serving-{core}"))
            .spawn(move || {
                let _ = runtime.block_on(ended);
            })?;
        Ok(Self {
            runtime: handle,
            connections: Arc::default(),
            end: Some(end),
            running: Some(thread),
        })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.running.take() {
            let _ = thread.join();
        }
    }
}
