//! Each task of the board with keys alone: where Tab, arrows and letters do not lead, a test fails.

use fantoccini::key::Key;

use crate::board::{Setup, card};

const SEEN: &str = "
agent('a1', 'Orchestrator', status='executing', context='{\"task\": \"Lead\"}')
agent('a2', 'Builder', parent='a1')
agent('a3', 'Tester', parent='a1', status='completed', completed_at='2026-01-01 00:00:00')
message('q', 'Which database?', agent='a2', options='[\"SQLite\", \"PostgreSQL\"]')
log('nothing to see', agent='a2')
log('it is bad', 'ERROR', agent='a2')
";
const CTRL_K: &str = "\u{E009}k\u{E000}";

#[tokio::test]
async fn an_agent_is_found_answered_written_to_and_watched() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(SEEN);
    let browser = &setup.browser;
    browser.until_text(&card("planning", "a2"), "Builder").await;
    // What the keys are.
    browser.keys("?").await;
    browser.until_text("dialog.keys", "Find anything").await;
    browser.press(Key::Escape).await;
    browser.until("!document.querySelector('dialog')").await;
    // Find, and open.
    browser.keys(CTRL_K).await;
    browser
        .until("document.activeElement.matches('dialog input')")
        .await;
    browser.keys("Builder a2").await;
    browser
        .until_text("[role=group][aria-label=Agents] [role=option]", "Builder")
        .await;
    browser.press(Key::Enter).await;
    browser.until_text(".agent h2", "Builder").await;
    // Answer.
    browser.keys("n").await;
    browser
        .until("document.activeElement.textContent.includes('SQLite')")
        .await;
    browser.keys("2").await;
    browser.until_text("#notes", "Answered: PostgreSQL").await;
    // Write.
    browser.tab_to(".composer textarea").await;
    browser.keys("Keep to the issue").await;
    browser.press(Key::Enter).await;
    browser.until_text(".turns", "Keep to the issue").await;
    // Look at its other parts.
    for (part, text) in [("log", "it is bad"), ("details", "Started by")] {
        if part == "log" {
            browser.tab_to("[role=tab][aria-selected=true]").await;
        }
        browser.press(Key::Right).await;
        browser.until_text(&format!(".part.{part}"), text).await;
    }
    // Go about in the tree and on the axis of time.
    browser.tab_to("[role=treeitem]").await;
    browser.press(Key::Home).await;
    browser.press(Key::Left).await;
    browser
        .until("document.querySelectorAll('[aria-level=\"2\"]:not([aria-selected=true])').length === 0")
        .await;
    browser.press(Key::Right).await;
    browser.press(Key::Down).await;
    browser.press(Key::Down).await;
    let ticks =
        "[...document.querySelectorAll('.axis .tick')].map((tick) => tick.textContent).join()";
    let all = browser.run(&format!("return {ticks}")).await;
    browser.keys("+").await;
    browser.keys("+").await;
    browser.keys(">").await;
    browser.until(&format!("{ticks} !== {all}")).await;
    browser.keys("0").await;
    browser
        .until("document.querySelector('.axis .tick').textContent === '0s'")
        .await;
    browser.press(Key::Enter).await;
    browser.until_text(".agent h2", "Tester").await;
    setup.browser.close().await;
}

#[tokio::test]
async fn several_are_selected_stopped_and_deleted() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(SEEN);
    let browser = &setup.browser;
    browser.until_text(&card("planning", "a2"), "Builder").await;
    let select = async || {
        browser.tab_to(".filter > button[aria-pressed]").await;
        browser.press(Key::Enter).await;
        browser.tab_to(".card .name").await;
        browser.keys(" ").await;
        browser.press(Key::Right).await;
        browser.keys(" ").await;
        browser
            .until_text(".selection-bar", "2 agents selected")
            .await;
    };
    select().await;
    browser.tab_to(".selection-bar button:nth-of-type(2)").await;
    browser.press(Key::Enter).await;
    browser
        .until("document.querySelectorAll('.cancelling').length === 2")
        .await;
    browser.keys("u").await;
    browser
        .until("!document.querySelector('.cancelling')")
        .await;
    // The focus is where it was, not at the begin of the page.
    browser
        .until("document.activeElement.matches('.filter > button[aria-pressed]')")
        .await;
    browser.press(Key::Tab).await;
    select().await;
    browser.tab_to(".selection-bar .danger").await;
    browser.press(Key::Enter).await;
    browser.until_text("dialog", "Delete 2 agents?").await;
    browser.tab_to("dialog .danger").await;
    browser.press(Key::Enter).await;
    browser
        .until("document.querySelectorAll('.card').length === 1")
        .await;
    browser.keys("u").await;
    browser
        .until("document.querySelectorAll('.card').length === 3")
        .await;
    setup.python("assert db.execute('SELECT count(*) FROM agents').fetchone() == (3,)");
    setup.browser.close().await;
}

#[tokio::test]
async fn the_log_is_filtered_followed_and_saved() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(SEEN);
    let browser = &setup.browser;
    browser.until_text(&card("planning", "a2"), "Builder").await;
    browser.tab_to("#views a[href='#/logs']").await;
    browser.press(Key::Enter).await;
    browser.until_text(".log", "nothing to see").await;
    browser.keys("/").await;
    browser.keys("bad").await;
    browser
        .until("document.querySelectorAll('.entry').length === 1")
        .await;
    browser.until_text(".entry mark", "bad").await;
    browser.tab_to(".filter select[name=level]").await;
    browser.keys("E").await;
    browser.until("location.hash.includes('level=ERROR')").await;
    browser.tab_to(".filter .buttons button:last-child").await;
    browser.press(Key::Enter).await;
    setup.python("log('bad again', 'ERROR', agent='a2')");
    browser.until_text(".fresh", "1").await;
    browser.press(Key::Enter).await;
    browser.until_text(".log", "bad again").await;
    browser.tab_to(".filter .buttons button:nth-child(2)").await;
    browser.press(Key::Enter).await;
    browser.until_text("#notes", "Exported as logs.csv").await;
    setup.browser.close().await;
}
