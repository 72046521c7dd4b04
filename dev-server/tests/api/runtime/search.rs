//! `q`, `since` and `until` of `/api/runtime/agents`, and `q` of `/api/runtime/sessions`

use serde_json::{Value, json};

use crate::app::{Host, TestApp, next};

on_every_host! {
    a_text_is_found_wherever_it_stands,
    what_an_agent_is_about_is_found_as_it_is_read,
    a_text_goes_with_every_filter,
    the_end_counts_or_else_the_last_change,
    what_is_lost_is_found_as_it_is_told,
    sessions_are_found_by_a_part_of_their_id,
    what_is_wrong_is_told,
}

const PATH: &str = "/api/runtime/agents";

fn insert(app: &TestApp, id: &str, definition: &str, columns: &str, values: &str) {
    app.sql(&format!(
        "INSERT OR IGNORE INTO orchestrator_agents (id, name, agent_type) VALUES ('{definition}', '{definition}', 'builder')"
    ));
    app.sql(&format!(
        "INSERT INTO agents (id, orchestrator_agent_id, session_id, {columns}) VALUES ('{id}', '{definition}', 's-{id}', {values})"
    ));
}

async fn found(app: &TestApp, query: &str) -> Vec<String> {
    app.list(format!("{PATH}?{query}"), "id").await
}

async fn a_text_is_found_wherever_it_stands(app: TestApp) {
    insert(&app, "one", "Planner", "error_message", "'429 Too Many'");
    insert(&app, "two", "Builder", "error_message", "NULL");
    for (text, expected) in [
        ("one", vec!["one"]),
        ("TW", vec!["two"]),
        ("s-o", vec!["one"]),
        ("plan", vec!["one"]),
        ("er", vec!["two", "one"]),
        ("too%20many", vec!["one"]),
        ("many%20PLAN%20429", vec!["one"]),
        ("plan%20two", vec![]),
        ("%25", vec![]),
        ("nowhere", vec![]),
    ] {
        assert_eq!(found(&app, &format!("q={text}")).await, expected, "{text}");
    }
    assert_eq!(found(&app, "q=er&order=asc").await, ["one", "two"]);
}

