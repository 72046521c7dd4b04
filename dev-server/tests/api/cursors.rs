//! `Link` and `cursor`, on every list

use std::collections::BTreeSet;

use serde_json::json;

use crate::app::{TestApp, next};

on_every_host! {
    every_list_goes_on,
    rows_of_the_same_time_are_told_apart,
    rows_of_whatever_time_come_once,
    the_last_page_has_no_link,
    what_comes_meanwhile_moves_nothing,
    what_goes_meanwhile_moves_nothing,
    limit_may_change_between_pages,
    the_filters_go_along,
    a_made_up_cursor_is_refused,
    a_cursor_of_another_list_is_refused,
}

/// Five rows in each table, two of them of one time.
async fn fill(app: &TestApp) {
    app.get("/api/agents").await;
    for nr in 0..5 {
        let at = format!("2026-02-05 10:00:0{}", nr / 2);
        for sql in [
            format!(
                "INSERT INTO orchestrator_agents (id, name, agent_type, created_at) \
                 VALUES ('{nr}', 'name {nr}', 'tester', '{at}')"
            ),
            format!(
                "INSERT INTO agents (id, orchestrator_agent_id, session_id, started_at) \
                 VALUES ('{nr}', '0', 's{nr}', '{at}')"
            ),
            format!(
                "INSERT INTO prompts (id, agent_id, prompt_type, prompt_text, created_at) \
                 VALUES ('{nr}', '0', 'adw', 't', '{at}')"
            ),
            format!(
                "INSERT INTO agent_logs (id, agent_id, log_type, message, created_at) \
                 VALUES ({nr} + 1, '0', 'error', '{nr}', '{at}')"
            ),
            format!(
                "INSERT INTO system_logs (id, component, message, created_at) VALUES ({nr} + 1, 'c', '{nr}', '{at}')"
            ),
        ] {
            app.sql(&sql);
        }
    }
}

/// Each list, a field that tells its rows apart, and whether it begins with the newest.
const LISTS: [(&str, &str, bool); 7] = [
    ("/api/agents", "id", true),
    ("/api/runtime/agents", "id", true),
    ("/api/runtime/prompts", "id", false),
    ("/api/runtime/logs", "message", true),
    ("/api/runtime/logs/agent/0", "message", true),
    ("/api/runtime/system-logs", "message", true),
    ("/api/runtime/sessions", "session_id", true),
];

async fn every_list_goes_on(app: TestApp) {
    fill(&app).await;
    for (list, field, newest_first) in LISTS {
        for order in ["", "asc", "desc"] {
            let whole = app.list(format!("{list}?order={order}"), field).await;
            let mut numbers = ["0", "1", "2", "3", "4"];
            if order == "desc" || (order.is_empty() && newest_first) {
                numbers.reverse();
            }
            let found: Vec<_> = whole
                .iter()
                .map(|value| value.trim_start_matches('s'))
                .collect();
            assert_eq!(found, numbers, "{list} {order}");
            for limit in 1..=5 {
                let pages = app
                    .pages(format!("{list}?order={order}&limit={limit}"), field)
                    .await;
                assert_eq!(pages.concat(), whole, "{list} {order} {limit}");
                assert_eq!(pages.len(), 5_usize.div_ceil(limit));
            }
        }
    }
}

async fn rows_of_the_same_time_are_told_apart(app: TestApp) {
    let definition = app.definition("Builder").await;
    app.sql(&format!(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 250) \
         INSERT INTO agents (id, orchestrator_agent_id, session_id, started_at) \
         SELECT n, '{definition}', 's', '2026-02-05 10:00:00' FROM n"
    ));
    let ids = app
        .pages("/api/runtime/agents?limit=40", "id")
        .await
        .concat();
    assert_eq!(ids.len(), 250);
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>().len(), 250);
}

/// Other writers store any time, and anything beside it.
async fn rows_of_whatever_time_come_once(app: TestApp) {
    fill(&app).await;
    let nested = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    for (number, time) in [
        "''",
        "''",
        "'never'",
        "'soon, {\"at\": \"noon\"}'",
        "'soon' || char(10) || '\\u0041'",
        "x'6f6b'",
        "17",
        "2.5e300",
        "'2026-02-05T10:00:00.123456+02:00'",
    ]
    .iter()
    .enumerate()
    {
        for sql in [
            format!(
                "INSERT INTO orchestrator_agents (id, name, agent_type, metadata, created_at) \
                 VALUES ('d{number}', 'd{number}', 'tester', '{nested}', {time})"
            ),
            format!(
                "INSERT INTO agents (id, orchestrator_agent_id, session_id, context, started_at) \
                 VALUES ('a{number}', '0', 's', '{nested}', {time})"
            ),
            format!(
                "INSERT INTO ai_developer_workflows (id, adw_name, workflow_type, input_data, created_at) \
                 VALUES ('w{number}', 'n', 't', '{nested}', {time})"
            ),
        ] {
            app.sql(&sql);
        }
    }
    for list in [
        "/api/agents",
        "/api/runtime/agents",
        "/api/runtime/workflows",
    ] {
        for order in ["asc", "desc"] {
            let whole = app.list(format!("{list}?order={order}"), "id").await;
            assert!(whole.len() >= 9, "{list}");
            for limit in [1, 2, 5] {
                let pages = format!("{list}?order={order}&limit={limit}");
                assert_eq!(app.pages(pages, "id").await.concat(), whole, "{list}");
            }
        }
    }
}

