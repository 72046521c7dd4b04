//! All views: any names, and any width.

use serde_json::json;

use crate::board::Setup;
use crate::session::SESSION;

#[tokio::test]
async fn a_session_may_have_any_name() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let browser = &setup.browser;
    let long = "x".repeat(255);
    for (number, name) in ["a/b?c#d%20e&f=g+h", " %", "..%2f", &long]
        .iter()
        .enumerate()
    {
        setup.python(&format!(
            "agent('a{number}', 'Planner', session='{name}', cost_usd=1.25)"
        ));
        browser.run("location.hash = '#/board'").await;
        browser.click(&format!(".card[data-id=a{number}] a")).await;
        browser
            .until(&format!(
                "document.querySelector('main.session h1').textContent === '{name}'"
            ))
            .await;
        browser.until_text("[role=tree]", "Planner").await;
        browser.until_text(".head .facts", "$1.25").await;
        browser.reload().await;
        browser.until_text(".head .facts", "$1.25").await;
        browser.run("location.hash = '#/sessions'").await;
        browser
            .until(&format!("[...document.querySelectorAll('tbody a')].some((link) => link.textContent === '{name}')"))
            .await;
    }
    setup.browser.close().await;
}

#[tokio::test]
async fn charts_have_their_numbers_in_a_table() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(SESSION);
    let browser = &setup.browser;
    browser.goto(&setup.url("/dashboard#/charts")).await;
    browser.until_text(".totals", "$0.25").await;
    browser.click("figure:nth-of-type(1) summary").await;
    browser
        .until_text("figure:nth-of-type(1) table", "$0.25")
        .await;
    let said = "return document.querySelector('figure svg desc').textContent";
    assert!(browser.run(said).await.as_str().unwrap().contains("$0.25"));
    setup.browser.close().await;
}

#[tokio::test]
async fn narrow_screens_need_no_sideways_scrolling() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(SESSION);
    setup.python(
        "agent('a9', 'N' * 255, session='s' * 255, error_message='e' * 500, context='c' * 500)
message('q', 'Which one? ' * 40, agent='a9', options='[\"one\", \"another one that is long enough to fill a line by itself\"]')",
    );
    let browser = &setup.browser;
    browser.narrow().await;
    for view in [
        "board",
        "needs",
        "sessions",
        "sessions/demo",
        "definitions",
        "logs",
        "system",
        "charts",
    ] {
        browser.run(&format!("location.hash = '#/{view}'")).await;
        browser
            .until_text("main", if view == "board" { "Builder" } else { "" })
            .await;
        let wide =
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(browser.run(wide).await, json!(0), "{view}");
    }
    setup.browser.close().await;
}
