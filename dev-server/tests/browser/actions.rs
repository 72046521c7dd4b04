//! What a person can do on the board.

use serde_json::json;

use crate::board::{Setup, card};
use crate::deletions::until_deleted;
use crate::support::server::Server;

#[tokio::test]
async fn a_definition_is_made_and_faults_are_shown_where_they_are() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let browser = &setup.browser;
    for (name, answer) in [
        ("Planner", "Planner is there"),
        ("Builder", "Builder is there"),
    ] {
        browser.click("#new-definition").await;
        browser.type_into("dialog [name=name]", name).await;
        browser.click("dialog [type=submit]").await;
        browser.until_text("#notes", answer).await;
        browser.until("!document.querySelector('dialog')").await;
    }
    browser.click("#new-definition").await;
    browser.type_into("dialog [name=name]", "Planner").await;
    browser.click("dialog [type=submit]").await;
    browser.until_text("dialog [role=alert]", "Planner").await;
    setup.browser.close_but_for(&["409"]).await;
}

#[tokio::test]
async fn an_agent_is_asked_to_stop_and_is_deleted() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python("agent('a1', 'Planner')\nagent('a2', 'Builder')");
    let browser = &setup.browser;
    browser
        .click(&format!("{} a", card("planning", "a1")))
        .await;
    browser.until_text(".agent h2", "Planner").await;
    browser
        .click(".agent header .buttons button:first-child")
        .await;
    browser
        .until_text(".agent header .buttons", "Asked to stop")
        .await;
    setup.python("assert db.execute(\"SELECT cancel_requested FROM agents WHERE id = 'a1'\").fetchone() == (1,)");
    // Also after a reload, and where somebody else has asked.
    browser.reload().await;
    browser
        .until_text(".agent header .buttons", "Asked to stop")
        .await;
    setup.python("db.execute(\"UPDATE agents SET cancel_requested = 1 WHERE id = 'a2'\")");
    browser.run("location.hash = '#/board'").await;
    browser
        .until(&format!(
            "document.querySelector('{}').classList.contains('cancelling')",
            card("planning", "a2")
        ))
        .await;
    browser
        .click(&format!("{} a", card("planning", "a1")))
        .await;
    browser.click(".agent header .danger").await;
    browser.until_text("dialog", "You can undo it").await;
    browser.click("dialog .quiet").await;
    browser.until("!document.querySelector('dialog')").await;
    setup.python("assert db.execute('SELECT count(*) FROM agents').fetchone() == (2,)");
    browser.click(".agent header .danger").await;
    browser.click("dialog .danger").await;
    browser
        .until("!document.querySelector('[data-id=a1]')")
        .await;
    until_deleted(browser, "a1").await;
    setup.python("assert db.execute('SELECT count(*) FROM agents').fetchone() == (1,)");
    setup.browser.close().await;
}

#[tokio::test]
async fn a_token_is_asked_for_and_kept() {
    let Some(setup) = Setup::with(&[("API_TOKEN", "right"), ("API_READ_TOKEN", "read")]).await
    else {
        return;
    };
    let browser = &setup.browser;
    for (token, answer) in [("wrong", "does not take"), ("right", "")] {
        browser.type_into("dialog [name=token]", token).await;
        browser.click("dialog [type=submit]").await;
        if !answer.is_empty() {
            browser.until_text("dialog", answer).await;
        }
    }
    browser.until_badge("live").await;
    setup.python("agent('a1', 'Planner')");
    browser.until_text(&card("planning", "a1"), "Planner").await;
    browser.reload().await;
    browser.until_text(&card("planning", "a1"), "Planner").await;
    setup
        .browser
        .close_but_for(&["401", "Authentication failed"])
        .await;
}

