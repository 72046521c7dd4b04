//! What needs a person: questions and failures.

use fantoccini::key::Key;
use serde_json::json;

use crate::board::Setup;

const QUESTION: &str = "
agent('a1', 'Planner', context='{\"task\": \"Add pages\"}')
message('q1', 'Which `database`?', options='[\"SQLite\", \"PostgreSQL\"]', created_at='2026-01-01 00:00:01')
";
const ANSWER: &str =
    "SELECT message, sender_type, receiver_type, agent_id FROM orchestrator_chat WHERE reply_to = ";

fn answered(question: &str, answer: &str) -> String {
    format!(
        "assert db.execute(\"{ANSWER}'{question}'\").fetchall() == [('{answer}', 'user', 'agent', 'a1')]"
    )
}

#[tokio::test]
async fn a_question_is_answered_by_one_click_from_any_view() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let browser = &setup.browser;
    browser.until_badge("live").await;
    browser.run("location.hash = '#/charts'").await;
    setup.python(QUESTION);
    for text in ["Planner", "Add pages", "Which database?"] {
        browser.until_text(".needs-bar .question", text).await;
    }
    browser
        .until("document.title === '(1) Charts · Orchestrator'")
        .await;
    browser
        .until("document.querySelector('link[rel=icon]').href.startsWith('data:image/svg+xml')")
        .await;
    browser
        .click(".needs-bar .answer button:nth-of-type(2)")
        .await;
    browser.until_text("#notes", "Answered: PostgreSQL").await;
    browser
        .until("document.querySelector('.needs-bar').hidden")
        .await;
    browser
        .until("document.title === 'Charts · Orchestrator'")
        .await;
    setup.python(&answered("q1", "PostgreSQL"));
    setup.browser.close().await;
}

#[tokio::test]
async fn questions_are_answered_by_keys_one_after_the_other() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(&format!(
        "{QUESTION}\nmessage('q2', 'How many?', options='[]', created_at='2026-01-01 00:00:02')"
    ));
    let browser = &setup.browser;
    browser.run("location.hash = '#/needs'").await;
    browser.until_text("main .question", "SQLite").await;
    browser.press_on("main", 'n').await;
    browser
        .until("document.activeElement.textContent.includes('SQLite')")
        .await;
    browser.press_on(":focus", '1').await;
    browser
        .until("!document.querySelector('[data-id=q1]')")
        .await;
    // Where nothing is offered, anything may be said.
    browser
        .until("document.activeElement.matches('[data-id=q2] input')")
        .await;
    browser.type_into("[data-id=q2] input", "a dozen").await;
    browser.press(Key::Enter).await;
    browser
        .until_text("main", "No agent waits for an answer")
        .await;
    setup.python(&answered("q1", "SQLite"));
    setup.python(&answered("q2", "a dozen"));
    setup.browser.close().await;
}

#[tokio::test]
async fn who_is_second_hears_so_and_the_question_goes() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(QUESTION);
    let browser = &setup.browser;
    browser.until_text(".needs-bar", "SQLite").await;
    // The feed stands still, so that the page does not hear of the other answer before.
    browser
        .run(
            "const real = window.fetch; window.fetch = async (path, options) => {
            if (options?.method === 'POST') {
                const body = JSON.stringify({...JSON.parse(options.body), message: 'the other'});
                await real(path, {...options, body});
            }
            return real(path, options);
        }",
        )
        .await;
    browser.click(".needs-bar .answer button").await;
    browser.until_text("#alerts", "is answered already").await;
    browser
        .until("document.querySelector('.needs-bar').hidden")
        .await;
    setup.python(&answered("q1", "the other"));
    setup.browser.close_but_for(&["409"]).await;
}

#[tokio::test]
async fn the_orchestrator_asks_too() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(
        "agent('a1', 'Planner')
insert('orchestrator_chat', dict(id='q0', orchestrator_agent_id='Planner', sender_type='orchestrator', receiver_type='user', message='Go on?', options='[\"yes\", \"no\"]'))",
    );
    let browser = &setup.browser;
    browser.until_text(".needs-bar", "Orchestrator").await;
    browser.click(".needs-bar .answer button").await;
    browser
        .until("document.querySelector('.needs-bar').hidden")
        .await;
    setup.python(&format!(
        "assert db.execute(\"{ANSWER}'q0'\").fetchall() == [('yes', 'user', 'orchestrator', None)]"
    ));
    setup.browser.close().await;
}

