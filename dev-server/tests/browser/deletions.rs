//! Deletions, which can be undone for some seconds, and are sent when the page is left.

use crate::board::{Setup, card};
use crate::browser::Browser;

const COUNT: &str = "SELECT group_concat(id) FROM (SELECT id FROM agents ORDER BY id)";

fn stored(ids: &str) -> String {
    format!("assert db.execute('{COUNT}').fetchone() == ('{ids}',)")
}

/// Waits until the page has the answer that an agent is deleted; who waits no longer for the undo closes what tells of it.
pub(crate) async fn until_deleted(browser: &Browser, id: &str) {
    browser
        .run("document.querySelector('#notes .toast[data-action=Undo] .quiet')?.click()")
        .await;
    browser
        .until(&format!(
            "performance.getEntriesByType('resource').some(({{ name, responseStatus }}) => name.endsWith('/agents/{id}') && responseStatus === 204)"
        ))
        .await;
}

#[tokio::test]
async fn a_deletion_is_undone_before_anything_is_sent() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python("agent('a1', 'Planner')\nagent('a2', 'Builder')\nprompt('p', 'Do it')\nmessage('q', 'Which?', options='[]')");
    let browser = &setup.browser;
    browser
        .click(&format!("{} a", card("planning", "a1")))
        .await;
    browser.click(".agent header .danger").await;
    for text in ["prompts, logs, messages", "agents that it started stay"] {
        browser.until_text("dialog", text).await;
    }
    browser.click("dialog .danger").await;
    browser
        .until("!document.querySelector('[role=treeitem][data-id=a1]')")
        .await;
    // Nobody is asked for it either, and what happens to it meanwhile does not bring it back.
    browser
        .until("document.querySelector('.needs-bar').hidden")
        .await;
    setup.python("db.execute(\"UPDATE agents SET status = 'executing', cost_usd = 2\")");
    browser.run("location.hash = '#/board'").await;
    browser
        .until_text("section[data-status=executing]", "Builder")
        .await;
    browser
        .until("document.querySelectorAll('.card').length === 1")
        .await;
    browser.until_text("#notes", "will be deleted").await;
    browser.press_on("main", 'u').await;
    browser.until_text(&card("executing", "a1"), "$2.00").await;
    browser.until_text(".needs-bar", "Which?").await;
    setup.python(&stored("a1,a2"));
    setup.browser.close().await;
}

#[tokio::test]
async fn who_leaves_the_page_has_deleted() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python("for n in range(4): agent(f'a{n}', 'Planner')");
    let browser = &setup.browser;
    browser.click(".filter > button[aria-pressed]").await;
    for id in ["a1", "a2"] {
        browser.click(&format!(".card[data-id={id}] .name")).await;
    }
    browser.click(".selection-bar .danger").await;
    browser.click("dialog .danger").await;
    browser
        .until_text("#notes", "2 agents will be deleted")
        .await;
    setup.python(&stored("a0,a1,a2,a3"));
    browser.goto("about:blank").await;
    browser.goto(&setup.url("/dashboard")).await;
    browser.until_text(&card("planning", "a0"), "Planner").await;
    browser
        .until("document.querySelectorAll('.card').length === 2")
        .await;
    setup.python(&stored("a0,a3"));
    setup.browser.close().await;
}

#[tokio::test]
async fn what_cannot_be_deleted_comes_back() {
    let Some(mut setup) = Setup::new().await else {
        return;
    };
    let port = setup.server.address().port().to_string();
    setup.python("agent('a1', 'Planner')");
    let browser = &setup.browser;
    browser.click(".filter > button[aria-pressed]").await;
    browser.click(".card[data-id=a1] .name").await;
    browser.click(".selection-bar .danger").await;
    browser.click("dialog .danger").await;
    browser.until("!document.querySelector('.card')").await;
    setup.server.signal("TERM");
    setup.server.wait();
    let browser = &setup.browser;
    browser
        .click("#notes .toast[data-action=Undo] .quiet")
        .await;
    browser
        .until_text("#alerts", "1 agent could not be deleted")
        .await;
    let path = setup.folder.path().join("test.db");
    setup.server = crate::support::server::Server::start(&path, &[("WEBSOCKET_PORT", &port)]);
    let browser = &setup.browser;
    browser.until_text(&card("planning", "a1"), "Planner").await;
    setup.browser.close_but_for(&["ERR_"]).await;
}
