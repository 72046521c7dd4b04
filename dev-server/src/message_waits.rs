//! Requests for the messages to an agent that wait until there is one.
//!
//! A component could wait by itself, as it does on other hosts, but here it would keep a place and an instance all the while.
//! So the wait is taken out of the request. The component is asked, and where its answer is an empty list, the connection is
//! parked (`crate::connection`) until the change log has a message to the agent. However many wait, one look at the log
//! serves them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use database::change_log;
use hosting::{Client, Failure, NoPlace, Place, Places};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Method, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::store::{Error, Lender};

/// The longest time that a request may wait, in seconds, as the component takes it.
const LONGEST: u64 = 30;
/// How many ask the component at once.
const ASKING: usize = 8;
/// How often there is a look at the log where no feed says that it has something new.
const INTERVAL: Duration = Duration::from_millis(100);

/// The requests that wait.
pub(crate) struct MessageWaits {
    agents: Mutex<HashMap<String, Agent>>,
    places: Places,
    /// Of those that ask the component. Each at work takes an instance, and many may come or be woken at once.
    asking: Semaphore,
    stopping: watch::Receiver<bool>,
}

/// An agent whose messages somebody waits for.
struct Agent {
    news: watch::Sender<()>,
    requests: usize,
}

/// A request that may wait: for whom, for how long, and its head as it came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    agent: String,
    longest: Duration,
    head: Bytes,
}

/// A request that waits.
#[derive(Clone)]
pub(crate) struct Waiting {
    /// When it came.
    pub(crate) begun: Instant,
    /// Its head, to be read again.
    pub(crate) head: Bytes,
    deadline: Instant,
    news: watch::Receiver<()>,
    stopping: watch::Receiver<bool>,
    _listener: Arc<Listener>,
}

/// Somebody who listens for an agent, until dropped.
struct Listener {
    waits: Arc<MessageWaits>,
    agent: String,
    _place: Place,
}

impl Waiting {
    /// Waits until the component is to be asked again.
    pub(crate) async fn wait(&mut self) {
        tokio::select! {
            _ = self.news.changed() => {}
            () = sleep_until(self.deadline) => {}
            _ = self.stopping.wait_for(|stopping| *stopping) => {}
        }
    }

    /// Whether it is answered, whatever the answer is.
    fn is_over(&self) -> bool {
        Instant::now() >= self.deadline || *self.stopping.borrow()
    }
}

impl MessageWaits {
    /// For at most so many requests at once. They are answered when `stopping` becomes true.
    pub(crate) fn new(most: usize, stopping: watch::Receiver<bool>) -> Arc<Self> {
        Arc::new(Self {
            agents: Mutex::default(),
            places: Places::of(most),
            asking: Semaphore::new(ASKING),
            stopping,
        })
    }

    /// Takes a request of `client`.
    ///
    /// # Errors
    /// [`NoPlace`] where it may not wait.
    pub(crate) fn begin(
        self: &Arc<Self>,
        wait: Wait,
        client: Option<Client>,
    ) -> Result<Waiting, NoPlace> {
        let place = self.places.take(client)?;
        let mut agents = self.agents();
        let entry = agents.entry(wait.agent.clone());
        let entry = entry.or_insert_with(|| Agent {
            news: watch::Sender::new(()),
            requests: 0,
        });
        entry.requests += 1;
        let begun = Instant::now();
        Ok(Waiting {
            begun,
            head: wait.head,
            deadline: begun + wait.longest,
            news: entry.news.subscribe(),
            stopping: self.stopping.clone(),
            _listener: Arc::new(Listener {
                waits: Arc::clone(self),
                agent: wait.agent,
                _place: place,
            }),
        })
    }

    /// The component's answer, which does not wait. An empty list is none before the time is over: then what is given has
    /// `waiting` among its extensions.
    ///
    /// # Errors
    /// Why the component gave none.
    pub(crate) async fn answer(
        &self,
        mut waiting: Waiting,
        asked: impl Future<Output = Result<Response<hosting::Body>, Failure>>,
    ) -> Result<Response<Full<Bytes>>, Failure> {
        // From here on nothing is missed: what comes before the answer wakes, too.
        waiting.news.mark_unchanged();
        let is_over = waiting.is_over();
        // An error says that the semaphore is closed, which it never is.
        let turn = self.asking.acquire().await;
        let (mut head, body) = whole(asked).await?;
        drop(turn);
        if head.status == StatusCode::OK && body == b"[]"[..] && !is_over {
            head.extensions.insert(waiting);
        }
        Ok(Response::from_parts(head, Full::new(body)))
    }

