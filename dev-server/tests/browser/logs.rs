//! The log.

use serde_json::json;

use crate::board::Setup;

#[tokio::test]
async fn a_log_that_was_emptied_is_shown_so_and_goes_on() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python("agent('a1', 'Planner')\nlog('the first')");
    let browser = &setup.browser;
    browser.run("location.hash = '#/logs'").await;
    browser.until_text(".entries", "the first").await;
    setup.python("db.execute('DELETE FROM agent_logs')");
    browser.until_text(".note", "No entry matches").await;
    setup.python("log('the second')");
    browser.until_text(".entries", "the second").await;
    setup.browser.close().await;
}

#[tokio::test]
async fn the_log_comes_and_waits_for_who_reads() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python("agent('a1', 'Planner')\nfor n in range(250): log(f'entry {n}')");
    let browser = &setup.browser;
    browser.click("#views a[href='#/logs']").await;
    browser
        .until_text(".entries li:first-child", "entry 249")
        .await;
    setup.python("log('a new one', 'ERROR')");
    browser
        .until_text(".entries li:first-child", "a new one")
        .await;

    browser
        .run("document.querySelector('.log').scrollTop = 600")
        .await;
    setup.python("log('while reading')");
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
async fn a_search_without_hits_says_so_and_worse_levels_are_shown_too() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(
        "agent('a1', 'Planner')\nlog('well')\nlog('bad', 'ERROR')\nlog('worse', 'CRITICAL')",
    );
    let browser = &setup.browser;
    browser.run("location.hash = '#/logs?q=nowhere'").await;
    browser.until_text(".note", "No entry matches").await;
    let alerts = "return document.getElementById('alerts').innerText";
    assert_eq!(browser.run(alerts).await, json!(""));
    browser.run("location.hash = '#/logs?level=ERROR'").await;
    for text in ["bad", "worse"] {
        browser.until_text(".entries", text).await;
    }
    setup.python("log('well again')\nlog('worst', 'CRITICAL')");
    browser.until_text(".entries", "worst").await;
    let shown = "return [...document.querySelectorAll('.entry .message')].map((entry) => entry.textContent).join()";
    assert_eq!(browser.run(shown).await, json!("worst,worse,bad"));
    setup.browser.close().await;
}

#[tokio::test]
async fn new_entries_come_with_the_feed_and_are_not_asked_for() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python("agent('a1', 'Planner')\nlog('the first')");
    let browser = &setup.browser;
    browser.run("location.hash = '#/logs'").await;
    browser.until_text(".entries", "the first").await;
    setup.python("log('told')");
    browser.until_text(".entries", "told").await;
    let asked = "return performance.getEntriesByType('resource').filter(({ name }) => name.includes('/api/runtime/logs?limit=100')).length";
    let before = browser.run(asked).await;
    for number in 0..5 {
        setup.python(&format!("log('entry {number}')"));
        browser
            .until_text(".entries li:first-child", &format!("entry {number}"))
            .await;
    }
    assert_eq!(browser.run(asked).await, before);
    setup.browser.close().await;
}

#[tokio::test]
async fn entries_that_come_too_quickly_to_be_shown_are_a_click_away() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python("agent('a1', 'Planner')\nlog('the first', created_at='2026-01-01 00:00:00')");
    let browser = &setup.browser;
    browser.run("location.hash = '#/logs'").await;
    browser.until_text(".entries", "the first").await;
    setup.python("for n in range(3000): log(f'entry {n}', created_at='2026-01-01 00:00:01')\nlog('the last')");
    browser.until_text(".entries", "the last").await;
    browser.click(".log a.more").await;
    browser.until("location.hash.includes('until=')").await;
    browser.until_text(".only", "before").await;
    browser.until_text(".entries", "entry 2999").await;
    setup.browser.close().await;
}

#[tokio::test]
async fn an_entry_is_shown_with_what_happened_around_it() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(
        "agent('a1', 'Planner')
for minute in range(10): log(f'minute {minute}', 'ERROR' if minute == 5 else 'INFO', created_at=f'2026-01-01 00:0{minute}:00')",
    );
    let browser = &setup.browser;
    browser.run("location.hash = '#/logs?q=minute'").await;
    browser.until_text(".entries mark", "minute").await;
    // By key, and then by its time.
    browser.press_on("main", 'e').await;
    browser.until_text(".entry.here", "minute 5").await;
    browser.click(".entry.here .when").await;
    browser
        .until("document.querySelectorAll('.entry').length === 2")
        .await;
    browser.until_text(".entry.here", "minute 5").await;
    browser.until_text(".entries", "minute 4").await;
    setup.browser.close().await;
}

