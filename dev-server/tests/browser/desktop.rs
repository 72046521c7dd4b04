//! Notifications on the desktop.

use fantoccini::wd::WindowHandle;
use serde_json::json;

use crate::board::Setup;
use crate::browser::Browser;

/// Keeps what the page tells, and counts it for all windows.
const RECORD: &str = "window.told = [];
    const Real = Notification;
    window.Notification = class extends Real {
        constructor(title, options) {
            super(title, options);
            told.push(this);
            localStorage.told = JSON.stringify([...JSON.parse(localStorage.told ?? '[]'), `${title}: ${this.body}`]);
        }
    };";
const AGENTS: &str = "agent('a1', 'Planner')\nagent('a2', 'Tester')";

/// The board in two windows, of which both may notify.
async fn two_windows(setup: &Setup) -> [WindowHandle; 2] {
    let browser = &setup.browser;
    browser.notifications(&setup.url(""), "granted").await;
    let first = browser.window().await;
    let second = browser.open_window().await;
    for window in [&first, &second] {
        browser.go_to_window(window).await;
        browser.goto(&setup.url("/dashboard")).await;
        browser.until_badge("live").await;
        browser.until_text("main", "Tester").await;
        browser.run(RECORD).await;
    }
    [first, second]
}

/// Waits until each window knows of so many questions.
async fn until_asked(browser: &Browser, windows: &[WindowHandle], questions: usize) {
    for window in windows {
        browser.go_to_window(window).await;
        browser
            .until(&format!("document.title.startsWith('({questions})')"))
            .await;
    }
}

/// Waits until so much was told in all windows, and gives it.
async fn told(browser: &Browser, many: usize) -> serde_json::Value {
    let told = "JSON.parse(localStorage.told ?? '[]')";
    browser.until(&format!("{told}.length >= {many}")).await;
    browser.run(&format!("return {told}.sort()")).await
}

/// Clicks the notification with that title, in the window that has it.
async fn click(browser: &Browser, windows: &[WindowHandle], title: &str) {
    for window in windows {
        browser.go_to_window(window).await;
        let found = browser
            .run(&format!("const it = told.find((one) => one.title === '{title}'); it?.dispatchEvent(new Event('click')); return Boolean(it)"))
            .await;
        if found == json!(true) {
            return;
        }
    }
    panic!("nobody told {title}");
}

#[tokio::test]
async fn a_question_and_a_failure_are_told_once_and_lead_there() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    // What was there before is no news.
    setup.python(&format!("{AGENTS}\nmessage('q0', 'Old?', options='[]')"));
    let browser = &setup.browser;
    let windows = two_windows(&setup).await;
    for window in &windows {
        browser.go_to_window(window).await;
        browser.minimize().await;
    }
    setup.python("message('q1', 'Which database?', options='[\"SQLite\", \"PostgreSQL\"]')");
    until_asked(browser, &windows, 2).await;
    told(browser, 1).await;
    setup.python("db.execute(\"UPDATE agents SET status = 'failed', error_message = 'out of tokens', completed_at = '2999-01-01 00:00:00' WHERE id = 'a2'\")");
    told(browser, 2).await;
    setup.python("message('q2', 'And now?', options='[]')");
    until_asked(browser, &windows, 3).await;
    assert_eq!(
        told(browser, 3).await,
        json!([
            "Planner asks: And now?",
            "Planner asks: Which database?",
            "Tester failed: out of tokens"
        ])
    );
    click(browser, &windows, "Tester failed").await;
    browser
        .until("location.hash === '#/sessions/demo?agent=a2'")
        .await;
    click(browser, &windows, "Planner asks").await;
    browser
        .until("location.hash.startsWith('#/needs?question=q')")
        .await;
    browser
        .until("document.activeElement.closest('.question')?.dataset.id === new URLSearchParams(location.hash.split('?')[1]).get('question')")
        .await;
    setup.browser.close().await;
}

#[tokio::test]
async fn nothing_is_told_while_somebody_looks() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(AGENTS);
    let browser = &setup.browser;
    let windows = two_windows(&setup).await;
    browser.go_to_window(&windows[0]).await;
    browser.minimize().await;
    setup.python("message('q1', 'Who looks?', options='[]')");
    until_asked(browser, &windows, 1).await;
    browser.minimize().await;
    setup.python("message('q2', 'Nobody?', options='[]')");
    assert_eq!(told(browser, 1).await, json!(["Planner asks: Nobody?"]));
    setup.browser.close().await;
}

#[tokio::test]
async fn where_it_is_denied_that_is_said() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let browser = &setup.browser;
    browser.notifications(&setup.url(""), "denied").await;
    browser.run("location.hash = '#/needs'").await;
    browser
        .until_text("main.needs", "The browser blocks notifications")
        .await;
    assert_eq!(
        browser
            .run("return document.body.innerText.includes('Notify me')")
            .await,
        json!(false)
    );
    setup.browser.close().await;
}
