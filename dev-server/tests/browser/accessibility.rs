//! Each view for who cannot see it, or sees it otherwise: axe-core finds nothing, in both themes.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::board::Setup;

const VIEWS: [&str; 10] = [
    "board",
    "needs?since=day",
    "sessions",
    "sessions/demo?agent=a2",
    "sessions/demo?agent=a2&tab=log",
    "sessions/demo?agent=a2&tab=details",
    "definitions",
    "logs",
    "system",
    "charts",
];
const SEEN: &str = "
agent('a1', 'Orchestrator', status='executing', context='{\"task\": \"Lead\"}')
agent('a2', 'Builder', parent='a1', heartbeat_at='2999-01-01 00:00:00', lease_seconds=60)
agent('a3', 'Tester', parent='a2', status='failed', completed_at='2999-01-01 00:00:00', error_message='429 Too Many Requests')
agent('a4', 'Tester', parent='a2', status='completed', completed_at='2999-01-01 00:00:00')
prompt('p', 'Build *it*:\\n\\n```rust\\nfn main() {}\\n```\\n\\n| a | b |\\n| - | - |\\n| 1 | 2 |', 'a2', prompt_name='build it', response_text='[done](https://example.org)\\n\\n' * 40, model_used='opus', status='completed', tokens_input=1200, tokens_output=34, cost_usd=0.25)
log('Bash: make', agent='a2', type='tool_call', details='{\"arguments\": {\"command\": \"make\"}}')
log('it is bad', 'ERROR', agent='a2')
message('m', 'Keep to the issue', 'user', 'agent', agent='a2')
message('q', 'Which one?', agent='a2', options='[\"one\", \"two\"]', metadata='{\"tool\": \"Bash\"}')
insert('ai_developer_workflows', dict(id='demo', adw_name='Add pages', workflow_type='plan', status='in_progress', current_step='plan', total_steps=4, completed_steps=1))
insert('system_logs', dict(log_level='INFO', component='scheduler', message='an entry'))
";

#[tokio::test]
async fn no_view_has_a_violation_in_any_theme() {
    let axe = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../node_modules/axe-core/axe.min.js"
    );
    let Ok(axe) = std::fs::read_to_string(axe) else {
        assert!(
            std::env::var_os("CI").is_none(),
            "`make lint` installs axe-core"
        );
        // Not by a macro: what those print is only shown for a test that fails.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: axe-core is not installed; `make lint` installs it"
        );
        return;
    };
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(SEEN);
    let browser = &setup.browser;
    for theme in ["light", "dark"] {
        browser
            .run(&format!("localStorage.setItem('theme', '{theme}')"))
            .await;
        for view in VIEWS {
            browser.goto("about:blank").await;
            browser
                .goto(&setup.url(&format!("/dashboard#/{view}")))
                .await;
            browser.until_badge("live").await;
            browser
                .until("!document.querySelector('main').innerText.includes('Loading')")
                .await;
            browser.run(&axe).await;
            browser.run("window.found = null; axe.run().then(({ violations }) => { window.found = violations; })").await;
            browser.until("window.found !== null").await;
            let found = browser.run("return window.found.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])").await;
            assert_eq!(found, json!([]), "{theme} {view}");
        }
    }
    setup.browser.close().await;
}

#[tokio::test]
async fn the_documentation_follows_the_theme() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let browser = &setup.browser;
    for page in ["/docs", "/redoc"] {
        for (theme, dark) in [("light", false), ("dark", true)] {
            browser
                .run(&format!("localStorage.setItem('theme', '{theme}')"))
                .await;
            browser.goto(&setup.url(page)).await;
            let filter = browser
                .run("return getComputedStyle(document.documentElement).filter")
                .await;
            assert_eq!(filter != "none", dark, "{page} {theme}: {filter}");
        }
    }
    setup.browser.close().await;
}

#[tokio::test]
async fn nothing_is_cut_at_twice_the_size() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(SEEN);
    let browser = &setup.browser;
    browser.sized(720, 450).await;
    for view in VIEWS {
        browser.run(&format!("location.hash = '#/{view}'")).await;
        browser
            .until("!document.querySelector('main').innerText.includes('Loading')")
            .await;
        let cut = "const top = document.querySelector('.top').getBoundingClientRect();
            const cut = [...document.querySelectorAll('.top :is(a, button, .badge)')].filter((element) => {
                const place = element.getBoundingClientRect();
                return place.width > 0 && (place.top < top.top || place.bottom > top.bottom + 1 || place.right > innerWidth);
            });
            return [document.documentElement.scrollWidth > innerWidth, cut.map((element) => element.outerHTML)]";
        assert_eq!(browser.run(cut).await, json!([false, []]), "{view}");
    }
    setup.browser.close().await;
}

#[tokio::test]
async fn the_head_is_one_line_in_a_window_that_has_the_room() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(SEEN);
    let browser = &setup.browser;
    browser.until_text("#waiting", "1").await;
    for width in [1181, 1280, 1361, 1920] {
        browser.sized(width, 900).await;
        let height = browser
            .run("return document.querySelector('.top').offsetHeight")
            .await;
        assert!(height.as_i64().unwrap() <= 53, "{width}: {height}");
    }
    setup.browser.close().await;
}

#[tokio::test]
async fn the_cost_by_model_is_in_the_window_of_a_telephone() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(SEEN);
    let browser = &setup.browser;
    browser.narrow().await;
    browser
        .goto(&setup.url("/dashboard#/sessions/demo?agent=a2"))
        .await;
    browser.click(".models summary").await;
    browser.until_text(".models table", "opus").await;
    let place = "const { left, right, top } = document.querySelector('.models > .scroll').getBoundingClientRect();
        return [left >= 0, right <= innerWidth, top >= document.querySelector('.models summary').getBoundingClientRect().bottom]";
    assert_eq!(browser.run(place).await, json!([true, true, true]));
    setup.browser.close().await;
}

#[tokio::test]
async fn a_session_on_paper_has_its_agents_and_no_buttons() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(SEEN);
    let browser = &setup.browser;
    browser
        .goto(&setup.url("/dashboard#/sessions/demo?agent=a2"))
        .await;
    browser.until_text(".turns", "Keep to the issue").await;
    browser.media("print").await;
    let seen = browser
        .run("return [...document.querySelectorAll('button, .top, .composer')].filter((element) => element.getBoundingClientRect().height > 0).length")
        .await;
    assert_eq!(seen, Value::from(0));
    browser.until_text("[role=tree]", "Tester").await;
    setup.browser.close().await;
}
