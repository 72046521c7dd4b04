//! The backend under test, and short ways to talk to it.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use database::native::Native;
use database::{Backend, Database, Error, Value as Sql};
use hosting::Manifest;
use http_api::{Api, Origins, Settings, Tokens};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::client::{Request, Response};
use crate::support::server::{Connection, Server};
use crate::support::sqld::Sqld;

/// Makes five tests of each case: natively in memory, over HTTP with the components, the same through the feed's proxy, the
/// same on a libSQL server, and with the components as Spin runs them.
macro_rules! on_every_host {
    ($($case:ident),* $(,)?) => {$(
        mod $case {
            use $crate::app::{Host, TestApp};

            #[tokio::test]
            async fn native() {
                super::$case(TestApp::start(Host::Memory).await).await;
            }

            #[tokio::test]
            async fn wasm() {
                super::$case(TestApp::start(Host::Components).await).await;
            }

            #[tokio::test]
            async fn proxied() {
                super::$case(TestApp::start(Host::Proxied).await).await;
            }

            #[tokio::test]
            async fn libsql() {
                if let Some(setup) = $crate::app::Setup::on_libsql() {
                    super::$case(TestApp::of(setup).await).await;
                }
            }

            #[tokio::test]
            async fn spin() {
                super::$case(TestApp::start(Host::Spin).await).await;
            }
        }
    )*};
}

/// Makes two tests of each case that sets the backend up itself, on a file: natively, and with the components.
macro_rules! on_a_file {
    ($($case:ident),* $(,)?) => {$(
        mod $case {
            use $crate::app::{Host, Setup};

            #[tokio::test]
            async fn native() {
                super::$case(Setup::new(Host::File)).await;
            }

            #[tokio::test]
            async fn wasm() {
                super::$case(Setup::new(Host::Components)).await;
            }
        }
    )*};
}

/// The same as `on_every_host`, for cases that set the backend up themselves.
macro_rules! set_up_on_every_host {
    ($($case:ident),* $(,)?) => {$(
        mod $case {
            use $crate::app::{Host, Setup};

            #[tokio::test]
            async fn native() {
                super::$case(Setup::new(Host::Memory)).await;
            }

            #[tokio::test]
            async fn wasm() {
                super::$case(Setup::new(Host::Components)).await;
            }

            #[tokio::test]
            async fn proxied() {
                super::$case(Setup::new(Host::Proxied)).await;
            }

            #[tokio::test]
            async fn libsql() {
                if let Some(setup) = Setup::on_libsql() {
                    super::$case(setup).await;
                }
            }

            #[tokio::test]
            async fn spin() {
                super::$case(Setup::new(Host::Spin)).await;
            }
        }
    )*};
}

/// Where the handlers run, and on what.
#[derive(Clone, Copy)]
pub(crate) enum Host {
    /// In this process, on a database in memory.
    Memory,
    /// In this process, on a file.
    File,
    /// In the components of a server, on a file.
    Components,
    /// The same, behind `orchestrator feed --proxy`.
    Proxied,
    /// In the components of a server, on a libSQL server.
    LibSql,
    /// In the components, as Spin runs them, on a file.
    Spin,
}

/// A backend that is not started yet, for cases that need one of their own making.
pub(crate) struct Setup {
    host: Host,
    folder: TempDir,
    sqld: Option<Sqld>,
    cors_origins: &'static str,
    max_body_bytes: usize,
    api_token: &'static str,
    api_read_token: &'static str,
}

impl Setup {
    /// With the default settings.
    pub(crate) fn new(host: Host) -> Self {
        Self {
            host,
            folder: tempfile::tempdir().unwrap(),
            sqld: None,
            cors_origins: "http://localhost:5173,http://127.0.0.1:5173",
            max_body_bytes: 2_097_152,
            api_token: "",
            api_read_token: "",
        }
    }

    /// The same on a libSQL server, where one can be had.
    pub(crate) fn on_libsql() -> Option<Self> {
        Sqld::start().map(|sqld| Self {
            sqld: Some(sqld),
            ..Self::new(Host::LibSql)
        })
    }