#[tokio::test]
async fn nobody_is_asked_for_an_agent_that_has_ended() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(QUESTION);
    let browser = &setup.browser;
    browser.until_text(".needs-bar", "SQLite").await;
    setup.python("db.execute(\"UPDATE agents SET status = 'cancelled'\")");
    browser
        .until("document.querySelector('.needs-bar').hidden")
        .await;
    setup.browser.close().await;
}

#[tokio::test]
async fn failures_are_told_until_somebody_looks_and_are_grouped() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let browser = &setup.browser;
    setup.python("agent('a0', 'Planner')");
    browser.until_text("main", "Planner").await;
    setup.python(
        "for n in range(17): agent(f'b{n}', 'Builder', status='failed', completed_at='2999-01-01 00:00:00', error_message=f'429 Too Many Requests: retry after {n} s')
agent('c', 'Tester', status='failed', completed_at='2999-01-01 00:00:00')",
    );
    browser
        .until_text(".needs-bar", "18 failures since you last looked")
        .await;
    browser.click(".needs-bar .failed").await;
    browser
        .until_text(".group:first-child summary", "429 Too Many Requests")
        .await;
    browser
        .until_text(".group:first-child summary", "× 17")
        .await;
    browser
        .until_text(".group:last-child summary", "does not say why")
        .await;
    browser.click(".group:first-child summary").await;
    browser
        .until_text(".group:first-child", "retry after 16 s")
        .await;
    setup.browser.close().await;
}

#[tokio::test]
async fn failures_that_were_looked_at_are_told_no_more() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let browser = &setup.browser;
    setup.python("agent('a0', 'Planner')");
    browser.until_text("main", "Planner").await;
    browser.until_badge("live").await;
    setup.python(
        "agent('c', 'Tester', status='failed', completed_at=db.execute(\"SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')\").fetchone()[0])",
    );
    browser.until_text(".needs-bar", "1 failure").await;
    browser.click(".needs-bar .failed").await;
    browser.click("main.needs .filter button").await;
    browser.until_text("main.needs", "None.").await;
    browser.run("location.hash = '#/board'").await;
    browser.reload().await;
    browser.until_text("main", "Tester").await;
    assert_eq!(
        browser
            .run("return document.querySelector('.needs-bar').hidden")
            .await,
        json!(true)
    );
    // What failed in the last hour is still a click away.
    browser.run("location.hash = '#/needs?since=hour'").await;
    browser.until_text(".group", "does not say why").await;
    setup.browser.close().await;
}

#[tokio::test]
async fn what_failed_in_the_last_hour_and_why_is_two_clicks_from_the_board() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    // Begun long ago, so that the page does not hold them.
    setup.python(
        "now, = db.execute(\"SELECT datetime('now', '-10 minutes')\").fetchone()
for n in range(1200): agent(f'n{n}', 'Builder', status='completed', completed_at='2026-02-01 00:00:00')
for n in range(17): agent(f'b{n}', 'Builder', status='failed', started_at='2026-01-01 00:00:00', completed_at=now, error_message=f'429 Too Many Requests: retry after {n} s')
agent('c', 'Tester', status='failed', started_at='2026-01-01 00:00:00', completed_at=now, error_message='no such file')
agent('d', 'Tester', status='failed', started_at='2026-01-01 00:00:00', completed_at='2026-01-01 00:00:00', error_message='long ago')",
    );
    let browser = &setup.browser;
    browser.reload().await;
    browser
        .until_text("section[data-status=completed]", "Builder")
        .await;
    browser.click("section[data-status=failed] .reasons").await;
    browser
        .until("document.querySelectorAll('.group').length === 2")
        .await;
    browser
        .until_text(".group:first-child summary", "× 17")
        .await;
    browser.click(".group:first-child summary").await;
    browser
        .until_text(".group:first-child ul", "retry after 16 s")
        .await;
    let address = browser.run("return location.hash").await;
    let kind = "429+Too+Many+Requests%3A+retry+after+%E2%80%A6+s";
    assert_eq!(address, json!(format!("#/needs?since=hour&reason={kind}")));
    browser.reload().await;
    browser
        .until_text(".group:first-child ul", "retry after 16 s")
        .await;
    // By keys too, and the focus stays where it is.
    browser
        .run("document.querySelector('.group:last-child summary').focus()")
        .await;
    browser.press(Key::Enter).await;
    browser
        .until_text(".group[open]:last-child ul", "no such file")
        .await;
    browser.press(Key::Enter).await;
    browser
        .until("!document.querySelector('.group[open]')")
        .await;
    browser
        .until("document.activeElement.matches('.group:last-child summary')")
        .await;
    browser.run("location.hash = '#/needs?since=week'").await;
    browser
        .until("document.querySelectorAll('.group').length === 2")
        .await;
    setup.browser.close().await;
}
