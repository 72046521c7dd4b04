//! One search for everything.

use fantoccini::key::Key;

use crate::board::Setup;

#[tokio::test]
async fn everything_is_found_by_its_text_or_id() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(
        "agent('ended-in-2025', 'Planner', session='past', status='completed', started_at='2026-01-01 00:00:00', completed_at='2026-01-01 00:00:01', context='{\"plan\": {\"task\": \"Draw the map\"}}')
for n in range(1200): agent(f'a{n}', 'Builder', status='completed', completed_at='2026-02-01 00:00:00')
agent('b', 'Tester', session='checkout-v2', context='Cut the waiting')
insert('ai_developer_workflows', dict(id='checkout-v2', adw_name='The second checkout', workflow_type='plan'))
log('rounded twice', agent='b')",
    );
    let browser = &setup.browser;
    browser.reload().await;
    browser
        .until_text("section[data-status=planning]", "Tester")
        .await;
    for (text, group, found, address) in [
        (
            "waiting",
            "Agents",
            "Tester b",
            "#/sessions/checkout-v2?agent=b",
        ),
        (
            "ended-in-2025",
            "Agents",
            "Planner",
            "#/sessions/past?agent=ended-in-2025",
        ),
        (
            "draw THE map",
            "Agents",
            "Planner",
            "#/sessions/past?agent=ended-in-2025",
        ),
        (
            "checkout-v",
            "Sessions",
            "checkout-v2",
            "#/sessions/checkout-v2",
        ),
        (
            "second check",
            "Workflows",
            "The second checkout",
            "#/sessions/checkout-v2",
        ),
        ("Teste", "Definitions", "Tester", "#/definitions?q=Tester"),
        ("rounded", "Log entries", "rounded twice", "entry="),
        (
            "failed in",
            "Go to",
            "Failed in the last hour",
            "#/needs?since=hour",
        ),
    ] {
        browser.click("#find").await;
        browser.type_into("dialog input", text).await;
        let option = format!("[role=group][aria-label='{group}'] [role=option]");
        browser.until_text(&option, found).await;
        browser.click(&option).await;
        browser
            .until(&format!("location.hash.includes('{address}')"))
            .await;
        browser.until("!document.querySelector('dialog')").await;
    }
    setup.browser.close().await;
}

#[tokio::test]
async fn the_search_is_used_by_keys_and_back_leads_back() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python("agent('a1', 'Planner', session='one')\nagent('a2', 'Planner', session='two')");
    let browser = &setup.browser;
    browser.until_text("main", "Planner").await;
    browser.run("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'k', ctrlKey: true, bubbles: true}))").await;
    browser.type_into("dialog input", "Planner").await;
    browser
        .until("document.querySelectorAll('[aria-label=Agents] [role=option]').length === 2")
        .await;
    browser.press(Key::Down).await;
    let second = browser
        .run("return document.querySelector('[aria-selected=true]').hash")
        .await;
    browser.press(Key::Enter).await;
    browser.until(&format!("location.hash === {second}")).await;
    browser.until_text(".agent h2", "Planner").await;
    browser.run("history.back()").await;
    browser
        .until("document.querySelectorAll('.card').length === 2")
        .await;
    browser.run("history.forward()").await;
    browser.until_text(".agent h2", "Planner").await;
    setup.browser.close().await;
}

#[tokio::test]
async fn sessions_and_definitions_are_searched() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python("for n in range(200): agent(f'a{n}', f'Builder {n}', session=f'session-{n}')");
    let browser = &setup.browser;
    browser.run("location.hash = '#/sessions'").await;
    browser.type_into("main input[type=search]", "ion-17").await;
    browser
        .until("document.querySelectorAll('tbody tr').length === 11")
        .await;
    // The oldest of all, and what is more than a page.
    browser
        .run("location.hash = '#/sessions?q=session-0'")
        .await;
    browser.until_text("tbody tr:only-child", "session-0").await;
    browser
        .run("location.hash = '#/sessions?q=session-1'")
        .await;
    browser
        .until("document.querySelectorAll('tbody tr').length === 50")
        .await;
    browser.click("main > .more").await;
    browser
        .until("document.querySelectorAll('tbody tr').length === 100")
        .await;
    browser.run("location.hash = '#/definitions'").await;
    browser
        .until("document.querySelectorAll('.definitions tbody tr').length === 100")
        .await;
    browser.type_into("main input[type=search]", "der 17").await;
    browser
        .until("document.querySelectorAll('tbody tr').length === 11")
        .await;
    browser.click("tbody tr:first-child button").await;
    browser.until_text("tbody tr:first-child", "Inactive").await;
    setup.python("assert db.execute('SELECT count(*) FROM orchestrator_agents WHERE is_active = 0').fetchone() == (1,)");
    setup.browser.close().await;
}

#[tokio::test]
async fn the_log_of_the_system_is_shown() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(
        "for level in ('INFO', 'ERROR', 'CRITICAL'): insert('system_logs', dict(log_level=level, component='scheduler', message=f'an entry of {level}'))",
    );
    let browser = &setup.browser;
    browser.run("location.hash = '#/logs'").await;
    browser.click("a[href='#/system']").await;
    browser
        .until("document.querySelectorAll('.entry').length === 3")
        .await;
    browser.until_text(".entry", "scheduler").await;
    browser.run("location.hash = '#/system?level=ERROR'").await;
    browser
        .until("document.querySelectorAll('.entry').length === 2")
        .await;
    setup.browser.close().await;
}