    /// With `MAX_BODY_BYTES`.
    pub(crate) fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// With `CORS_ORIGINS`.
    pub(crate) fn cors_origins(mut self, origins: &'static str) -> Self {
        self.cors_origins = origins;
        self
    }

    /// With `API_TOKEN` and `API_READ_TOKEN`.
    pub(crate) fn tokens(mut self, api: &'static str, read: &'static str) -> Self {
        self.api_token = api;
        self.api_read_token = read;
        self
    }

    /// A connection to the file as another process would have it, before the backend starts or while it runs.
    pub(crate) fn foreign(&self) -> rusqlite::Connection {
        foreign(&self.path())
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("test.db")
    }

    /// Starts the backend. Its schema is only sure to be there after the first request.
    pub(crate) async fn start(self) -> TestApp {
        let path = self.path();
        let backend = match self.host {
            Host::Memory => self.native(Native::memory().unwrap()),
            Host::File => self.native(Native::file(&path)),
            Host::Spin => Running::Spin(Box::new(self.spin())),
            Host::Components | Host::Proxied | Host::LibSql => {
                let url = self.sqld.as_ref().map(Sqld::url).unwrap_or_default();
                let environment = [
                    ("DATABASE_URL", &*url),
                    ("CORS_ORIGINS", self.cors_origins),
                    ("MAX_BODY_BYTES", &self.max_body_bytes.to_string()),
                    ("API_TOKEN", self.api_token),
                    ("API_READ_TOKEN", self.api_read_token),
                ];
                let server = match self.host {
                    Host::Proxied => Server::behind_a_feed(&path, &environment),
                    _ => Server::start(&path, &environment),
                };
                let connection = tokio::sync::Mutex::new(Some(server.connect().await));
                Running::Components { server, connection }
            }
        };
        TestApp {
            path,
            running: backend,
            sqld: self.sqld,
            folder: self.folder,
        }
    }

    /// The components of spin.toml with the variables that `spin up` would be given.
    fn spin(&self) -> hosting::Host {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../spin.toml");
        let path = self.path();
        let variable = |name: &str| {
            Some(match name {
                "database_path" => path.display().to_string(),
                "cors_origins" => self.cors_origins.to_owned(),
                "max_body_bytes" => self.max_body_bytes.to_string(),
                "api_token" => self.api_token.to_owned(),
                "api_read_token" => self.api_read_token.to_owned(),
                _ => return None,
            })
        };
        let manifest = Manifest::load(Path::new(manifest), variable).expect("spin.toml");
        hosting::Host::load_as_in_spin(manifest, &path).expect("built: run `make components`")
    }

    fn native(&self, native: Native) -> Running {
        let native = Arc::new(native);
        let database = Database::new(Shared(Arc::clone(&native)));
        let tokens = Tokens::parse(self.api_token, self.api_read_token).unwrap();
        let settings = Settings {
            database_path: self.path().display().to_string(),
            cors_origins: Origins::parse(self.cors_origins).unwrap(),
            max_body_bytes: self.max_body_bytes,
            feed_url: Settings::parse_feed_url("").unwrap(),
            admission: http_api::Admission {
                hosts: Settings::hosts("", &tokens, false).unwrap(),
                tokens,
            },
        };
        let routes = backend::routes(&database, &settings);
        Running::Native {
            api: Api::new(routes, settings),
            native,
        }
    }
}

/// A backend that runs, with a database of its own.
pub(crate) struct TestApp {
    running: Running,
    path: PathBuf,
    sqld: Option<Sqld>,
    #[expect(dead_code, reason = "it is removed when dropped")]
    folder: TempDir,
}

enum Running {
    Native {
        api: Api,
        native: Arc<Native>,
    },
    Spin(Box<hosting::Host>),
    Components {
        server: Server,
        /// The connection of the requests that come one after the other.
        connection: tokio::sync::Mutex<Option<Connection>>,
    },
}

impl TestApp {
    /// A backend with the default settings and an empty database.
    pub(crate) async fn start(host: Host) -> Self {
        Self::of(Setup::new(host)).await
    }