    fn agents(&self) -> MutexGuard<'_, HashMap<String, Agent>> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the requests that wait for messages to these agents; `None` wakes all.
    fn wake(&self, written_to: Option<Vec<String>>) {
        let agents = self.agents();
        match written_to {
            Some(ids) => {
                let waiting = ids.iter().filter_map(|id| agents.get(id));
                waiting.for_each(|agent| agent.news.send_replace(()));
            }
            None => agents
                .values()
                .for_each(|agent| agent.news.send_replace(())),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut agents = self.waits.agents();
        if let Some(agent) = agents.get_mut(&self.agent) {
            agent.requests -= 1;
            if agent.requests == 0 {
                agents.remove(&self.agent);
            }
        }
    }
}

/// A response with its whole body, which the host has taken from the component already.
async fn whole<F>(asked: F) -> Result<(http::response::Parts, Bytes), Failure>
where
    F: Future<Output = Result<Response<hosting::Body>, Failure>>,
{
    let (head, body) = asked.await?.into_parts();
    let body = body.collect().await;
    let body = body.map_err(|error| Failure::Failed(anyhow::anyhow!(error)))?;
    Ok((head, body.to_bytes()))
}

/// Takes the wait out of a request for the messages to an agent, so that the component does not wait. Gives it where there
/// is one that the component would take.
pub(crate) fn take_wait(parts: &mut Parts) -> Option<Wait> {
    let path = parts.uri.path().trim_end_matches('/');
    let agent = path
        .strip_prefix("/api/runtime/agents/")?
        .strip_suffix("/messages")?;
    if agent.contains('/') || !matches!(parts.method, Method::GET | Method::HEAD) {
        return None;
    }
    let query = parts.uri.query()?;
    let value_of = |pair: &str| {
        let (name, value) = form_urlencoded::parse(pair.as_bytes()).next()?;
        (name == "wait").then(|| value.into_owned())
    };
    let waits: Vec<String> = query.split('&').filter_map(value_of).collect();
    // As the component reads it: the last one that has a value. What it does not take it says itself.
    let wait = waits.iter().rfind(|wait| !wait.is_empty())?;
    let seconds: u64 = wait.trim().parse().ok()?;
    if !(1..=LONGEST).contains(&seconds) {
        return None;
    }
    let wait = Wait {
        agent: decoded(agent),
        longest: Duration::from_secs(seconds),
        head: head(parts),
    };
    let rest: Vec<&str> = query
        .split('&')
        .filter(|pair| value_of(pair).is_none())
        .collect();
    let target = format!("{}?{}", parts.uri.path(), rest.join("&"));
    let mut uri = parts.uri.clone().into_parts();
    uri.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    parts.uri = Uri::from_parts(uri).ok()?;
    // There is nothing to tell to who wants no body.
    (parts.method == Method::GET).then_some(wait)
}

/// The head of a request as it came, without what it says of its body, which has been read.
fn head(parts: &Parts) -> Bytes {
    let target = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let mut head = format!("{} {target} {:?}\r\n", parts.method, parts.version).into_bytes();
    for (name, value) in &parts.headers {
        if *name != header::CONTENT_LENGTH && *name != header::TRANSFER_ENCODING {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
    }
    head.extend_from_slice(b"\r\n");
    head.shrink_to_fit();
    head.into()
}

/// The text that a segment of a path stands for.
fn decoded(segment: &str) -> String {
    let field = segment.replace('+', "%2B").replace('&', "%26");
    let field = format!("={field}");
    let mut fields = form_urlencoded::parse(field.as_bytes());
    fields
        .next()
        .map_or_else(String::new, |(_, text)| text.into_owned())
}

/// Follows the change log for the requests that wait, as long as there is somebody who may. `seq` is the last change that
/// the feed knows, where there is a feed; else there is a look again and again. `lender` has the connections.
pub(crate) async fn follow(
    waits: Weak<MessageWaits>,
    mut lender: Lender,
    mut seq: Option<watch::Receiver<i64>>,
) {
    let mut last = seq.as_mut().map_or(0, |seq| *seq.borrow_and_update());
    loop {
        let until = if let Some(seq) = &mut seq {
            if seq.changed().await.is_err() {
                return;
            }
            Some(*seq.borrow_and_update())
        } else {
            sleep(INTERVAL).await;
            None
        };
        let Some(waits) = waits.upgrade() else { return };
        // Who comes after this asks after what is committed by now.
        if waits.agents().is_empty() {
            last = until.unwrap_or(last);
            continue;
        }
        let looked = tokio::task::spawn_blocking(move || {
            let looked = look(&mut lender, last, until);
            (lender, looked)
        });
        let Ok((kept, looked)) = looked.await else {
            return;
        };
        lender = kept;
        if let Ok((position, written_to)) = looked {
            last = position;
            waits.wake(written_to);
        } else {
            // What cannot be known here the component is asked, which says why.
            last = until.unwrap_or(last);
            waits.wake(None);
            drop(waits);
            sleep(INTERVAL).await;
        }
    }
}

/// The last change, and the agents that were written to since the change `last`; `None` where that is not known.
fn look(
    lender: &mut Lender,
    last: i64,
    until: Option<i64>,
) -> Result<(i64, Option<Vec<String>>), Error> {
    let store = lender.take()?;
    let until = match until {
        Some(until) => until,
        None => change_log::position(store.connection())?.seq,
    };
    let written_to = match until {
        _ if until == last => Some(Vec::new()),
        // The log of another database.
        _ if until < last => None,
        _ => change_log::written_to(store.connection(), last, until)?,
    };
    lender.give_back(store)?;
    Ok((until, written_to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(method: &str, target: &str) -> (Option<(String, u64)>, String) {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("http://localhost{target}"));
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        let wait = take_wait(&mut parts).map(|wait| (wait.agent, wait.longest.as_secs()));
        let target = parts.uri.path_and_query().expect("a target").to_string();
        (wait, target)
    }

    #[test]
    fn a_wait_is_taken_out_of_the_query() {
        let path = "/api/runtime/agents/a/messages";
        let wait = |seconds| Some(("a".to_owned(), seconds));
        for (query, expected, rest) in [
            ("?wait=30", wait(30), "?"),
            ("?after=3&wait=5&limit=1", wait(5), "?after=3&limit=1"),
            ("?w%61it=5", wait(5), "?"),
            ("?wait=5&wait=7&wait=", wait(7), "?"),
            // These the component answers.
            ("", None, ""),
            ("?wait=0", None, "?wait=0"),
            ("?wait=31", None, "?wait=31"),
            ("?wait=soon", None, "?wait=soon"),
        ] {
            let (taken, target) = taken("GET", &format!("{path}{query}"));
            assert_eq!(
                (taken, target),
                (expected, format!("{path}{rest}")),
                "{query}"
            );
        }
    }

    #[test]
    fn only_the_messages_to_an_agent_are_waited_for() {
        for (method, target) in [
            ("POST", "/api/runtime/agents/a/messages?wait=5"),
            ("GET", "/api/runtime/agents/a?wait=5"),
            ("GET", "/api/runtime/agents/a/b/messages?wait=5"),
            ("GET", "/api/runtime/messages?wait=5"),
        ] {
            assert_eq!(taken(method, target), (None, target.to_owned()));
        }
        let head = taken("HEAD", "/api/runtime/agents/a/messages?wait=5");
        assert_eq!(head, (None, "/api/runtime/agents/a/messages?".to_owned()));
    }

    #[test]
    fn the_head_is_that_which_came_but_for_the_body() {
        let request =
            http::Request::get("http://localhost/api/runtime/agents/a/messages?wait=5&limit=1")
                .header("host", "localhost")
                .header("x-a", "1")
                .header("x-a", "2")
                .header("content-length", "3");
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        let wait = take_wait(&mut parts).expect("waits");
        assert_eq!(
            wait.head,
            "GET /api/runtime/agents/a/messages?wait=5&limit=1 HTTP/1.1\r\nhost: localhost\r\nx-a: 1\r\nx-a: 2\r\n\r\n"
        );
    }

    #[test]
    fn an_id_is_what_its_segment_stands_for() {
        for (segment, id) in [("a", "a"), ("a%20b+c&d=e", "a b+c&d=e"), ("%C3%BC", "ü")] {
            let (wait, _) = taken(
                "GET",
                &format!("/api/runtime/agents/{segment}/messages/?wait=1"),
            );
            assert_eq!(wait, Some((id.to_owned(), 1)));
        }
    }
}