#[tokio::test]
async fn what_matches_is_exported_however_much_it_is() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(
        "agent('a1', 'Planner')\nfor n in range(1500): log(f'entry, {n}')\nlog('=bad', 'ERROR')\nlog('worse', 'CRITICAL')",
    );
    let browser = &setup.browser;
    browser.run("location.hash = '#/logs?q=entry'").await;
    browser.until_text(".entries", "entry, 1499").await;
    // What is saved is looked at here.
    browser
        .run(
            "URL.createObjectURL = (blob) => { blob.text().then((text) => { window.saved = text; }); return ''; };
             HTMLAnchorElement.prototype.click = function () { window.named = this.download; }",
        )
        .await;
    let export = |format: &'static str| async move {
        browser.run("window.saved = undefined").await;
        browser
            .run(&format!("[...document.querySelectorAll('button')].find(({{ textContent }}) => textContent === 'Export {format}').click()"))
            .await;
        browser.until("window.saved !== undefined").await;
        let saved = browser.run("return window.saved").await;
        saved.as_str().expect("a text").to_owned()
    };
    let csv = export("CSV").await;
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 1501);
    assert!(
        lines[0].starts_with("id,agent_id,log_level"),
        "{}",
        lines[0]
    );
    assert!(lines[1].contains(",\"entry, 1499\","), "{}", lines[1]);
    assert_eq!(browser.run("return window.named").await, json!("logs.csv"));
    assert_eq!(export("NDJSON").await.lines().count(), 1500);
    assert_eq!(
        browser.run("return window.named").await,
        json!("logs.ndjson")
    );

    // Of several levels, under one header.
    browser.run("location.hash = '#/logs?level=ERROR'").await;
    browser
        .until("document.querySelectorAll('.entries > li').length === 2")
        .await;
    let csv = export("CSV").await;
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 3, "{csv}");
    assert!(
        lines[1].contains(",worse,") && lines[2].contains(",'=bad,"),
        "{csv}"
    );
    setup.browser.close().await;
}

#[tokio::test]
async fn a_time_is_chosen_by_click_and_by_drag() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(
        "agent('a1', 'Planner')
for minute in range(30):
    for n in range(minute % 3 + 1): log(f'minute {minute}', 'ERROR' if minute == 5 else 'INFO', created_at=f'2026-01-01 00:{minute:02}:00')
log('just now', 'ERROR')",
    );
    let browser = &setup.browser;
    let address = "#/logs?since=2026-01-01T00:00:00.000Z&until=2026-01-01T00:30:00.000Z";
    browser.run(&format!("location.hash = '{address}'")).await;
    let columns = "document.querySelectorAll('.histogram a:has(rect)').length";
    browser.until(&format!("{columns} === 30")).await;
    // A column is as high as it should be, and its bar is not cut.
    let heights = "return ['.columns', 'a', 'svg'].map((part) => Math.round(document.querySelector(`.histogram ${part}`).getBoundingClientRect().height))";
    assert_eq!(browser.run(heights).await, json!([56, 56, 56]));
    let label = "return document.querySelector('.histogram a:has([data-level=ERROR])').getAttribute('aria-label')";
    let label = browser.run(label).await;
    assert!(
        label.as_str().unwrap().contains("3 entries (3 ERROR)"),
        "{label}"
    );

    // A column is a link to what is in it.
    browser.click(".histogram a:has([data-level=ERROR])").await;
    browser
        .until("location.hash.includes('since=2026-01-01T00%3A05%3A00')")
        .await;
    browser
        .until("document.querySelectorAll('.entries > li').length === 3")
        .await;
    browser.until_text(".entries", "minute 5").await;

    browser.run(&format!("location.hash = '{address}'")).await;
    browser.until(&format!("{columns} === 30")).await;
    browser
        .run(
            "const [from, to] = [...document.querySelectorAll('.histogram a:has(rect)')].slice(9, 12).filter((_, index) => index !== 1);
             for (const [type, column] of [['pointerdown', to], ['pointerover', to], ['pointerover', from], ['pointerup', from]])
               column.dispatchEvent(new PointerEvent(type, { bubbles: true }))",
        )
        .await;
    browser
        .until("location.hash.includes('since=2026-01-01T00%3A09%3A00')")
        .await;
    browser
        .until("location.hash.includes('until=2026-01-01T00%3A11%3A30')")
        .await;
    // The bars show what the list shows.
    for (filter, entries) in [
        ("q=minute 11", 3),
        ("q=MINUTE&log_type=milestone", 6),
        ("log_type=error", 0),
    ] {
        browser
            .run(&format!("location.hash = '#/logs?since=2026-01-01T00:09:00.000Z&until=2026-01-01T00:12:00.000Z&{filter}'"))
            .await;
        browser
            .until(&format!(
                "document.querySelectorAll('.entries > li').length === {entries}"
            ))
            .await;
        let shown = if entries == 0 {
            "document.querySelector('.histogram').hidden".to_owned()
        } else {
            format!(
                "document.querySelector('.histogram .said').textContent.startsWith('{entries} from')"
            )
        };
        browser.until(&shown).await;
    }
    browser
        .run("location.hash = '#/logs?since=2026-01-01T00:09:00.000Z&until=2026-01-01T00:11:30.000Z'")
        .await;
    // Of the minutes 9, 10 and 11.
    browser
        .until("document.querySelectorAll('.entries > li').length === 6")
        .await;
    setup.browser.close().await;
}

#[tokio::test]
async fn the_errors_of_the_last_hour_are_two_clicks_away() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(
        "agent('a1', 'Planner')\nlog('long ago', 'ERROR', created_at='2026-01-01 00:00:00')\nlog('well')\nlog('out of memory', 'CRITICAL')",
    );
    let browser = &setup.browser;
    browser.click("#views a[href='#/logs']").await;
    browser.until_text(".entries", "well").await;
    browser.click("a[href='#/logs?level=ERROR&last=1h']").await;
    browser
        .until("document.querySelectorAll('.entries > li').length === 1")
        .await;
    browser.until_text(".entries", "out of memory").await;
    setup.browser.close().await;
}