    /// A backend with an empty database.
    pub(crate) async fn of(setup: Setup) -> Self {
        let app = setup.start().await;
        app.get("/health").await.json(200);
        app
    }

    /// Sends any request.
    pub(crate) async fn send(&self, request: Request) -> Response {
        match &self.running {
            Running::Native { api, .. } => {
                // As over a socket, others have their turn.
                tokio::task::yield_now().await;
                let response = api.call(request.build()).await;
                Response::read(response).await.expect("a body")
            }
            Running::Spin(host) => {
                let response = in_spin(host, request).await;
                Response::read(response).await.expect("a body")
            }
            Running::Components { server, connection } => {
                let kept = connection.lock().await.take();
                let mut used = match kept {
                    Some(kept) => kept,
                    None => server.connect().await,
                };
                let response = used.send(request).await;
                if response.header("connection") != "close" && response.status != 413 {
                    *connection.lock().await = Some(used);
                }
                response
            }
        }
    }

    /// Sends any request, on a connection of its own, and gives the answer once it has begun.
    pub(crate) async fn open(&self, request: Request) -> http::Response<Body> {
        match &self.running {
            Running::Native { api, .. } => api.call(request.build()).await,
            Running::Spin(host) => in_spin(host, request).await.map(Body::new),
            Running::Components { server, .. } => {
                let connection = server.connect().await;
                connection.begin(request).await.map(Body::new)
            }
        }
    }

    /// GET.
    pub(crate) async fn get(&self, uri: impl Into<String>) -> Response {
        self.send(Request::new("GET", uri)).await
    }

    /// A list by GET, as the values of `field`.
    pub(crate) async fn list(&self, uri: impl Into<String>, field: &str) -> Vec<String> {
        values(&self.get(uri).await.json(200), field)
    }

    /// A list by GET with all that follows it by `Link`, page by page.
    pub(crate) async fn pages(&self, uri: impl Into<String>, field: &str) -> Vec<Vec<String>> {
        let mut uri = uri.into();
        let mut pages = Vec::new();
        loop {
            let response = self.get(uri).await;
            pages.push(values(&response.json(200), field));
            match next(&response) {
                Some(next) => uri = next,
                None => return pages,
            }
        }
    }

    /// POST of JSON.
    pub(crate) async fn post(&self, uri: &str, body: Value) -> Response {
        self.send(Request::new("POST", uri).json(body.to_string()))
            .await
    }

    /// PUT of JSON.
    pub(crate) async fn put(&self, uri: &str, body: Value) -> Response {
        self.send(Request::new("PUT", uri).json(body.to_string()))
            .await
    }

    /// PATCH of JSON.
    pub(crate) async fn patch(&self, uri: &str, body: Value) -> Response {
        self.send(Request::new("PATCH", uri).json(body.to_string()))
            .await
    }

    /// DELETE.
    pub(crate) async fn delete(&self, uri: &str) -> Response {
        self.send(Request::new("DELETE", uri)).await
    }

    /// Makes a definition and gives its id.
    pub(crate) async fn definition(&self, name: &str) -> String {
        let body = json!({"name": name, "agent_type": "builder"});
        id(&self.post("/api/agents", body).await.json(201))
    }

    /// Makes a runtime agent and gives its id.
    pub(crate) async fn agent(&self, definition: &str, session: &str) -> String {
        let body = json!({"orchestrator_agent_id": definition, "session_id": session});
        id(&self.post("/api/runtime/agents", body).await.json(201))
    }

    /// The faults of a 422: their type and place.
    pub(crate) fn faults(response: &Response) -> Vec<(String, Value)> {
        let body = response.json(422);
        let faults = body["detail"].as_array().expect("an array");
        faults
            .iter()
            .map(|fault| {
                assert!(fault["msg"].as_str().is_some_and(|msg| !msg.is_empty()));
                assert!(fault.as_object().unwrap().contains_key("input"));
                let kind = fault["type"].as_str().expect("a type");
                (kind.to_owned(), fault["loc"].clone())
            })
            .collect()
    }

