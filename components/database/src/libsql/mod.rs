//! The adapter for a libSQL server, outside of a component: hrana over a blocking HTTP client.
//!
//! A statement is one request, on a stream: a connection that the server keeps. To open one takes ten times as long as a small
//! query, as it reads the schema, so streams are used again. A transaction has a stream to itself, and its `BEGIN` goes with
//! its first statement. Where a stream is lost (the server was restarted, or took the lock from who kept it for five seconds),
//! nothing of its transaction is written, and every further statement of it fails.

mod hrana;
mod server;
mod streams;

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::native::Rows;
use crate::{
    Backend, Connection, Error, FOREIGN_KEYS_OFF, FOREIGN_KEYS_ON, Row, Value, is_about_a_file,
};
use hrana::{Pipeline, Request, Statement};
pub use server::{InvalidUrl, Server};
use streams::Stream;

/// What a statement of a lost transaction gets.
const LOST: &str = "stream closed: the transaction was lost";

/// A connection as handlers know it. Dropped inside a transaction, it takes that back, for which it waits a moment.
pub struct Session {
    server: Server,
    state: State,
    /// Statements that go before the next one, in the same request.
    first: Vec<&'static str>,
    /// Whether a transaction that writes has foreign keys off from its start.
    is_unchecked: bool,
}

enum State {
    /// No transaction is open at the server.
    Outside,
    /// One is.
    Inside(Stream),
    /// One was, and is lost.
    Lost,
}

impl Session {
    /// A connection to `server`. Nothing is sent yet.
    #[must_use]
    pub fn new(server: Server) -> Self {
        Self {
            server,
            state: State::Outside,
            first: Vec::new(),
            is_unchecked: false,
        }
    }

    /// One whose transactions delete what they are told to and nothing that hangs on it.
    #[must_use]
    pub fn unchecked(server: Server) -> Self {
        let mut session = Self::new(server);
        session.is_unchecked = true;
        session
    }

    /// Whether a transaction is open at the server.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Inside(_))
    }

    /// Whether no transaction is open, nor about to be.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Outside) && self.first.is_empty()
    }

    /// Runs one statement and gives its rows.
    ///
    /// # Errors
    /// A message that [`Error::from_message`] understands.
    pub fn run(&mut self, sql: &str, parameters: &[Value]) -> Result<Rows<Value>, String> {
        if is_about_a_file(sql) {
            return Ok(nothing());
        }
        match (&self.state, sql) {
            (State::Outside, FOREIGN_KEYS_OFF) => self.first.push(FOREIGN_KEYS_OFF),
            (State::Outside, FOREIGN_KEYS_ON) => self.first.clear(),
            (State::Outside, "BEGIN") => self.first.push("BEGIN"),
            (State::Outside, "BEGIN IMMEDIATE") => {
                if self.is_unchecked {
                    self.first.push(FOREIGN_KEYS_OFF);
                }
                self.first.push("BEGIN IMMEDIATE");
            }
            (_, "ROLLBACK") => self.close(),
            (State::Lost, "COMMIT") => {
                self.close();
                return Err(LOST.to_owned());
            }
            (State::Lost, _) => return Err(LOST.to_owned()),
            _ => return self.send(sql, parameters),
        }
        Ok(nothing())
    }

    fn send(&mut self, sql: &str, parameters: &[Value]) -> Result<Rows<Value>, String> {
        let first = std::mem::take(&mut self.first);
        let begins = first.iter().any(|sql| sql.starts_with("BEGIN"));
        let inside = begins || self.is_open();
        let ends = !inside || sql == "COMMIT";
        let mut statements: Vec<_> = first.iter().map(|sql| Statement::new(sql, &[])).collect();
        statements.push(Statement::new(sql, parameters));
        let mut requests = vec![Request::batch(statements)];
        let streams = self.server.streams();
        let (used, is_idle) = match std::mem::replace(&mut self.state, State::Outside) {
            State::Inside(stream) => (Some(stream), false),
            State::Outside | State::Lost => (streams.take(), true),
        };
        let is_altered = first.contains(&FOREIGN_KEYS_OFF)
            || used.as_ref().is_some_and(|stream| stream.is_altered);
        if ends && (is_altered || streams.are_enough()) {
            requests.push(Request::Close);
        }
        let url = used.as_ref().and_then(|stream| stream.url.clone());
        let mut pipeline = Pipeline {
            baton: used.as_ref().map(|stream| &*stream.baton),
            requests,
        };
        let mut asked = self.server.ask(url.as_deref(), &pipeline);
        if is_idle && matches!(&asked, Err(fault) if fault.is_of_stream) {
            // It has ended meanwhile, and nothing was done. Where the server was restarted, so have the others.
            streams.forget();
            pipeline.baton = None;
            asked = self.server.ask(None, &pipeline);
        }
        let mut next = None;
        let outcome = asked.map_err(|fault| fault.message).and_then(|body| {
            let answer = server::parse(&body)?;
            next = answer.baton.clone().map(|baton| Stream {
                baton,
                url: answer.base_url.clone().or(url),
                is_altered,
            });
            let (columns, rows) = answer.last_rows()?.read()?;
            Ok(Rows { columns, rows })
        });
        match next {
            Some(stream) if !ends => self.state = State::Inside(stream),
            Some(stream) if outcome.is_ok() => streams.give_back(stream),
            // What has failed may have left something open.
            Some(stream) => self.end(&stream),
            None => {}
        }
        if inside && !ends {
            self.look_after_stream(outcome.as_ref().err());
        }
        outcome
    }

    /// Takes the stream for lost where its transaction is.
    fn look_after_stream(&mut self, error: Option<&String>) {
        let is_lost = match error.map(|message| Error::from_message(message)) {
            Some(Error::Busy | Error::Unavailable(_)) => true,
            // A statement that is refused leaves the transaction as it is.
            _ => !self.is_open(),
        };
        if is_lost {
            self.close();
            self.state = State::Lost;
        }
    }

    /// Takes back what is open. The server would do so by itself, but only after seconds.
    fn close(&mut self) {
        self.first.clear();
        if let State::Inside(stream) = std::mem::replace(&mut self.state, State::Outside) {
            self.end(&stream);
        }
    }

    fn end(&self, stream: &Stream) {
        let pipeline = Pipeline {
            baton: Some(&stream.baton),
            requests: vec![Request::Close],
        };
        // Where that fails, the server ends it after a while.
        let _ = self.server.ask(stream.url.as_deref(), &pipeline);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close();
    }
}

fn nothing() -> Rows<Value> {
    Rows {
        columns: Vec::new(),
        rows: Vec::new(),
    }
}

impl Connection for RefCell<Session> {
    fn execute(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        let outcome = self.borrow_mut().run(sql, parameters);
        let Rows { columns, rows } = outcome.map_err(|message| Error::from_message(&message))?;
        let columns: Arc<[String]> = columns.into();
        Ok(rows
            .into_iter()
            .map(|values| Row::new(Arc::clone(&columns), values))
            .collect())
    }
}

impl Backend for Server {
    fn with(&self, job: &mut dyn FnMut(&dyn Connection) -> Result<(), Error>) -> Result<(), Error> {
        job(&RefCell::new(Session::new(self.clone())))
    }

    fn sleep(&self, pause: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(pause))
    }
}
