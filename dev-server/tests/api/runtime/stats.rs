//! `/api/runtime/stats`

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::{TestApp, redacted};

on_every_host! {
    nothing_is_all_zeros,
    counts_everything_once,
    since_counts_to_the_millisecond,
    a_session_counts_alone,
    a_series_has_the_prompts_of_each_interval,
    what_was_deleted_counts_no_more,
    refuses_what_does_not_validate,
}

const PATH: &str = "/api/runtime/stats";

async fn nothing_is_all_zeros(app: TestApp) {
    let stats = app.get(PATH).await.json(200);
    assert_json_snapshot!("empty_stats", stats);
    assert_eq!(
        app.get(format!("{PATH}?session_id=none&since=2026-02-05"))
            .await
            .json(200),
        stats
    );
}

/// Two sessions with an agent each, which has prompts and log entries at known times.
async fn fill(app: &TestApp) {
    let definition = app.definition("Builder").await;
    for session in ["s", "t"] {
        app.sql(&format!(
            "INSERT INTO agents (id, orchestrator_agent_id, session_id, status, started_at, cost_usd) \
             VALUES ('{session}', '{definition}', '{session}', 'planning', '2026-02-05 10:00:00', 0.05)"
        ));
        for (nr, (at, status, model)) in [
            ("2026-02-05 10:00:30", "'completed'", "'opus'"),
            ("2026-02-05T10:00:30.500000", "'failed'", "'opus'"),
            ("2026-02-05T10:59:59.999Z", "'completed'", "NULL"),
            ("2026-02-05T11:00:00.000Z", "'completed'", "'haiku'"),
            ("2026-02-06 00:00:00", "'pending'", "'opus'"),
        ]
        .into_iter()
        .enumerate()
        {
            app.sql(&format!(
                "INSERT INTO prompts (id, agent_id, prompt_type, prompt_text, status, model_used, tokens_input, \
                 tokens_output, cost_usd, created_at) \
                 VALUES ('{session}{nr}', '{session}', 'adw', 't', {status}, {model}, 10, 1, 0.1, '{at}')"
            ));
            app.sql(&format!(
                "INSERT INTO agent_logs (agent_id, log_level, log_type, message, created_at) \
                 VALUES ('{session}', iif({nr} % 2, 'ERROR', 'INFO'), 'error', 'm', '{at}')"
            ));
        }
    }
}

async fn counts_everything_once(app: TestApp) {
    fill(&app).await;
    let stats = app.get(PATH).await.json(200);
    assert_json_snapshot!("stats", redacted(stats));
}

/// Prompts and log entries that count.
fn totals(stats: &Value) -> (i64, i64) {
    let total = |value: &Value| value["total"].as_i64().unwrap();
    (total(&stats["prompts"]), total(&stats["logs"]))
}

async fn since_counts_to_the_millisecond(app: TestApp) {
    fill(&app).await;
    for (since, each) in [
        ("2026-01-01", 5),
        ("2026-02-05T10:00:00Z", 5),
        ("2026-02-05T10:00:30Z", 5),
        ("2026-02-05T10:00:30.001Z", 4),
        ("2026-02-05T10:00:30.500Z", 4),
        ("2026-02-05T10:00:30.501Z", 3),
        ("2026-02-05T10:30:00Z", 3),
        ("2026-02-05T10:59:59.999Z", 3),
        ("2026-02-05T11:00:00Z", 2),
        ("2026-02-05T12:00:00%2B01:00", 2),
        ("2026-02-05T11:00:00.001Z", 1),
        ("2026-02-06T00:00:00Z", 1),
        ("2026-02-06T00:00:00.001Z", 0),
        ("2027-01-01", 0),
    ] {
        let stats = app.get(format!("{PATH}?since={since}")).await.json(200);
        assert_eq!(totals(&stats), (2 * each, 2 * each), "{since}");
        assert_eq!(stats["tokens_input"], 20 * each, "{since}");
        let stats = app
            .get(format!("{PATH}?session_id=s&since={since}"))
            .await
            .json(200);
        assert_eq!(totals(&stats), (each, each), "{since}");
    }
    let agents = app
        .get(format!("{PATH}?since=2026-02-05T10:00:00.001Z"))
        .await
        .json(200);
    assert_eq!(agents["agents"]["total"], 0);
    assert_eq!(agents["cost_usd"], 0.0);
}