#[tokio::test]
async fn a_token_that_is_no_longer_taken_is_asked_for_anew() {
    let Some(mut setup) = Setup::with(&[("API_TOKEN", "old")]).await else {
        return;
    };
    let port = setup.server.address().port().to_string();
    let browser = &setup.browser;
    browser.type_into("dialog [name=token]", "old").await;
    browser.click("dialog [type=submit]").await;
    browser.until_badge("live").await;
    browser.run("window.same = true").await;
    setup.server.signal("TERM");
    setup.server.wait();
    let path = setup.folder.path().join("test.db");
    setup.server = Server::start(&path, &[("API_TOKEN", "new"), ("WEBSOCKET_PORT", &port)]);
    let browser = &setup.browser;
    browser.until_text("dialog", "does not take").await;
    // Who has none is left alone, and may change his mind.
    browser.click("dialog .quiet").await;
    browser.until_badge("no token").await;
    browser.click("#unlock").await;
    browser.type_into("dialog [name=token]", "new").await;
    browser.click("dialog [type=submit]").await;
    browser.until_badge("live").await;
    setup.python("agent('a1', 'Planner')");
    browser.until_text(&card("planning", "a1"), "Planner").await;
    assert_eq!(browser.run("return window.same").await, json!(true));
    setup
        .browser
        .close_but_for(&["401", "Authentication failed", "ERR_CONNECTION_REFUSED"])
        .await;
}

#[tokio::test]
async fn several_agents_are_asked_to_stop_told_to_go_on_and_deleted() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(
        "for n in range(8): agent(f'a{n}', 'Planner')\nagent('b', 'Tester', status='completed')",
    );
    let browser = &setup.browser;
    browser.until_text("main", "Tester").await;
    browser.click(".filter > button[aria-pressed]").await;
    for id in ["a1", "a3", "b"] {
        browser.click(&format!(".card[data-id={id}] .name")).await;
    }
    browser
        .until_text(".selection-bar", "3 agents selected")
        .await;
    browser.click(".selection-bar button:nth-of-type(2)").await;
    browser.until_text("#notes", "2 agents asked to stop").await;
    let asked = "SELECT group_concat(id) FROM (SELECT id FROM agents WHERE cancel_requested = 1 ORDER BY id)";
    setup.python(&format!(
        "assert db.execute('{asked}').fetchone() == ('a1,a3',)"
    ));
    browser.click("#notes .toast button:not(.quiet)").await;
    browser
        .until("!document.querySelector('.cancelling')")
        .await;
    setup.python(&format!(
        "assert db.execute('{asked}').fetchone() == (None,)"
    ));
    // By keys too.
    browser.click(".filter > button[aria-pressed]").await;
    browser.press_on(".card[data-id=a5] .name", ' ').await;
    browser.press_on(".card[data-id=b] .name", ' ').await;
    browser
        .until_text(".selection-bar", "2 agents selected")
        .await;
    browser.click(".selection-bar .danger").await;
    for text in [
        "Delete 2 agents?",
        "1 of them is still at work",
        "Planner a5",
        "prompts, logs",
    ] {
        browser.until_text("dialog", text).await;
    }
    browser.click("dialog .danger").await;
    browser
        .until("document.querySelectorAll('.card').length === 7")
        .await;
    for id in ["a5", "b"] {
        until_deleted(browser, id).await;
    }
    setup.python("assert db.execute('SELECT count(*) FROM agents').fetchone() == (7,)");
    setup.browser.close().await;
}

#[tokio::test]
async fn a_token_that_may_only_read_is_said_to_be() {
    let Some(setup) = Setup::with(&[("API_TOKEN", "right"), ("API_READ_TOKEN", "read")]).await
    else {
        return;
    };
    setup.python("agent('a1', 'Planner')");
    let browser = &setup.browser;
    browser.type_into("dialog [name=token]", "read").await;
    browser.click("dialog [type=submit]").await;
    browser.click(".card .stop").await;
    browser.until_badge("live, read only").await;
    setup
        .browser
        .close_but_for(&["401", "403", "Authentication failed"])
        .await;
}