    /// Runs one statement as another process would. Gives the first column of the first row, if any.
    #[track_caller]
    pub(crate) fn sql(&self, sql: &str) -> Sql {
        let mut first = Sql::Null;
        let mut run = |connection: &dyn database::Connection| {
            let mut rows = connection.execute(sql, &[])?.into_iter();
            let row = rows.next().map(database::Row::into_values);
            first = row
                .and_then(|values| values.into_iter().next())
                .unwrap_or(Sql::Null);
            Ok::<(), Error>(())
        };
        if let Some(sqld) = &self.sqld {
            run(&sqld.session()).expect(sql);
            return first;
        }
        match &self.running {
            Running::Native { native, .. } if matches!(**native, Native::Memory(_)) => {
                native.with(&mut run).expect(sql);
                first
            }
            _ => {
                let connection = self.foreign();
                let mut statement = connection.prepare(sql).expect(sql);
                let mut rows = statement.query([]).expect(sql);
                let row = rows.next().expect(sql);
                row.map_or(Sql::Null, |row| row.get_ref(0).unwrap().into())
            }
        }
    }

    /// How many rows `table` has.
    #[track_caller]
    pub(crate) fn count(&self, table: &str) -> i64 {
        match self.sql(&format!("SELECT count(*) FROM {table}")) {
            Sql::Integer(count) => count,
            other => panic!("{other:?}"),
        }
    }

    /// A connection to the file as another process would have it.
    pub(crate) fn foreign(&self) -> rusqlite::Connection {
        foreign(&self.path)
    }

    /// Where the database is, as people are told.
    pub(crate) fn location(&self) -> String {
        match &self.sqld {
            Some(sqld) => sqld.url(),
            None => self.path.display().to_string(),
        }
    }
}

async fn in_spin(host: &hosting::Host, request: Request) -> http::Response<hosting::Body> {
    let mut request = request.build();
    let path = request.uri().path_and_query().expect("a path");
    let name = request.headers()["host"].to_str().expect("text");
    *request.uri_mut() = format!("http://{name}{path}").parse().expect("a URI");
    host.handle(request).await.expect("a response")
}

fn foreign(path: &Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_secs(30)).unwrap();
    connection
        .pragma_update(None, "foreign_keys", true)
        .unwrap();
    connection
}

/// The values of `field` in a list.
fn values(list: &Value, field: &str) -> Vec<String> {
    let list = list.as_array().expect("an array");
    list.iter()
        .map(|row| match &row[field] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
        .collect()
}

/// Where a list goes on.
pub(crate) fn next(page: &Response) -> Option<String> {
    let link = page.header("link");
    let target = link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?;
    Some(target.to_owned())
}

/// The id of what came back.
pub(crate) fn id(row: &Value) -> String {
    row["id"].as_str().expect("an id").to_owned()
}

/// `value` with every id and time of ours replaced by a word, for snapshots.
pub(crate) fn redacted(mut value: Value) -> Value {
    match &mut value {
        Value::String(text) if is_time(text) => value = "[time]".into(),
        Value::String(text) if is_id(text) => value = "[id]".into(),
        Value::Array(items) => {
            for item in items {
                *item = redacted(item.take());
            }
        }
        Value::Object(members) => {
            for member in members.values_mut() {
                *member = redacted(member.take());
            }
        }
        _ => {}
    }
    value
}

/// Whether `text` is a UUID of version 7 in lower case.
pub(crate) fn is_id(text: &str) -> bool {
    has_form(text, "xxxxxxxx-xxxx-7xxx-xxxx-xxxxxxxxxxxx")
}

/// Whether `text` is a time as we write it.
pub(crate) fn is_time(text: &str) -> bool {
    has_form(text, "dddd-dd-ddTdd:dd:dd.dddZ")
}

fn has_form(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text
            .bytes()
            .zip(form.bytes())
            .all(|(byte, form)| match form {
                b'x' => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
                b'd' => byte.is_ascii_digit(),
                form => byte == form,
            })
}

/// A backend that the test holds too.
struct Shared(Arc<Native>);

impl Backend for Shared {
    fn with(
        &self,
        job: &mut dyn FnMut(&dyn database::Connection) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.0.with(job)
    }

    fn sleep(&self, pause: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.sleep(pause)
    }
}
