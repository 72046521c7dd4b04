//! What the board shows, and the keyboard.

use fantoccini::key::Key;
use serde_json::json;

use crate::board::{Setup, card};

const AGENTS: &str = "
agent('a1', 'Planner', session='one')
agent('a2', 'Builder', session='one', status='failed', error_message='no such file')
agent('a3', 'Planner', session='two', status='failed')
";
const SHOWN: &str =
    "[...document.querySelectorAll('.card')].map((card) => card.dataset.id).sort().join()";

#[tokio::test]
async fn filters_stand_in_the_address_and_survive_a_reload() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(AGENTS);
    let browser = &setup.browser;
    let shows = async |ids: &str| {
        browser.until(&format!("{SHOWN} === '{ids}'")).await;
    };
    shows("a1,a2,a3").await;
    browser.click(".chip[data-status=failed]").await;
    shows("a2,a3").await;
    browser.type_into("input[type=search]", "FILE").await;
    shows("a2").await;
    browser.reload().await;
    shows("a2").await;
    let address = browser.run("return location.hash").await;
    assert_eq!(address, json!("#/board?status=failed&q=FILE"));
    browser.click(".filter > button").await;
    shows("a1,a2,a3").await;
    browser.run("location.hash = '#/board?session=two'").await;
    shows("a3").await;
    // What changes meanwhile is filtered too.
    setup.python("agent('a4', 'Tester', session='two')\nagent('a5', 'Tester', session='one')");
    shows("a3,a4").await;
    setup.browser.close().await;
}

#[tokio::test]
async fn a_text_and_a_time_find_what_was_begun_long_ago() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(
        "for n in range(1200): agent(f'n{n}', 'Builder', status='completed', completed_at='2026-02-01 00:00:00')
now, = db.execute(\"SELECT datetime('now', '-10 minutes')\").fetchone()
agent('old', 'Planner', status='failed', started_at='2026-01-01 00:00:00', completed_at=now, context='Draw the map')
agent('older', 'Planner', status='failed', started_at='2026-01-01 00:00:00', completed_at='2026-01-01 00:00:00', context='Draw the map')",
    );
    let browser = &setup.browser;
    let shows = async |ids: &str| {
        browser.until(&format!("{SHOWN} === '{ids}'")).await;
    };
    browser.reload().await;
    browser
        .until_text("section[data-status=completed]", "Builder")
        .await;
    browser.type_into("input[type=search]", "draw the").await;
    shows("old,older").await;
    browser
        .run("const range = document.querySelector('.filter select'); range.value = 'hour'; range.dispatchEvent(new Event('change', { bubbles: true }))")
        .await;
    shows("old").await;
    browser.reload().await;
    shows("old").await;
    // All that there are.
    browser
        .until("document.querySelector('section[data-status=failed] .count').textContent === '1'")
        .await;
    let address = browser.run("return location.hash").await;
    assert_eq!(address, json!("#/board?q=draw+the&since=hour"));
    browser.click(".filter > button").await;
    browser
        .until("document.querySelectorAll('.card').length > 2")
        .await;
    browser.run("location.hash = '#/board?since=hour'").await;
    shows("old").await;
    setup.browser.close().await;
}

#[tokio::test]
async fn the_keyboard_reaches_everything() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(AGENTS);
    let browser = &setup.browser;
    browser.until_text(&card("planning", "a1"), "Planner").await;
    let focused = "return document.activeElement.closest('.card')?.dataset.id ?? document.activeElement.textContent.trim()";
    browser.press(Key::Tab).await;
    assert_eq!(browser.run(focused).await, json!("Skip to the content"));
    browser.press(Key::Enter).await;
    // From the content on: the search, the time, seven statuses, the selection, then the first card.
    for _ in 0..11 {
        browser.press(Key::Tab).await;
    }
    assert_eq!(browser.run(focused).await, json!("a1"));
    browser.press(Key::Right).await;
    let next = browser.run(focused).await;
    assert!(next == "a2" || next == "a3", "{next}");
    browser.press(Key::Enter).await;
    browser
        .until("location.hash.startsWith('#/sessions/')")
        .await;
    setup.browser.close().await;
}

#[tokio::test]
async fn light_and_dark_can_be_chosen() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let browser = &setup.browser;
    let ground = "return getComputedStyle(document.body).backgroundColor";
    let before = browser.run(ground).await;
    browser.click("#theme").await;
    let after = browser.run(ground).await;
    assert_ne!(before, after);
    browser.reload().await;
    assert_eq!(browser.run(ground).await, after);
    setup.browser.close().await;
}
