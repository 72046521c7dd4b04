//! `/api/runtime/logs/histogram`

use serde_json::{Value, json};

use crate::app::{Host, TestApp};

on_every_host! {
    entries_are_counted_where_they_are,
    a_scope_and_a_time_narrow_it,
    what_is_wrong_is_told,
}

const PATH: &str = "/api/runtime/logs/histogram";
const LEVELS: [&str; 5] = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
const ENTRIES: i64 = 5000;

/// 5000 entries of two agents, one each second from 10 o'clock on, though not in the order in which they are stored.
async fn fill(app: &TestApp) -> [String; 2] {
    let definition = app.definition("Builder").await;
    let agents = [
        app.agent(&definition, "s").await,
        app.agent(&definition, "t").await,
    ];
    let [one, other] = &agents;
    app.sql(&format!(
        "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {ENTRIES} - 1) \
         INSERT INTO agent_logs (agent_id, log_level, log_type, message, created_at) \
         SELECT iif(n % 4, '{one}', '{other}'), \
         CASE n % 5 WHEN 0 THEN 'DEBUG' WHEN 1 THEN 'INFO' WHEN 2 THEN 'WARNING' WHEN 3 THEN 'ERROR' ELSE 'CRITICAL' END, \
         iif(n % 3, 'milestone', 'tool_call'), n, strftime('%Y-%m-%d %H:%M:%S', '2026-02-05 10:00:00', \
         CAST(iif(n % 100 = 0, {ENTRIES} - 100 - n, n) AS TEXT) || ' seconds') FROM n"
    ));
    agents
}

/// What there has to be, counted from the entries themselves.
async fn expected(app: &TestApp, query: &str, since: i64, until: i64, length: i64) -> Value {
    let mut numbers =
        vec![[0_i64; 5]; usize::try_from((until - 1) / length - since / length + 1).unwrap()];
    for row in app
        .pages(format!("/api/runtime/logs?limit=1000&{query}"), "log_level")
        .await
        .concat()
        .iter()
        .zip(
            app.pages(
                format!("/api/runtime/logs?limit=1000&{query}"),
                "created_at",
            )
            .await
            .concat(),
        )
    {
        let (level, at) = row;
        let number = |range: std::ops::Range<usize>| at[range].parse::<i64>().unwrap();
        let second = (number(11..13) - 10) * 3600 + number(14..16) * 60 + number(17..19);
        if (since..until).contains(&second) {
            let level = LEVELS.iter().position(|name| name == level).unwrap();
            numbers[usize::try_from(second / length - since / length).unwrap()][level] += 1;
        }
    }
    let buckets = numbers
        .iter()
        .zip(since / length..)
        .map(|(counts, number)| {
            let second = number * length;
            let at = format!(
                "2026-02-05T{}:{:02}:{:02}.000Z",
                10 + second / 3600,
                second / 60 % 60,
                second % 60
            );
            let by_level: serde_json::Map<String, Value> = LEVELS
                .iter()
                .zip(counts)
                .map(|(level, count)| ((*level).to_owned(), (*count).into()))
                .collect();
            json!({"at": at, "logs": {"total": counts.iter().sum::<i64>(), "by_level": by_level}})
        });
    json!({"bucket_seconds": length, "counted_since": null, "buckets": buckets.collect::<Vec<_>>()})
}

async fn assert_is(app: &TestApp, query: &str, [since, until, buckets, length]: [i64; 4]) {
    let time = |second: i64| {
        format!(
            "2026-02-05T{}:{:02}:{:02}Z",
            10 + second / 3600,
            second / 60 % 60,
            second % 60
        )
    };
    let uri = format!(
        "{PATH}?since={}&until={}&buckets={buckets}&{query}",
        time(since),
        time(until)
    );
    let found = app.get(&uri).await.json(200);
    assert_eq!(
        found,
        expected(app, query, since, until, length).await,
        "{uri}"
    );
}

async fn entries_are_counted_where_they_are(app: TestApp) {
    fill(&app).await;
    for window in [
        [0, 5000, 60, 120],
        [0, 5000, 500, 10],
        [17, 4321, 10, 600],
        [17, 18, 10, 1],
        [4000, 9000, 5, 1800],
        [6000, 9000, 5, 600],
    ] {
        assert_is(&app, "", window).await;
    }
    // Nothing before the present, as nothing is of today.
    let now = app
        .get(format!("{PATH}?since=2026-02-05T10:00:00Z"))
        .await
        .json(200);
    let buckets = now["buckets"].as_array().unwrap();
    let sum: i64 = buckets
        .iter()
        .map(|bucket| bucket["logs"]["total"].as_i64().unwrap())
        .sum();
    assert_eq!(sum, ENTRIES);
    assert!(buckets.len() <= 61, "{}", buckets.len());
}