async fn a_session_counts_alone(app: TestApp) {
    fill(&app).await;
    let stats = app.get(format!("{PATH}?session_id=t")).await.json(200);
    assert_eq!(totals(&stats), (5, 5));
    assert_eq!(stats["agents"]["by_status"]["planning"], 1);
    assert_eq!(stats["cost_usd"], 0.5);
    assert_eq!(stats["prompts"]["by_model"][0]["model"], "opus");
    assert_eq!(stats["prompts"]["by_model"][0]["prompts"], 3);
}

async fn a_series_has_the_prompts_of_each_interval(app: TestApp) {
    fill(&app).await;
    for (query, expected) in [
        (
            "interval=minute&session_id=s",
            vec![
                ("2026-02-05T10:00", 2),
                ("2026-02-05T10:59", 1),
                ("2026-02-05T11:00", 1),
                ("2026-02-06T00:00", 1),
            ],
        ),
        (
            "interval=minute&since=2026-02-05T11:00:00Z",
            vec![("2026-02-05T11:00", 2), ("2026-02-06T00:00", 2)],
        ),
        (
            "interval=hour",
            vec![
                ("2026-02-05T10:00", 6),
                ("2026-02-05T11:00", 2),
                ("2026-02-06T00:00", 2),
            ],
        ),
        (
            "interval=hour&session_id=t",
            vec![
                ("2026-02-05T10:00", 3),
                ("2026-02-05T11:00", 1),
                ("2026-02-06T00:00", 1),
            ],
        ),
        (
            "interval=day",
            vec![("2026-02-05T00:00", 8), ("2026-02-06T00:00", 2)],
        ),
        ("interval=day&session_id=none", vec![]),
    ] {
        let stats = app.get(format!("{PATH}?{query}")).await.json(200);
        let points: Vec<Value> = expected
            .into_iter()
            .map(|(at, prompts)| {
                let cost = f64::from(prompts) / 10.0;
                json!({"at": format!("{at}:00.000Z"), "prompts": prompts, "tokens_input": 10 * prompts, "tokens_output": prompts, "cost_usd": cost})
            })
            .collect();
        assert_eq!(stats["series"], json!(points), "{query}");
    }
}

async fn what_was_deleted_counts_no_more(app: TestApp) {
    fill(&app).await;
    app.sql("DELETE FROM prompts WHERE created_at < '2026-02-05T11'");
    app.sql("UPDATE agent_logs SET log_level = 'DEBUG' WHERE agent_id = 's'");
    let stats = app.get(PATH).await.json(200);
    assert_eq!(stats["prompts"]["total"], 4);
    assert_eq!(stats["logs"]["by_level"]["DEBUG"], 5);
    assert_eq!(stats["logs"]["total"], 10);
    app.sql(
        "UPDATE prompts SET agent_id = 's', status = 'failed', tokens_input = 7 WHERE id = 't4'",
    );
    app.sql("UPDATE agent_logs SET agent_id = 't' WHERE id = 1");
    app.sql("DELETE FROM agent_logs WHERE id = 2");
    for (session, counted) in [("s", (3, 3)), ("t", (1, 6))] {
        // The sums over all time, and those by the minute.
        let path = format!("{PATH}?session_id={session}");
        let stats = app.get(&path).await.json(200);
        assert_eq!(totals(&stats), counted, "{session}");
        let minutes = app.get(format!("{path}&since=2026-01-01")).await;
        assert_eq!(minutes.json(200), stats, "{session}");
    }
    app.sql("UPDATE prompts SET agent_id = 't' WHERE id = 't4'");
    app.delete("/api/runtime/agents/s").await;
    let stats = app.get(PATH).await.json(200);
    assert_eq!(totals(&stats), (2, 6));
    app.delete("/api/runtime/agents/t").await;
    for table in [
        "counted_prompts",
        "prompt_usage",
        "counted_agents",
        "agent_usage",
        "deletions",
    ] {
        assert_eq!(app.count(table), 0, "{table}");
    }
}

async fn refuses_what_does_not_validate(app: TestApp) {
    let faults = TestApp::faults(&app.get(format!("{PATH}?since=soon&interval=week")).await);
    let places: Vec<_> = faults.into_iter().map(|(_, place)| place).collect();
    assert_eq!(
        places,
        [json!(["query", "since"]), json!(["query", "interval"])]
    );
}
