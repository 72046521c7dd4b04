//! The board, live.

use serde_json::json;

use crate::browser::Browser;
use crate::python::python;
use crate::support::server::Server;

/// A browser and a server with an empty database, with the board open.
pub(crate) struct Setup {
    pub(crate) browser: Browser,
    pub(crate) server: Server,
    pub(crate) folder: tempfile::TempDir,
}

impl Setup {
    pub(crate) async fn new() -> Option<Self> {
        Self::with(&[]).await
    }

    pub(crate) async fn with(environment: &[(&str, &str)]) -> Option<Self> {
        let browser = Browser::open().await?;
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&folder.path().join("test.db"), environment);
        let setup = Self {
            browser,
            server,
            folder,
        };
        setup.browser.goto(&setup.url("/dashboard")).await;
        Some(setup)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address())
    }

    pub(crate) fn python(&self, statements: &str) -> f64 {
        python(&self.folder.path().join("test.db"), statements)
    }
}

/// The card of an agent in the column of a status.
pub(crate) fn card(status: &str, id: &str) -> String {
    format!("section[data-status={status}] [data-id={id}]")
}

#[tokio::test]
async fn an_agent_of_another_process_appears_and_moves() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let browser = &setup.browser;
    browser.until_badge("live").await;
    for (change, status) in [
        ("agent('a1', 'Planner')", "planning"),
        (
            "db.execute(\"UPDATE agents SET status = 'executing', cost_usd = 1.5\")",
            "executing",
        ),
        (
            "db.execute(\"UPDATE agents SET status = 'failed', error_message = 'out of tokens'\")",
            "failed",
        ),
    ] {
        let committed = setup.python(change);
        let seen = browser.until_text(&card(status, "a1"), "Planner").await;
        assert!(
            seen - committed < 1000.0,
            "{status}: {} ms",
            seen - committed
        );
    }
    for text in ["demo", "$1.50", "out of tokens"] {
        browser.until_text(&card("failed", "a1"), text).await;
    }
    setup.python("db.execute('DELETE FROM agents')");
    browser.until("!document.querySelector('.card')").await;
    setup.browser.close().await;
}

#[tokio::test]
async fn an_age_goes_on() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python("agent('a1', 'Planner', started_at='2026-01-01 00:00:00')");
    let browser = &setup.browser;
    browser.until_text(&card("planning", "a1"), "d ").await;
    setup.python("db.execute(\"UPDATE agents SET started_at = datetime('now')\")");
    for seconds in ["1s", "2s", "3s"] {
        browser.until_text(&card("planning", "a1"), seconds).await;
    }
    setup.browser.close().await;
}

#[tokio::test]
async fn the_board_outlives_a_restart_of_the_server() {
    let Some(mut setup) = Setup::new().await else {
        return;
    };
    let port = setup.server.address().port().to_string();
    setup.python("agent('a1', 'Planner')\nagent('a2', 'Tester')");
    let browser = &setup.browser;
    browser.until_text(&card("planning", "a2"), "Tester").await;
    browser.run("window.same = true").await;
    setup.server.signal("TERM");
    setup.server.wait();
    browser.until_badge("reconnecting").await;
    setup.python("db.execute(\"UPDATE agents SET status = 'completed' WHERE id = 'a1'\")\ndb.execute(\"DELETE FROM agents WHERE id = 'a2'\")");
    let path = setup.folder.path().join("test.db");
    setup.server = Server::start(&path, &[("WEBSOCKET_PORT", &port)]);
    let browser = &setup.browser;
    browser.until_badge("live").await;
    browser
        .until_text(&card("completed", "a1"), "Planner")
        .await;
    browser
        .until("!document.querySelector('[data-id=a2]')")
        .await;
    assert_eq!(browser.run("return window.same").await, json!(true));
    setup
        .browser
        .close_but_for(&["ERR_CONNECTION_REFUSED"])
        .await;
}

#[tokio::test]
async fn text_of_agents_stays_text() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let hostile = r#"<img src=x onerror=document.title="hacked"></script><script>document.title="hacked"</script>"#;
    setup.python(&format!(
        "
text = '{hostile}'
agent('a1', text, session=text, error_message=text, context=text)
db.execute(\"INSERT INTO agent_logs (agent_id, log_type, message, details) VALUES ('a1', 'error', ?, ?)\", (text, text))
db.execute(\"INSERT INTO prompts (id, agent_id, prompt_type, prompt_name, prompt_text, response_text, model_used) VALUES ('p', 'a1', 'command', ?, ?, ?, ?)\", (text,) * 4)
"
    ));
    let browser = &setup.browser;
    browser.until_text(&card("planning", "a1"), hostile).await;
    browser.click(".card a").await;
    browser.until_text(".agent header", hostile).await;
    browser.until_text(".prompt", hostile).await;
    browser.until_text(".agent .entry", hostile).await;
    for view in ["logs", "sessions", "charts"] {
        browser.click(&format!("#views a[href='#/{view}']")).await;
        browser
            .until_text("main", if view == "charts" { "Charts" } else { hostile })
            .await;
    }
    assert_eq!(
        browser
            .run("return document.querySelectorAll('main img, main script').length")
            .await,
        json!(0)
    );
    assert_ne!(browser.run("return document.title").await, json!("hacked"));
    setup.browser.close().await;
}

#[tokio::test]
async fn an_empty_board_says_what_to_do() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let browser = &setup.browser;
    browser.until_text(".empty", "No agents yet").await;
    let command = format!("curl -s {}/api/agents", setup.url(""));
    browser.until_text(".empty", &command).await;
    setup.python("agent('a1', 'Planner')");
    browser
        .until("document.querySelector('.empty').hidden")
        .await;
    setup.browser.close().await;
}

#[tokio::test]
async fn a_thousand_agents_are_counted_and_drawn_in_part() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let browser = &setup.browser;
    browser.until_badge("live").await;
    setup.python("for n in range(1000): agent(f'a{n}', 'Planner')");
    browser
        .until_text("section[data-status=planning] .count", "1000")
        .await;
    let drawn = "document.querySelectorAll('.card').length";
    assert_eq!(browser.run(&format!("return {drawn}")).await, json!(40));
    browser.click("section[data-status=planning] .more").await;
    browser.until(&format!("{drawn} === 140")).await;
    setup.browser.close().await;
}
