//! The session, its agents, the log and the charts.

use serde_json::json;

use crate::board::Setup;

const SESSION: &str = "
agent('a1', 'Orchestrator', status='executing')
agent('a2', 'Builder', parent='a1')
agent('a3', 'Tester', parent='a2')
db.execute(\"INSERT INTO prompts (id, agent_id, prompt_type, prompt_name, prompt_text, tokens_input, tokens_output, cost_usd) VALUES ('p', 'a2', 'command', 'build it', 'Build it all', 1200, 34, 0.25)\")
";

#[tokio::test]
async fn a_session_shows_its_agents_as_a_tree() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(SESSION);
    let browser = &setup.browser;
    browser
        .goto(&setup.url("/dashboard#/sessions/demo?agent=a2"))
        .await;
    browser
        .until_text(".tree > li > ul > li > ul > li", "Tester")
        .await;
    browser.until_text(".agent h2", "Builder").await;
    browser.until_text(".prompt", "1.2k → 34").await;
    browser.until_text(".prompt", "$0.25").await;
    for status in ["executing", "reviewing"] {
        setup.python(&format!(
            "db.execute(\"UPDATE agents SET status = '{status}' WHERE id = 'a2'\")"
        ));
    }
    browser.until_text(".agent .pill", "Reviewing").await;
    for status in ["Planning", "Executing", "Reviewing"] {
        browser.until_text(".steps", status).await;
    }
    setup.python("agent('a4', 'Reviewer', parent='a1')");
    browser.until_text(".tree > li > ul", "Reviewer").await;
    setup.browser.close().await;
}

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
        browser.until_text(".tree", "Planner").await;
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
async fn an_agent_that_is_deleted_while_it_is_shown_is_said_to_be() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(SESSION);
    let browser = &setup.browser;
    browser
        .goto(&setup.url("/dashboard#/sessions/demo?agent=a3"))
        .await;
    browser.until_text(".agent h2", "Tester").await;
    browser.until_badge("live").await;
    setup.python("db.execute(\"DELETE FROM agents WHERE id = 'a3'\")");
    browser.until_text("#notes", "Tester a3 is deleted").await;
    browser
        .until("!document.querySelector('.tree [data-id=a3]')")
        .await;
    browser.until_text(".agent h2", "Orchestrator").await;
    setup.browser.close().await;
}

#[tokio::test]
async fn an_agent_that_is_deleted_beside_the_one_shown_leaves_the_tree() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(SESSION);
    let browser = &setup.browser;
    browser
        .goto(&setup.url("/dashboard#/sessions/demo?agent=a1"))
        .await;
    browser.until_text(".tree", "Tester").await;
    browser.until_badge("live").await;
    setup.python("db.execute(\"DELETE FROM agents WHERE id = 'a3'\")");
    browser
        .until("!document.querySelector('.tree [data-id=a3]')")
        .await;
    browser.until_text(".agent h2", "Orchestrator").await;
    setup.browser.close().await;
}

#[tokio::test]
async fn a_log_that_was_emptied_is_shown_so_and_goes_on() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(&format!(
        "agent('a1', 'Planner')\n{ENTRIES}\nlog('the first')"
    ));
    let browser = &setup.browser;
    browser.run("location.hash = '#/logs'").await;
    browser.until_text(".entries", "the first").await;
    setup.python("db.execute('DELETE FROM agent_logs')");
    browser.until_text(".note", "No entry matches").await;
    setup.python(&format!("{ENTRIES}\nlog('the second')"));
    browser.until_text(".entries", "the second").await;
    setup.browser.close().await;
}

const ENTRIES: &str = "
def log(message, level='INFO'):
    db.execute('INSERT INTO agent_logs (agent_id, log_level, log_type, message) VALUES (?, ?, ?, ?)', ('a1', level, 'milestone', message))
";

#[tokio::test]
async fn the_log_comes_and_waits_for_who_reads() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(&format!(
        "agent('a1', 'Planner')\n{ENTRIES}\nfor n in range(250): log(f'entry {{n}}')"
    ));
    let browser = &setup.browser;
    browser.click("#views a[href='#/logs']").await;
    browser
        .until_text(".entries li:first-child", "entry 249")
        .await;
    setup.python(&format!("{ENTRIES}\nlog('a new one', 'ERROR')"));
    browser
        .until_text(".entries li:first-child", "a new one")
        .await;

    browser
        .run("document.querySelector('.log').scrollTop = 600")
        .await;
    setup.python(&format!("{ENTRIES}\nlog('while reading')"));
    browser.until_text(".fresh", "1 new entry").await;
    browser.click(".fresh").await;
    browser
        .until_text(".entries li:first-child", "while reading")
        .await;

    browser
        .run("setInterval(() => document.querySelector('.log')?.scrollBy(0, 1e6), 50)")
        .await;
    browser
        .until_text(".entries li:last-child", "entry 0")
        .await;
    assert_eq!(
        browser
            .run("return document.querySelectorAll('.entries > li').length")
            .await,
        json!(252)
    );

    browser.run("location.hash = '#/logs?level=ERROR'").await;
    browser
        .until("document.querySelectorAll('.entries > li').length === 1")
        .await;
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
    setup.python("agent('a9', 'N' * 255, session='s' * 255, error_message='e' * 500)");
    let browser = &setup.browser;
    browser.narrow().await;
    for view in ["board", "sessions", "sessions/demo", "logs", "charts"] {
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