async fn the_last_page_has_no_link(app: TestApp) {
    fill(&app).await;
    for (list, _, _) in LISTS {
        let whole = app.get(format!("{list}?limit=5")).await;
        assert_eq!(whole.header("link"), "", "{list}");
        let first = app.get(format!("{list}?limit=4")).await;
        assert_eq!(first.json(200).as_array().unwrap().len(), 4);
        let last = app.get(next(&first).unwrap()).await;
        assert_eq!(last.json(200).as_array().unwrap().len(), 1);
        assert_eq!(last.header("link"), "", "{list}");
    }
}

async fn what_comes_meanwhile_moves_nothing(app: TestApp) {
    fill(&app).await;
    let first = app.get("/api/runtime/logs?limit=2").await;
    for _ in 0..3 {
        let entry = json!({"agent_id": "0", "log_type": "error", "message": "new"});
        app.post("/api/runtime/logs", entry).await.json(201);
    }
    let rest = app.pages(next(&first).unwrap(), "message").await;
    assert_eq!(rest, [vec!["2", "1"], vec!["0"]]);
    // The other way the new ones come last.
    let first = app.get("/api/runtime/logs?limit=6&order=asc").await;
    let entry = json!({"agent_id": "0", "log_type": "error", "message": "newer"});
    app.post("/api/runtime/logs", entry).await.json(201);
    let rest = app.pages(next(&first).unwrap(), "message").await;
    assert_eq!(rest, [["new", "new", "newer"]]);
}

async fn what_goes_meanwhile_moves_nothing(app: TestApp) {
    fill(&app).await;
    let first = app.get("/api/runtime/agents?limit=2").await;
    // The row that the cursor names goes too.
    app.delete("/api/runtime/agents/3").await;
    app.delete("/api/runtime/agents/1").await;
    let rest = app.pages(next(&first).unwrap(), "id").await;
    assert_eq!(rest, [["2", "0"]]);
}

async fn limit_may_change_between_pages(app: TestApp) {
    fill(&app).await;
    let first = app.get("/api/runtime/logs?limit=1").await;
    let next = next(&first).unwrap().replace("limit=1", "limit=4");
    assert_eq!(app.pages(next, "message").await, [["3", "2", "1", "0"]]);
}

async fn the_filters_go_along(app: TestApp) {
    fill(&app).await;
    app.sql("UPDATE agent_logs SET message = 'ü & ' || message, log_level = 'ERROR' WHERE id <> 3");
    let uri = "/api/runtime/logs?q=%C3%BC+%26&level=error&limit=3";
    let pages = app.pages(uri, "id").await;
    assert_eq!(pages, [vec!["5", "4", "2"], vec!["1"]]);
}

async fn a_made_up_cursor_is_refused(app: TestApp) {
    fill(&app).await;
    let first = app.get("/api/runtime/logs?limit=1").await;
    let cursor = next(&first)
        .unwrap()
        .split("cursor=")
        .last()
        .unwrap()
        .to_owned();
    let changed = cursor.chars().rev().collect::<String>();
    for made_up in [
        "1",
        "AAAA",
        "AQAAAAAAAAAAWzFd",
        "%00",
        "=",
        &changed,
        &cursor[1..],
        &format!("{cursor}A"),
    ] {
        for (list, _, _) in LISTS {
            let faults = TestApp::faults(&app.get(format!("{list}?cursor={made_up}")).await);
            assert_eq!(
                faults,
                [("cursor".to_owned(), json!(["query", "cursor"]))],
                "{list} {made_up}"
            );
        }
    }
    // None is none.
    assert_eq!(app.list("/api/runtime/logs?cursor=", "id").await.len(), 5);
}

async fn a_cursor_of_another_list_is_refused(app: TestApp) {
    fill(&app).await;
    let first = app.get("/api/runtime/logs?limit=1&level=info").await;
    let next = next(&first).unwrap();
    app.get(next.clone()).await.json(200);
    for other in [
        next.replace("logs", "system-logs"),
        next.replace("level=info", "level=error"),
        next.replace("level=info", ""),
        format!("{next}&order=asc"),
    ] {
        let faults = TestApp::faults(&app.get(other).await);
        assert_eq!(faults[0].0, "cursor");
    }
}
