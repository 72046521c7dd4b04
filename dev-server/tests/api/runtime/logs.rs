//! `GET /api/runtime/logs` and `/api/runtime/logs/agent/{id}`

use insta::assert_json_snapshot;
use serde_json::json;

use crate::app::{TestApp, redacted};

on_every_host! {
    nothing_is_an_empty_array,
    gives_whole_rows,
    what_is_no_json_comes_out_as_a_string,
    the_newest_hundred_come_first,
    filters_come_before_the_limit,
    each_filter_filters,
    levels_are_read_in_any_case,
    since_and_until_know_every_writer_s_times,
    refuses_what_does_not_validate,
    an_agent_s_own_logs,
    an_agent_s_logs_are_found_among_many,
    an_unknown_agent_is_not_found,
}

const PATH: &str = "/api/runtime/logs";

/// Two agents in two sessions.
fn agents(app: &TestApp) {
    app.sql("INSERT INTO orchestrator_agents (id, name, agent_type) VALUES ('D', 'D', 'builder')");
    for (agent, session) in [("A", "s1"), ("B", "s2")] {
        app.sql(&format!(
            "INSERT INTO agents (id, orchestrator_agent_id, session_id) VALUES ('{agent}', 'D', '{session}')"
        ));
    }
}

fn log(app: &TestApp, agent: &str, level: &str, kind: &str, message: &str, created: &str) {
    app.sql(&format!(
        "INSERT INTO agent_logs (agent_id, log_level, log_type, message, created_at) \
         VALUES ('{agent}', '{level}', '{kind}', '{message}', '{created}')"
    ));
}

/// Four entries, each different.
fn four(app: &TestApp) {
    agents(app);
    log(
        app,
        "A",
        "INFO",
        "state_change",
        "starts at 100%",
        "2026-02-05 10:00:00",
    );
    log(
        app,
        "B",
        "ERROR",
        "error",
        "Broke_it",
        "2026-02-05T10:00:00.500000",
    );
    log(
        app,
        "A",
        "WARNING",
        "performance",
        "slow",
        "2026-02-05T10:00:01.000Z",
    );
    log(
        app,
        "B",
        "ERROR",
        "tool_call",
        "broke again",
        "2026-02-05 10:00:02",
    );
}

/// `count` entries of the agent A.
fn many(app: &TestApp, count: u32) {
    app.sql(&format!(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count}) \
         INSERT INTO agent_logs (agent_id, log_type, message) SELECT 'A', 'milestone', 'n' || n FROM n"
    ));
}

async fn nothing_is_an_empty_array(app: TestApp) {
    assert_eq!(app.get(PATH).await.json(200), json!([]));
}

async fn gives_whole_rows(app: TestApp) {
    agents(&app);
    app.sql(
        "INSERT INTO agent_logs (agent_id, log_level, log_type, message, details, created_at) VALUES ('A', \
         'CRITICAL', 'cost_update', 'Costly', '{\"usd\": 1.50}', '2026-02-05T10:00:00.123456')",
    );
    app.sql("INSERT INTO agent_logs (agent_id, log_type, message) VALUES ('A', 'milestone', '')");
    let rows = app.get(PATH).await.json(200);
    assert_json_snapshot!("log", rows[1]);
    assert_json_snapshot!("bare_log", redacted(rows[0].clone()));
}

async fn what_is_no_json_comes_out_as_a_string(app: TestApp) {
    agents(&app);
    for stored in ["{'python': True}", r#"{"a": NaN}"#, "plain words"] {
        app.sql("DELETE FROM agent_logs");
        let quoted = stored.replace('\'', "''");
        app.sql(&format!(
            "INSERT INTO agent_logs (agent_id, log_type, message, details) VALUES ('A', 'error', 'x', '{quoted}')"
        ));
        assert_eq!(app.list(PATH, "details").await, [stored]);
    }
}

async fn the_newest_hundred_come_first(app: TestApp) {
    agents(&app);
    many(&app, 1001);
    let newest = app.list(PATH, "message").await;
    assert_eq!(newest.len(), 100);
    assert_eq!(newest[0], "n1001");
    assert_eq!(newest[99], "n902");
    assert_eq!(
        app.list(format!("{PATH}?limit=1000"), "message")
            .await
            .len(),
        1000
    );
    assert_eq!(
        app.list(format!("{PATH}?order=asc&limit=2"), "message")
            .await,
        ["n1", "n2"]
    );
    assert_eq!(
        app.list(format!("{PATH}?limit=1"), "message").await,
        ["n1001"]
    );
}

async fn filters_come_before_the_limit(app: TestApp) {
    agents(&app);
    log(
        &app,
        "B",
        "ERROR",
        "error",
        "the old error",
        "2026-02-05 10:00:00",
    );
    many(&app, 1100);
    for query in [
        "level=ERROR",
        "log_type=error",
        "agent_id=B",
        "session_id=s2",
        "q=old",
        "until=2026-03-01",
    ] {
        let found = app.list(format!("{PATH}?{query}&limit=1"), "message").await;
        assert_eq!(found, ["the old error"], "{query}");
    }
}

