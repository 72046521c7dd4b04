//! Who may connect to the feed: from the request to the upgrade.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use feed_protocol::{FeedQuery, Parameters};
use hosting::NoPlace;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_api::{Admission, Query, bearer};

use super::Feed;
use super::client::Client;
use super::upgrade::Upgrade;
use crate::server::{detail, over_share, unavailable};

/// The subprotocol of a browser, which cannot send `Authorization`: the token is offered as the one after it.
const SUBPROTOCOL: &str = "bearer";

/// Lets a request in that brings the token it needs.
pub(super) async fn admit(State(feed): State<Feed>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let token = bearer(headers).or_else(|| {
        let mut offered = offered(headers);
        offered.find(|name| *name == SUBPROTOCOL)?;
        offered.next()
    });
    match feed.admission.tokens.admit(request.method(), token) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// Whether a page of this origin, if it is a page, may connect.
///
/// One that this server gave out itself may: under the names of this machine (`Feed::origins`) and those of
/// `ALLOWED_HOSTS`, and where a token is needed under any. Without a token another name is no proof, since whoever has a
/// domain can let it mean this machine.
fn may_connect(feed: &Feed, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let own = ["http://", "https://"]
        .into_iter()
        .find_map(|scheme| origin.strip_prefix(scheme))
        .zip(host)
        .is_some_and(|(name, host)| name.eq_ignore_ascii_case(host));
    let Admission { hosts, tokens } = &feed.admission;
    let is_ours = tokens.are_set() || host.is_some_and(|host| hosts.name(host));
    feed.origins.allow(origin) || (own && is_ours)
}

/// The subprotocols that a client offers.
fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lists = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(str::trim)
}

/// `GET /ws/agent-status`.
pub(super) async fn connect(
    State(feed): State<Feed>,
    query: Query<FeedQuery>,
    mut request: Request,
) -> Response {
    let parameters = Parameters::of(&query.input);
    if !may_connect(&feed, request.headers()) {
        return detail(
            StatusCode::FORBIDDEN,
            "Pages of this origin may not connect",
        );
    }
    // A browser ends the connection where none of its subprotocols is chosen, also where no token is needed.
    let has_bearer = offered(request.headers()).any(|name| name == SUBPROTOCOL);
    let upgrade = match Upgrade::new(&mut request) {
        Ok(upgrade) => upgrade,
        Err(sentence) => {
            let mut response = detail(StatusCode::UPGRADE_REQUIRED, &sentence);
            let headers = response.headers_mut();
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            return response;
        }
    };
    let client = request.extensions().get().copied();
    let place = match feed.clients.take(client) {
        Ok(place) => place,
        Err(NoPlace::OverShare) => return over_share(),
        Err(NoPlace::TooMany) => {
            return unavailable("There are too many clients, try again later", "10");
        }
    };
    let mut response =
        upgrade.run(move |socket| Client::new(feed, socket, parameters, place).run());
    if has_bearer {
        let chosen = HeaderValue::from_static(SUBPROTOCOL);
        let headers = response.headers_mut();
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, chosen);
    }
    response
}
