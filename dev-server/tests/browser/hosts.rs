//! The board on a host without the native feed, and with the feed elsewhere.

use crate::board::card;
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
    browser
        .until("['live', 'polling'].includes(document.getElementById('badge').dataset.state)")
        .await;
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