async fn each_filter_filters(app: TestApp) {
    four(&app);
    let list = async |query: &str| app.list(format!("{PATH}?{query}"), "message").await;
    assert_eq!(list("level=ERROR").await, ["broke again", "Broke_it"]);
    assert_eq!(list("log_type=state_change").await, ["starts at 100%"]);
    assert_eq!(list("agent_id=A").await, ["slow", "starts at 100%"]);
    assert_eq!(list("session_id=s2").await, ["broke again", "Broke_it"]);
    assert_eq!(list("q=broke").await, ["broke again", "Broke_it"]);
    assert_eq!(list("q=broke_").await, ["Broke_it"]);
    assert_eq!(list("q=%25").await, ["starts at 100%"]);
    assert_eq!(
        list("level=ERROR&session_id=s2&log_type=error&q=it&agent_id=B&order=asc").await,
        ["Broke_it"]
    );
    assert!(list("agent_id=A&level=ERROR").await.is_empty());
    assert!(list("agent_id=nobody").await.is_empty());
    assert_eq!(
        list("level=&log_type=&agent_id=&session_id=&q=&since=&until=")
            .await
            .len(),
        4
    );
}

async fn levels_are_read_in_any_case(app: TestApp) {
    four(&app);
    for level in ["error", "Error", "ERROR", "eRRoR"] {
        assert_eq!(
            app.list(format!("{PATH}?level={level}"), "log_level").await,
            ["ERROR", "ERROR"]
        );
    }
}

async fn since_and_until_know_every_writer_s_times(app: TestApp) {
    four(&app);
    let list = async |query: &str| {
        app.list(format!("{PATH}?order=asc&{query}"), "message")
            .await
    };
    let all = ["starts at 100%", "Broke_it", "slow", "broke again"];
    assert_eq!(list("since=2026-02-05T10:00:00Z").await, all);
    assert_eq!(list("since=2026-02-05%2010:00:00").await, all);
    assert_eq!(list("since=2026-02-05").await, all);
    assert_eq!(list("since=2026-02-05T10:00:00.001Z").await, all[1..]);
    assert_eq!(list("since=2026-02-05T10:00:00.500").await, all[1..]);
    assert_eq!(list("since=2026-02-05T10:00:01.000Z").await, all[2..]);
    assert_eq!(list("since=2026-02-05T12:00:01%2B02:00").await, all[2..]);
    // A plus that nobody encoded.
    assert_eq!(list("since=2026-02-05T12:00:01+02:00").await, all[2..]);
    assert_eq!(list("until=2026-02-05T10:00:01Z").await, all[..2]);
    assert_eq!(list("until=2026-02-05T10:00:02").await, all[..3]);
    assert_eq!(list("until=2026-02-06").await, all);
    assert_eq!(
        list("since=2026-02-05T10:00:00.500Z&until=2026-02-05T10:00:02Z").await,
        all[1..3]
    );
    assert!(
        list("since=2026-02-05T10:00:01Z&until=2026-02-05T10:00:01Z")
            .await
            .is_empty()
    );
}

async fn refuses_what_does_not_validate(app: TestApp) {
    for path in [PATH, "/api/runtime/logs/agent/A"] {
        for (query, kind, field) in [
            ("level=loud", "enum", "level"),
            ("log_type=chat", "enum", "log_type"),
            ("since=soon", "datetime_parsing", "since"),
            ("until=2026-13-01", "datetime_parsing", "until"),
            ("limit=0", "greater_than_equal", "limit"),
            ("limit=1001", "less_than_equal", "limit"),
            ("order=x", "enum", "order"),
        ] {
            let refused = app.get(format!("{path}?{query}")).await;
            assert_eq!(
                TestApp::faults(&refused),
                [(kind.to_owned(), json!(["query", field]))],
                "{query}"
            );
        }
    }
}

async fn an_agent_s_own_logs(app: TestApp) {
    four(&app);
    let list = async |query: &str| app.list(format!("{PATH}/agent/{query}"), "message").await;
    assert_eq!(list("A").await, ["slow", "starts at 100%"]);
    assert_eq!(list("A?order=asc").await, ["starts at 100%", "slow"]);
    assert_eq!(list("A?limit=1").await, ["slow"]);
    assert_eq!(list("B?log_type=error").await, ["Broke_it"]);
    assert_eq!(list("B?level=error&q=again").await, ["broke again"]);
    assert_eq!(list("B?since=2026-02-05T10:00:02Z").await, ["broke again"]);
    assert!(list("A?level=ERROR").await.is_empty());
    assert!(list("A?session_id=s2").await.is_empty());
    // The path says whose logs, not the query.
    assert_eq!(list("A?agent_id=B").await, ["slow", "starts at 100%"]);
}

async fn an_agent_s_logs_are_found_among_many(app: TestApp) {
    agents(&app);
    log(
        &app,
        "B",
        "INFO",
        "milestone",
        "long ago",
        "2026-02-05 10:00:00",
    );
    many(&app, 1100);
    assert_eq!(
        app.list(format!("{PATH}/agent/B"), "message").await,
        ["long ago"]
    );
    assert_eq!(
        app.list(format!("{PATH}/agent/A"), "message").await.len(),
        100
    );
}

async fn an_unknown_agent_is_not_found(app: TestApp) {
    agents(&app);
    assert_eq!(
        app.get(format!("{PATH}/agent/A")).await.json(200),
        json!([])
    );
    app.get(format!("{PATH}/agent/nobody")).await.json(404);
    app.get(format!("{PATH}/agent/nobody?level=ERROR"))
        .await
        .json(404);
}
