//! What everybody needs to use a page: names for all controls, one title a view, ids that are unique, a focus that shows.

use fantoccini::key::Key;
use serde_json::{Value, json};

use crate::board::Setup;

const DATA: &str = "
agent('a1', 'Orchestrator', status='executing')
agent('a2', 'Builder', parent='a1', status='failed', error_message='no such file')
db.execute(\"INSERT INTO prompts (id, agent_id, prompt_type, prompt_text) VALUES ('p', 'a2', 'command', 'Build it')\")
db.execute(\"INSERT INTO agent_logs (agent_id, log_type, message, details) VALUES ('a2', 'error', 'no such file', '{}')\")
";

/// What is wrong with the page, as a list of sentences.
const FAULTS: &str = r"
const faults = [];
const shown = (selector) => [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility());
const textOf = (element) => {
    const copy = element.cloneNode(true);
    for (const hidden of copy.querySelectorAll('[aria-hidden=true], [hidden]')) hidden.remove();
    return copy.textContent.trim();
};
for (const element of shown('a, button, input, select, textarea, summary, [tabindex], [role=img], dialog')) {
    if (element.tabIndex < 0 && element.matches('main')) continue;
    const by = (element.getAttribute('aria-labelledby') ?? '').split(' ').map((id) => document.getElementById(id));
    const labels = [...by, ...(element.labels ?? [])].filter(Boolean).map(textOf).join('');
    const own = element.matches('input, select, textarea, [role]:not([role=tab], [role=treeitem], [role=checkbox])') ? '' : textOf(element);
    if (!(element.getAttribute('aria-label') || labels || own)) faults.push(`no name: ${element.outerHTML.slice(0, 200)}`);
}
const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) faults.push(`twice: #${id}`);
const titles = shown('h1').length;
if (titles !== 1) faults.push(`${titles} titles`);
for (const name of ['aria-labelledby', 'aria-describedby', 'for'])
    for (const element of document.querySelectorAll(`[${name}]`))
        for (const id of element.getAttribute(name).split(' '))
            if (!document.getElementById(id)) faults.push(`${name} of nothing: #${id}`);
return faults;
";

/// Whether the element with the focus, or what it draws over itself, has an outline.
const OUTLINED: &str = r"
const element = document.activeElement;
const drawn = (part) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(element, part);
    return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1;
};
return element === document.body || drawn(null) || drawn('::after') ? null : element.outerHTML.slice(0, 200);
";

#[tokio::test]
async fn every_view_has_names_a_title_and_a_focus_that_shows() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let browser = &setup.browser;
    browser.until_text(".empty", "No agents yet").await;
    assert_eq!(browser.run(FAULTS).await, json!([]), "the empty board");
    setup.python(DATA);
    for (view, text) in [
        ("board", "Builder"),
        ("sessions", "demo"),
        ("sessions/demo?agent=a2", "Build it"),
        ("needs?since=day", "no such file"),
        ("definitions", "Builder"),
        ("logs", "no such file"),
        ("charts", "Cost by model"),
    ] {
        browser.run(&format!("location.hash = '#/{view}'")).await;
        // The view before may have the same text.
        let name = match view.split_once(['/', '?']) {
            Some(("sessions", _)) => "session",
            Some((name, _)) => name,
            None => view,
        };
        browser
            .until(&format!("document.querySelector('main.{name}')"))
            .await;
        browser.until_text("main", text).await;
        assert_eq!(browser.run(FAULTS).await, json!([]), "{view}");
        for _ in 0..25 {
            browser.press(Key::Tab).await;
            assert_eq!(browser.run(OUTLINED).await, Value::Null, "{view}");
        }
    }
    browser.click("#new-definition").await;
    browser.until("document.querySelector('dialog')").await;
    assert_eq!(browser.run(FAULTS).await, json!([]), "the dialog");
    setup.browser.close().await;
}
