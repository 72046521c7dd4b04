//! The board on a host without the native feed, with no feed at all, with the feed elsewhere, and before a database that
//! goes away and comes back.

use std::net::SocketAddr;

use http::Uri;
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use crate::board::{Setup, card};
use crate::browser::Browser;
use crate::python::python;
use crate::support::server::Server;

#[tokio::test]
async fn without_websocket_the_board_is_still_up_to_date() {
    let Some(browser) = Browser::open().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = Server::without_a_feed(&path, &[]);
    browser
        .goto(&format!("http://{}/dashboard", server.address()))
        .await;
    // By Server-Sent Events.
    browser.until_badge("live").await;
    python(&path, "agent('a1', 'Planner')");
    browser.until_text(&card("planning", "a1"), "Planner").await;
    python(
        &path,
        "db.execute(\"UPDATE agents SET status = 'completed'\")",
    );
    browser
        .until_text(&card("completed", "a1"), "Planner")
        .await;
    browser
        .close_but_for(&["agent-status", "/api/runtime/events"])
        .await;
}

#[tokio::test]
async fn the_feed_may_be_elsewhere() {
    let Some(browser) = Browser::open().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let feed = Server::start(&path, &[("CORS_ORIGINS", "*")]);
    let url = format!("ws://{}/ws/agent-status", feed.address());
    let server = Server::without_a_feed(&path, &[("FEED_URL", &url)]);
    browser
        .goto(&format!("http://{}/dashboard", server.address()))
        .await;
    browser.until_badge("live").await;
    python(&path, "agent('a1', 'Planner')");
    browser.until_text(&card("planning", "a1"), "Planner").await;
    browser.close().await;
}

#[tokio::test]
async fn without_any_feed_the_list_is_asked_for() {
    let Some(browser) = Browser::open().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let server = Server::without_a_feed(&path, &[]);
    let address = without_events(server.address()).await;
    browser.goto(&format!("http://{address}/dashboard")).await;
    browser.until_badge("polling").await;
    python(&path, "agent('a1', 'Planner')\nagent('a2', 'Tester')");
    browser.until_text(&card("planning", "a1"), "Planner").await;
    python(
        &path,
        "db.execute(\"UPDATE agents SET status = 'completed' WHERE id = 'a1'\")\ndb.execute(\"DELETE FROM agents WHERE id = 'a2'\")",
    );
    browser
        .until_text(&card("completed", "a1"), "Planner")
        .await;
    browser
        .until("!document.querySelector('[data-id=a2]')")
        .await;
    browser.until_badge("polling").await;
    browser
        .close_but_for(&["agent-status", "/api/runtime/events"])
        .await;
}

/// A proxy before `server` that does not know of Server-Sent Events.
async fn without_events(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(
                TokioIo::new(stream),
                service_fn(move |request| pass_on(request, server)),
            );
            tokio::spawn(connection);
        }
    });
    address
}

async fn pass_on(
    mut request: hyper::Request<Incoming>,
    server: SocketAddr,
) -> hyper::Result<hyper::Response<Incoming>> {
    if request.uri().path() == "/api/runtime/events" {
        *request.uri_mut() = Uri::from_static("/api/no-such-path");
    }
    let stream = TcpStream::connect(server).await.expect("connects");
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    sender.send_request(request).await
}

#[tokio::test]
async fn the_board_says_when_the_database_is_away() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let browser = &setup.browser;
    setup.python("agent('a1', 'Planner')");
    browser.until_text(&card("planning", "a1"), "Planner").await;
    browser.until_badge("live").await;
    browser.run("window.same = true").await;
    let path = setup.folder.path().join("test.db");
    let away = setup.folder.path().join("away.db");
    std::fs::rename(&path, &away).unwrap();
    browser.until_badge("stale").await;
    browser
        .until_text(".banner", "The database cannot be reached")
        .await;
    // What was known is still shown.
    browser.until_text(&card("planning", "a1"), "Planner").await;
    std::fs::rename(&away, &path).unwrap();
    browser.until_badge("live").await;
    browser
        .until("document.querySelector('.banner').innerText === ''")
        .await;
    setup.python("agent('a2', 'Tester')");
    browser.until_text(&card("planning", "a2"), "Tester").await;
    assert_eq!(browser.run("return window.same").await, json!(true));
    setup.browser.close_but_for(&["503"]).await;
}
