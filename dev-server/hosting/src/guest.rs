//! What a component instance has of its host: WASI, and Spin's variables and SQLite.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime::Result;
use wasmtime::component::{Accessor, HasSelf, Linker, Resource, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

use crate::manifest::Component;
use crate::memory::Memory;
use crate::storage::{Connection, Databases};

/// The variables that say for how many seconds nobody could write, and how many log entries are to be deleted.
const WRITE_BLOCKED: &str = "write_blocked_seconds";
const OLD_ENTRIES: &str = "old_log_entries";

/// Generated from `wit/`.
pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "spin",
        imports: { default: async | trappable },
        with: { "spin:sqlite/sqlite.connection": crate::storage::Connection },
    });
}

use bindings::spin::sqlite::sqlite;
use bindings::spin::variables::variables;

/// The state of one instance.
pub(crate) struct Guest {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: NoOutboundRequests,
    table: ResourceTable,
    component: Arc<Component>,
    databases: Databases,
    pub(crate) memory: Memory,
}

impl Guest {
    pub(crate) fn new(id: &Arc<str>, component: Arc<Component>, databases: Databases) -> Self {
        let log = GuestLog(Arc::clone(id));
        Self {
            wasi: WasiCtx::builder().stdout(log.clone()).stderr(log).build(),
            http: WasiHttpCtx::new(),
            hooks: NoOutboundRequests,
            table: ResourceTable::new(),
            component,
            databases,
            memory: Memory::default(),
        }
    }

    /// Adds all that a component may import.
    pub(crate) fn add_to_linker(linker: &mut Linker<Self>) -> Result<()> {
        wasmtime_wasi::p2::add_to_linker_async(linker)?;
        wasmtime_wasi::p3::add_to_linker(linker)?;
        wasmtime_wasi_http::p3::add_to_linker(linker)?;
        bindings::Spin::add_to_linker::<_, HasSelf<Self>>(linker, |guest| guest)
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.hooks,
        }
    }
}

impl sqlite::Host for Guest {}

impl sqlite::HostConnection for Guest {
    async fn open(&mut self, label: String) -> Result<Result<Resource<Connection>, sqlite::Error>> {
        if !self.component.databases.contains(&label) {
            return Ok(Err(sqlite::Error::AccessDenied));
        }
        let connection = self.databases.open();
        Ok(Ok(self.table.push(connection)?))
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<sqlite::Value>,
    ) -> Result<Result<sqlite::QueryResult, sqlite::Error>> {
        let connection = self.table.get_mut(&connection)?;
        Ok(connection.execute(statement, parameters).await)
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl variables::Host for Guest {}

impl<T> variables::HostWithStore<T> for HasSelf<Guest> {
    async fn get(
        accessor: &Accessor<T, Self>,
        name: String,
    ) -> Result<Result<String, variables::Error>> {
        let value = accessor.with(|mut access| {
            let guest = access.get();
            let value = guest.component.variables.get(&name)?;
            // What only the host knows, it says at each time.
            Some(match (name.as_str(), &guest.databases) {
                (WRITE_BLOCKED, Databases::Ours(storage)) => {
                    storage.write_blocked_seconds().to_string()
                }
                (OLD_ENTRIES, Databases::Ours(storage)) => storage
                    .old_entries()
                    .map_or_else(String::new, |old| old.to_string()),
                _ => value.clone(),
            })
        });
        Ok(value.ok_or(variables::Error::Undefined(name)))
    }
}

/// Our components call nobody.
struct NoOutboundRequests;

impl WasiHttpHooks for NoOutboundRequests {
    fn send_request(
        &mut self,
        _: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Box<dyn Future<Output = std::result::Result<(), HttpError>> + Send>,
    ) -> Box<
        dyn Future<
                Output = std::result::Result<
                    (
                        http::Response<WasiBody>,
                        Box<dyn Future<Output = std::result::Result<(), HttpError>> + Send>,
                    ),
                    HttpError,
                >,
            > + Send,
    > {
        Box::new(std::future::ready(Err(HttpError::HttpRequestDenied)))
    }
}

/// Passes what a component prints to our log, line by line.
#[derive(Clone)]
struct GuestLog(Arc<str>);

impl IsTerminal for GuestLog {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestLog {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(GuestLogStream {
            component: Arc::clone(&self.0),
            line: Vec::new(),
        })
    }
}

/// What a line says, and the id of the request that it concerns. Our components begin theirs with the time and the level
/// (`domain::warn`), which this log has as well, and end it with the id.
fn message(line: &str) -> (&str, Option<String>) {
    let line = line.trim_end();
    let message = match line.split_once("  WARN ") {
        Some((time, message)) if !time.contains(' ') => message,
        _ => return (line, None),
    };
    let parts = message.rsplit_once(" request_id=");
    // Written by Rust, but of a header's characters, for which JSON has the same.
    let id = parts.and_then(|(_, id)| serde_json::from_str(id).ok());
    match (parts, id) {
        (Some((message, _)), Some(id)) => (message, Some(id)),
        _ => (message, None),
    }
}

struct GuestLogStream {
    component: Arc<str>,
    line: Vec<u8>,
}

impl AsyncWrite for GuestLogStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.line.extend_from_slice(bytes);
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let (message, request_id) = message(&line);
            tracing::warn!(request_id, component = &*self.component, "{message}");
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