/// Names of members and escapes are not what is read.
async fn what_an_agent_is_about_is_found_as_it_is_read(app: TestApp) {
    for (id, context) in [
        ("nested", r#"'{"plan": [{"task": "Prüfe 2 Seiten"}]}'"#),
        (
            "escaped",
            r#"'{"task": "Pr\u00fcfe \"alles\"\nund jedes", "issue": 4711, "is_new": true}'"#,
        ),
        ("text", "'no {json prüfe'"),
        ("string", r#"'"ein text"'"#),
        ("bytes", "x'ff00fe7072'"),
        ("number", "4711.5"),
        ("none", "NULL"),
        (
            "long",
            "'{\"task\": \"' || printf('%20000s', 'prüfe') || '\"}'",
        ),
    ] {
        insert(&app, id, "D", "context", context);
    }
    for (text, expected) in [
        ("r%C3%BCfe", vec!["escaped", "nested", "text"]),
        ("%22alles%22%0Aund", vec!["escaped"]),
        ("task", vec![]),
        ("4711", vec!["escaped", "number"]),
        ("u00fc", vec![]),
        ("ein%20text", vec!["string"]),
    ] {
        let mut ids = found(&app, &format!("q={text}")).await;
        ids.sort();
        assert_eq!(ids, expected, "{text}");
    }
}

async fn a_text_goes_with_every_filter(app: TestApp) {
    for (id, status, session) in [
        ("a1", "executing", "x"),
        ("a2", "failed", "x"),
        ("b1", "executing", "x"),
        ("a3", "executing", "y"),
    ] {
        insert(&app, id, "D", "status", &format!("'{status}'"));
        app.sql(&format!(
            "UPDATE agents SET session_id = '{session}' WHERE id = '{id}'"
        ));
    }
    assert_eq!(found(&app, "q=a&session_id=x").await, ["a2", "a1"]);
    assert_eq!(
        found(&app, "q=a&session_id=x&status=executing").await,
        ["a1"]
    );
    assert_eq!(
        found(&app, "q=a&status=executing,failed").await,
        ["a3", "a2", "a1"]
    );
    assert_eq!(
        found(&app, "q=a&orchestrator_agent_id=D&status=executing").await,
        ["a3", "a1"]
    );
    let pages = app.pages(format!("{PATH}?q=a&limit=1"), "id").await;
    assert_eq!(pages, [["a3"], ["a2"], ["a1"]]);
}

async fn the_end_counts_or_else_the_last_change(app: TestApp) {
    for (id, completed) in [
        ("early", "'2026-02-05 10:00:00'"),
        ("late", "'2026-02-05T11:00:00.5+00:00'"),
        ("at-work", "NULL"),
    ] {
        insert(&app, id, "D", "completed_at", completed);
    }
    // What changes later does not end later.
    app.sql("UPDATE agents SET metadata = '{}' WHERE id = 'early'");
    let at = |time: &str| format!("2026-02-05T{time}Z");
    for (since, until, expected) in [
        ("10:00:00", "10:00:00.001", vec!["early"]),
        ("10:00:00.001", "12:00:00", vec!["late"]),
        ("09:00:00", "11:00:00.500", vec!["early"]),
        ("09:00:00", "11:00:00.501", vec!["late", "early"]),
    ] {
        let query = format!("since={}&until={}", at(since), at(until));
        assert_eq!(found(&app, &query).await, expected, "{query}");
    }
    assert_eq!(found(&app, "since=2026-02-06").await, ["at-work"]);
    assert_eq!(
        found(&app, "since=2026-02-05&status=failed").await,
        [""; 0],
        "none has failed"
    );
}

async fn what_is_lost_is_found_as_it_is_told(app: TestApp) {
    let definition = app.definition("D").await;
    let agent = app.agent(&definition, "s").await;
    let beat = json!({"lease_seconds": 1});
    app.post(&format!("{PATH}/{agent}/heartbeat"), beat)
        .await
        .json(200);
    let told = loop {
        let told = app.get(format!("{PATH}/{agent}")).await.json(200);
        if told["status"] == "failed" {
            break told;
        }
    };
    let ended = told["completed_at"].as_str().unwrap();
    for query in [
        "q=heartbeat%20lost&status=failed".to_owned(),
        format!("since={ended}&status=failed"),
    ] {
        assert_eq!(found(&app, &query).await, [&*agent], "{query}");
    }
    assert_eq!(found(&app, &format!("until={ended}")).await, [""; 0]);
}

async fn sessions_are_found_by_a_part_of_their_id(app: TestApp) {
    let definition = app.definition("D").await;
    for session in ["Checkout-1", "checkout-2", "payment", "checkout-3"] {
        app.agent(&definition, session).await;
    }
    let path = "/api/runtime/sessions";
    assert_eq!(
        app.pages(format!("{path}?q=CHECK&limit=2"), "session_id")
            .await,
        [vec!["checkout-3", "checkout-2"], vec!["Checkout-1"]]
    );
    let found = app.get(format!("{path}?q=pay")).await.json(200);
    let one = app.get(format!("{path}/payment")).await.json(200);
    assert_eq!(found, json!([one]));
    assert_eq!(app.get(format!("{path}?q=none")).await.json(200), json!([]));
}

async fn what_is_wrong_is_told(app: TestApp) {
    for query in ["since=yesterday", "until=7"] {
        let (name, _) = query.split_once('=').unwrap();
        let refused = app.get(format!("{PATH}?{query}")).await;
        assert_eq!(
            TestApp::faults(&refused),
            [("datetime_parsing".to_owned(), json!(["query", name]))]
        );
    }
    app.get(format!("{PATH}?q={}", "x".repeat(501)))
        .await
        .json(422);
}

/// 25,000 agents, a session each, of which two in a thousand have "needle" in their context.
fn many(app: &TestApp) {
    app.sql("INSERT INTO orchestrator_agents (id, name, agent_type) VALUES ('D', 'D', 'builder')");
    app.sql(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 25000) \
         INSERT INTO agents (id, orchestrator_agent_id, session_id, status, context, started_at, completed_at) \
         SELECT n, 'D', 'session-' || n, 'completed', iif(n IN (1, 12000, 24999), 'a needle', 'hay'), \
         strftime('%Y-%m-%d %H:%M:%S', '2026-02-05', n || ' seconds'), '2026-02-06' FROM n",
    );
}

/// However many agents there are, a page looks at so many of them, and says where it goes on.
#[tokio::test]
async fn a_page_looks_at_so_many_and_goes_on() {
    let app = TestApp::start(Host::Memory).await;
    many(&app);
    for (uri, field, pages) in [
        (
            format!("{PATH}?q=needle"),
            "id",
            vec![vec!["24999"], vec!["12000"], vec!["1"]],
        ),
        (
            format!("{PATH}?q=needle&order=asc"),
            "id",
            vec![vec!["1"], vec!["12000"], vec!["24999"]],
        ),
        (
            format!("{PATH}?q=needle&status=completed,failed"),
            "id",
            vec![vec!["24999"], vec!["12000"], vec!["1"]],
        ),
        (
            format!("{PATH}?since=2026-02-07"),
            "id",
            vec![vec![], vec![], vec![]],
        ),
        (
            "/api/runtime/sessions?q=session-77".to_owned(),
            "session_id",
            Vec::new(),
        ),
    ] {
        let found = app.pages(&uri, field).await;
        if pages.is_empty() {
            // 77, 770 to 779, and so on: all, and each once.
            let mut all = found.concat();
            assert_eq!(all.len(), 111, "{all:?}");
            all.dedup();
            assert_eq!(all.len(), 111, "{all:?}");
        } else {
            assert_eq!(found, pages, "{uri}");
        }
    }
    // What was wanted is there sooner.
    let first = app.get(format!("{PATH}?q=needle&limit=1&order=asc")).await;
    assert_eq!(first.json(200)[0]["id"], "1");
    let second = app.get(next(&first).unwrap()).await;
    assert_eq!(second.json(200)[0]["id"], "12000");
}

/// A file has all that is found, though most pages of it have nothing.
#[tokio::test]
async fn a_file_has_all_that_is_found() {
    let app = TestApp::start(Host::Components).await;
    app.get("/health").await.json(200);
    many(&app);
    let file = app.get(format!("{PATH}?q=needle&format=ndjson")).await;
    let ids: Vec<Value> = file
        .text()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].take())
        .collect();
    assert_eq!(ids, ["24999", "12000", "1"]);
}
