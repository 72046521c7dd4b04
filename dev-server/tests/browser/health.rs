//! What the board says of the database: that somebody else holds it, and what is deleted for its age.

use std::path::Path;

use rusqlite::Connection;
use serde_json::json;

use crate::board::Setup;
use crate::browser::Browser;
use crate::python::python;
use crate::support::server::Server;

/// Another process that has failed in the middle of a transaction. It lets go when dropped.
fn hold(database: &Path) -> Connection {
    let foreign = Connection::open(database).unwrap();
    foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
    foreign
}

#[tokio::test]
async fn every_view_says_that_nothing_can_be_written() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let browser = &setup.browser;
    setup.python("agent('a1', 'Planner')");
    browser.until_text(".card", "Planner").await;
    let silent = "document.querySelector('.banner').innerText === ''";
    assert_eq!(browser.run(&format!("return {silent}")).await, json!(true));
    let foreign = hold(&setup.folder.path().join("test.db"));
    let text = "Another process holds the database: nothing can be written since";
    browser.until_text(".banner", text).await;
    browser.narrow().await;
    for view in ["board", "sessions", "sessions/demo", "logs", "charts"] {
        browser.run(&format!("location.hash = '#/{view}'")).await;
        browser.until_text(".banner", text).await;
        let wide =
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(browser.run(wide).await, json!(0), "{view}");
    }
    drop(foreign);
    browser.until(silent).await;
    setup.browser.close().await;
}

#[tokio::test]
async fn the_board_says_which_log_entries_are_deleted() {
    let Some(browser) = Browser::open().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    drop(Server::start(&path, &[]));
    python(
        &path,
        "
agent('a1', 'Planner')
insert = \"INSERT INTO agent_logs (agent_id, log_type, message, created_at) VALUES ('a1', 'milestone', 'old', '2020-01-01 10:00:00')\"
for n in range(1234): db.execute(insert)
",
    );
    let server = Server::start(&path, &[("RETENTION_DAYS", "30")]);
    // As long as somebody holds the database, nothing is deleted.
    let foreign = hold(&path);
    browser
        .goto(&format!("http://{}/dashboard", server.address()))
        .await;
    let text = "Log entries are deleted after 30 days; 1,234 are older and go soon";
    browser.until_text(".notice", text).await;
    browser.click(".notice button").await;
    browser.reload().await;
    browser.run("location.hash = '#/logs'").await;
    browser.until_text(".retention", text).await;
    // Who has dismissed it is not told again.
    browser.run("location.hash = '#/board'").await;
    browser
        .until("document.querySelector('.notice').textContent.includes('1,234')")
        .await;
    let hidden = "return document.querySelector('.notice').hidden";
    assert_eq!(browser.run(hidden).await, json!(true));
    browser.run("location.hash = '#/logs'").await;
    drop(foreign);
    browser
        .until("document.querySelector('.retention').innerText === 'Log entries are deleted after 30 days.'")
        .await;
    browser.close().await;
}
