//! Where a libSQL server is, and how it is asked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::http::{StatusCode, Uri};

use super::hrana::{Answer, Failure, Pipeline};
use super::streams::Streams;

/// How long a connection may take, and how long a request: a statement waits for the write lock for five seconds, there.
const CONNECT: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(10);
/// How many connections are kept.
const IDLE_CONNECTIONS: usize = 64;
/// How long one is kept. The server closes what is idle for longer.
const IDLE_TIME: Duration = Duration::from_secs(10);
/// The most bytes of an answer. The server has a limit of its own, which is 10 MB of values.
const MAX_ANSWER_BYTES: u64 = 128 << 20;

/// A libSQL server. Cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct Server {
    agent: Agent,
    url: String,
    authorization: Option<String>,
    streams: Arc<Streams>,
}

/// Why a request has no answer.
pub(super) struct Fault {
    /// A message that [`crate::Error::from_message`] understands.
    pub(super) message: String,
    /// Whether the stream that it named is none any more. Then nothing was done.
    pub(super) is_of_stream: bool,
}

/// That an address is none of a libSQL server.
#[derive(Debug, thiserror::Error)]
#[error(
    "an address is like http://127.0.0.1:8080, https://… or libsql://…, without a user or parameters"
)]
pub struct InvalidUrl;

impl Server {
    /// The server at `url` (`http`, `https` or `libsql`, which is `https`), asked with `token` where that is not empty.
    ///
    /// # Errors
    /// [`InvalidUrl`]; it does not tell the address, in which a secret may be.
    pub fn new(url: &str, token: &str) -> Result<Self, InvalidUrl> {
        let invalid = || InvalidUrl;
        let uri: Uri = url.parse().map_err(|_| invalid())?;
        let scheme = match uri.scheme_str() {
            Some("http") => "http",
            Some("https" | "libsql") => "https",
            _ => return Err(invalid()),
        };
        let authority = uri.authority().ok_or_else(invalid)?;
        // A secret in an address would be shown where the address is.
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(invalid());
        }
        let path = uri.path().trim_end_matches('/');
        Ok(Self {
            agent: agent(Some(PATIENCE)),
            url: format!("{scheme}://{authority}{path}"),
            authorization: (!token.is_empty()).then(|| format!("Bearer {token}")),
            streams: Arc::default(),
        })
    }

    /// The same for whoever waits for an answer for so long, or as long as it takes.
    #[must_use]
    pub fn with_patience(&self, patience: Option<Duration>) -> Self {
        Self {
            agent: agent(patience),
            ..self.clone()
        }
    }

    /// The streams that nobody uses now.
    pub(super) fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Sends a pipeline, to `url` where that is given.
    ///
    /// # Errors
    /// [`Fault`]. Unless it is one of the stream, the server may have done what it was asked all the same.
    pub(super) fn ask(&self, url: Option<&str>, pipeline: &Pipeline<'_>) -> Result<Vec<u8>, Fault> {
        let other = |message| Fault {
            message,
            is_of_stream: false,
        };
        let fault = |error: &dyn fmt::Display| other(format!("http error: {self}: {error}"));
        let url = format!("{}/v3/pipeline", url.unwrap_or(&self.url));
        let body = serde_json::to_vec(pipeline).map_err(|error| fault(&error))?;
        let mut request = self.agent.post(&url).content_type("application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let mut response = request.send(&body[..]).map_err(|error| fault(&error))?;
        let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES);
        let body = body.read_to_vec().map_err(|error| match error {
            ureq::Error::BodyExceedsLimit(limit) => {
                other(format!("query result exceeds limit of {limit} bytes"))
            }
            error => fault(&error),
        })?;
        if response.status().is_success() {
            return Ok(body);
        }
        let told = serde_json::from_slice::<Failure<'_>>(&body);
        let told = told.map_or_else(
            |_| String::from_utf8_lossy(&body).into_owned(),
            |failure| failure.text(),
        );
        // All its connections are taken, mostly by those that wait for the write lock. Nothing was done.
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            return Err(other(format!("database is locked: {told}")));
        }
        Err(Fault {
            message: format!("api error: {self}: {} {told}", response.status()),
            is_of_stream: pipeline.baton.is_some() && response.status() == StatusCode::BAD_REQUEST,
        })
    }
}

impl fmt::Display for Server {
    /// Its address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// Reads an answer.
pub(super) fn parse(body: &[u8]) -> Result<Answer<'_>, String> {
    serde_json::from_slice(body).map_err(|error| format!("http error: the answer is none: {error}"))
}

fn agent(patience: Option<Duration>) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_connect(Some(CONNECT))
        .timeout_global(patience)
        .max_idle_connections(IDLE_CONNECTIONS)
        .max_idle_connections_per_host(IDLE_CONNECTIONS)
        .max_idle_age(IDLE_TIME)
        .user_agent("orchestrator")
        .build();
    Agent::new_with_config(config)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;

    use super::*;
    use crate::Error;

    #[test]
    fn an_address_has_a_scheme_and_no_secret() {
        let told = |url: &str| Server::new(url, "").ok().map(|server| server.to_string());
        let is = |text: &str| Some(text.to_owned());
        assert_eq!(told("http://127.0.0.1:8080/"), is("http://127.0.0.1:8080"));
        assert_eq!(told("libsql://a.example"), is("https://a.example"));
        assert_eq!(
            told("https://a.example/dev/ns"),
            is("https://a.example/dev/ns")
        );
        for url in [
            "",
            "a.example",
            "file:data.db",
            "ws://a.example",
            "http://",
            "https://user:secret@a.example",
            "https://a.example/?authToken=secret",
        ] {
            assert!(Server::new(url, "").is_err(), "{url}");
        }
    }

    #[test]
    fn a_token_goes_to_the_server_and_into_no_message() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let refused =
                "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno";
            stream.write_all(refused.as_bytes()).expect("writes");
            head
        });
        let server = Server::new(&url, "secret").expect("an address");
        let pipeline = Pipeline {
            baton: None,
            requests: Vec::new(),
        };
        let fault = server.ask(None, &pipeline).expect_err("refused");
        let error = Error::from_message(&fault.message);
        assert!(matches!(error, Error::Unavailable(_)), "{error}");
        assert!(!fault.message.contains("secret"), "{}", fault.message);
        let head = asked.join().expect("asked");
        assert_eq!(head[0], "POST /v3/pipeline HTTP/1.1");
        assert!(
            head.contains(&"authorization: Bearer secret".to_owned()),
            "{head:?}"
        );
    }
}
