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
    browser.until_text(".card[data-id=a1] .age", "d").await;
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
        .until_text("section[data-status=planning] .count", "1,000")
        .await;
    let drawn = "document.querySelectorAll('.card').length";
    assert_eq!(browser.run(&format!("return {drawn}")).await, json!(24));
    browser.click("section[data-status=planning] .more").await;
    browser.until(&format!("{drawn} === 124")).await;
    setup.browser.close().await;
}

#[tokio::test]
async fn agents_beyond_the_list_are_counted_shown_and_found() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(
        "agent('begun-in-2025', 'Planner', started_at='2026-01-01 00:00:00', cost_usd=1000)
agent('ended-in-2025', 'Planner', status='cancelled', started_at='2026-01-01 00:00:01', completed_at='2026-01-01 00:00:02')
for n in range(30): agent(f'c{n:02}', 'Tester', status='cancelled', started_at='2026-01-02 00:00:00', completed_at='2026-01-02 00:00:01')
for n in range(1500): agent(f'a{n:04}', 'Builder', status='completed', completed_at='2026-02-01 00:00:00', cost_usd=1)",
    );
    let browser = &setup.browser;
    browser.reload().await;
    browser.until_text("[data-total=agents] dd", "1.5k").await;
    browser.until_text("[data-total=cost] dd", "$2.5k").await;
    browser
        .until_text(&card("planning", "begun-in-2025"), "Planner")
        .await;
    browser
        .until_text("section[data-status=completed] .count", "1,500")
        .await;
    browser
        .until_text("section[data-status=cancelled] .count", "31")
        .await;
    // A column shows the newest that it has, also where all are older than the page's list.
    browser
        .until("document.querySelectorAll('section[data-status=cancelled] .card').length === 24")
        .await;
    // One that has ended long ago comes when somebody wants more of its column, or looks for it by its id.
    assert_eq!(
        browser
            .run("return document.querySelector('[data-id=ended-in-2025]')")
            .await,
        json!(null)
    );
    browser.click("section[data-status=cancelled] .more").await;
    browser
        .until_text(&card("cancelled", "ended-in-2025"), "Planner")
        .await;
    browser.reload().await;
    browser
        .until_text("section[data-status=completed] .count", "1,500")
        .await;
    browser
        .type_into("input[type=search]", "ended-in-2025")
        .await;
    browser
        .until_text(&card("cancelled", "ended-in-2025"), "Planner")
        .await;
    setup.browser.close().await;
}

#[tokio::test]
async fn a_card_says_what_its_agent_is_about_and_does() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(
        "agent('a1', 'Builder', context='{\"task\": \"Add pages\", \"depth\": 3}')
agent('a2', 'Builder', context='Cut the log')
agent('a3', 'Builder', status='failed', completed_at='2026-01-01 00:00:00')",
    );
    let browser = &setup.browser;
    browser
        .until_text(&card("planning", "a1"), "Add pages")
        .await;
    browser
        .until_text(&card("planning", "a2"), "Cut the log")
        .await;
    browser.until_text(&card("failed", "a3"), "ago").await;
    setup.python("log('Bash: make', type='tool_call')");
    browser
        .until_text(&card("planning", "a1"), "Bash: make")
        .await;
    // Links are told apart.
    let names = "return new Set([...document.querySelectorAll('.card a')].map((link) => link.getAttribute('aria-label'))).size";
    assert_eq!(browser.run(names).await, json!(3));
    setup.browser.close().await;
}

#[tokio::test]
async fn the_first_commands_work_to_the_end() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    // There may be a definition of that name already.
    setup.python("db.execute(\"INSERT INTO orchestrator_agents (id, name, agent_type) VALUES ('d', 'Planner', 'planner')\")");
    let browser = &setup.browser;
    browser.until_text(".empty", "No agents yet").await;
    let commands =
        "return [...document.querySelectorAll('.empty code')].map((code) => code.textContent)";
    let commands = browser.run(commands).await;
    let commands: Vec<&str> = commands
        .as_array()
        .unwrap()
        .iter()
        .map(|command| command.as_str().unwrap())
        .collect();
    let shell = |script: &str| {
        let output = std::process::Command::new("sh")
            .args(["-c", script])
            .output()
            .expect("sh runs");
        assert!(output.status.success());
    };
    shell(&commands[..2].join("\n"));
    browser
        .until("document.querySelector('section[data-status=initializing] .card')")
        .await;
    // Who has run two of three still sees the third.
    browser.until_text(".empty", "Let it work").await;
    shell(&commands.join("\n"));
    browser
        .until_text("section[data-status=executing] .card", "$0.02")
        .await;
    browser
        .until("document.querySelector('.empty').hidden")
        .await;
    setup.browser.close().await;
}