async fn a_scope_and_a_time_narrow_it(app: TestApp) {
    let [one, other] = fill(&app).await;
    for query in [
        format!("agent_id={one}"),
        format!("agent_id={other}"),
        "session_id=s".to_owned(),
        "log_type=tool_call".to_owned(),
        "log_type=performance".to_owned(),
        "q=7".to_owned(),
        "q=123".to_owned(),
        "q=nowhere".to_owned(),
        "q=12&log_type=milestone".to_owned(),
        "q=123&log_type=milestone".to_owned(),
        format!("q=23&log_type=milestone&agent_id={one}"),
        "q=123&session_id=t".to_owned(),
    ] {
        assert_is(&app, &query, [100, 3000, 30, 120]).await;
    }
    assert_is(
        &app,
        &format!("agent_id={one}&session_id=t"),
        [0, 5000, 60, 120],
    )
    .await;
    assert_is(&app, "agent_id=nobody", [0, 5000, 60, 120]).await;
}

async fn what_is_wrong_is_told(app: TestApp) {
    let fault = |kind: &str, name: &str| (kind.to_owned(), json!(["query", name]));
    let none = app.get(PATH).await;
    assert_eq!(TestApp::faults(&none), [fault("missing", "since")]);
    let wrong = app
        .get(format!("{PATH}?since=yesterday&until=x&buckets=501"))
        .await;
    assert_eq!(
        TestApp::faults(&wrong),
        [
            fault("datetime_parsing", "since"),
            fault("datetime_parsing", "until"),
            fault("less_than_equal", "buckets"),
        ]
    );
    // Times the other way round have nothing between them.
    let empty = app
        .get(format!("{PATH}?since=2026-02-05&until=2026-02-04"))
        .await
        .json(200);
    assert_eq!(empty["buckets"].as_array().unwrap().len(), 1);
    assert_eq!(empty["buckets"][0]["logs"]["total"], 0);
    for time in ["0001-01-01", "9999-12-30"] {
        app.get(format!("{PATH}?since={time}&buckets=1"))
            .await
            .json(200);
        app.get(format!("{PATH}?since=0001-01-01&until={time}&buckets=500"))
            .await
            .json(200);
    }
}

/// Blocks of entries count as the entries in them do.
#[tokio::test]
async fn blocks_change_nothing() {
    let app = TestApp::start(Host::Components).await;
    fill(&app).await;
    // The server counts them by itself.
    let counted = "SELECT sum(debug + info + warning + error + critical) FROM log_blocks WHERE log = 'agent' AND NOT stale";
    while app.sql(counted) != database::Value::Integer(4095) {
        tokio::task::yield_now().await;
    }
    for window in [
        [0, 5000, 60, 120],
        [0, 5000, 2, 3600],
        [17, 4321, 10, 600],
        [900, 9000, 3, 3600],
    ] {
        for query in [
            "",
            "q=123",
            "q=12",
            "log_type=tool_call",
            "q=123&log_type=milestone",
        ] {
            assert_is(&app, query, window).await;
        }
    }
    // One that was changed is read.
    app.sql("UPDATE agent_logs SET log_level = 'CRITICAL' WHERE id % 1000 = 0");
    app.sql("DELETE FROM agent_logs WHERE id % 1000 = 1");
    app.sql("UPDATE agent_logs SET message = 'rewritten' WHERE id % 1000 = 2");
    for query in ["", "q=rewritten", "q=123", "log_type=tool_call"] {
        assert_is(&app, query, [0, 5000, 2, 3600]).await;
    }
}

/// Of too many entries the newest are counted, and it is said from when on.
#[tokio::test]
async fn what_is_too_much_is_cut_and_said() {
    let app = TestApp::start(Host::Memory).await;
    let definition = app.definition("Builder").await;
    let agent = app.agent(&definition, "s").await;
    app.sql(&format!(
        "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 110000 - 1) \
         INSERT INTO agent_logs (agent_id, log_level, log_type, message, created_at) \
         SELECT '{agent}', 'INFO', 'milestone', 'ab', strftime('%Y-%m-%d %H:%M:%S', '2026-02-05', n || ' seconds') FROM n"
    ));
    for (query, since, total) in [
        (
            "log_type=milestone",
            json!("2026-02-05T02:46:40.000Z"),
            100_000,
        ),
        ("q=ab", json!("2026-02-05T02:46:40.000Z"), 100_000),
        (
            &*format!("agent_id={agent}"),
            json!("2026-02-05T02:46:40.000Z"),
            100_000,
        ),
        (
            "session_id=s&q=ab",
            json!("2026-02-05T02:46:40.000Z"),
            100_000,
        ),
        ("log_type=error", Value::Null, 0),
        ("", Value::Null, 110_000),
    ] {
        let uri = format!("{PATH}?since=2026-02-05&until=2026-02-07&{query}");
        let found = app.get(&uri).await.json(200);
        assert_eq!(found["counted_since"], since, "{query}");
        let buckets = found["buckets"].as_array().unwrap().iter();
        let counted: i64 = buckets
            .map(|bucket| bucket["logs"]["total"].as_i64().unwrap())
            .sum();
        assert_eq!(counted, total, "{query}");
    }
}
