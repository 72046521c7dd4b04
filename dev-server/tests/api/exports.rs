//! `format=csv` and `format=ndjson`: lists as files.

use axum::body::Body;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::app::{TestApp, next};
use crate::support::client::{Request, Response};

on_every_host! {
    every_list_is_given_as_a_file,
    a_file_has_all_that_the_filter_lets_through,
    a_file_has_as_many_rows_as_are_wanted,
    a_cell_is_what_was_said_and_no_formula,
    a_line_is_one_row,
    nothing_is_a_file_too,
    the_kind_may_be_said_by_accept,
    what_is_wrong_is_told_before,
    what_comes_meanwhile_moves_nothing,
    a_fault_breaks_off,
}

const LOGS: &str = "/api/runtime/logs";

/// An agent with something in every list.
async fn fill(app: &TestApp) -> String {
    let definition = app.definition("Builder").await;
    let agent = app.agent(&definition, "s").await;
    for (path, body) in [
        (
            "/api/runtime/prompts",
            json!({"agent_id": agent, "prompt_type": "command", "prompt_text": "Build \"it\", now", "cost_usd": 0.25}),
        ),
        (
            LOGS,
            json!({"agent_id": agent, "log_type": "error", "message": "zwölf", "details": {"a": [1, "b"]}}),
        ),
        (
            "/api/runtime/system-logs",
            json!({"component": "c", "message": "two\nlines"}),
        ),
        (
            "/api/runtime/workflows",
            json!({"adw_name": "w", "workflow_type": "t", "input_data": {"issue": 17}}),
        ),
        (
            "/api/runtime/messages",
            json!({"agent_id": agent, "sender_type": "user", "receiver_type": "agent", "message": "?", "options": ["a", "b"]}),
        ),
    ] {
        app.post(path, body).await.json(201);
    }
    app.agent(&definition, "t").await;
    agent
}

/// `count` log entries, every fifth an error, whose messages are `message`, an expression of `n`.
fn log(app: &TestApp, agent: &str, count: usize, message: &str) {
    app.sql(&format!(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count}) \
         INSERT INTO agent_logs (agent_id, log_level, log_type, message) \
         SELECT '{agent}', iif(n % 5, 'INFO', 'ERROR'), 'milestone', {message} FROM n"
    ));
}

#[track_caller]
fn assert_is(response: &Response, kind: &str) {
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("content-type"), kind);
    assert_eq!(response.header("vary"), "Accept");
}

/// The rows of a file of NDJSON.
#[track_caller]
fn lines(response: &Response) -> Vec<Value> {
    assert_is(response, "application/x-ndjson; charset=utf-8");
    assert_eq!(response.header("content-disposition"), "");
    let text = response.text();
    assert!(text.is_empty() || text.ends_with('\n'));
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

/// The header line of a file of CSV, and its records.
#[track_caller]
fn records(response: &Response) -> (Vec<String>, Vec<Vec<String>>) {
    assert_is(response, "text/csv; charset=utf-8");
    let mut reader = csv::Reader::from_reader(&*response.body);
    let texts = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect();
    let names = texts(reader.headers().expect("a header"));
    let records = reader
        .records()
        .map(|record| texts(&record.expect("a record")));
    (names, records.collect())
}

async fn every_list_is_given_as_a_file(app: TestApp) {
    let agent = fill(&app).await;
    for (list, name) in [
        ("/api/agents", "agents.csv"),
        ("/api/runtime/agents", "agents.csv"),
        ("/api/runtime/prompts", "prompts.csv"),
        (LOGS, "logs.csv"),
        (&format!("{LOGS}/agent/{agent}"), "logs.csv"),
        ("/api/runtime/system-logs", "system-logs.csv"),
        ("/api/runtime/workflows", "workflows.csv"),
        ("/api/runtime/messages", "messages.csv"),
        ("/api/runtime/sessions", "sessions.csv"),
    ] {
        let page = app.get(list).await;
        let rows = page.json(200);
        let rows = rows.as_array().unwrap();
        assert!(!rows.is_empty(), "{list}");

        // One telling: the lines are the very bytes of the list.
        let file = app.get(format!("{list}?format=ndjson")).await;
        assert_eq!(lines(&file), *rows, "{list}");
        let text = file.text().trim_end().replace('\n', ",");
        assert_eq!(format!("[{text}]"), page.text(), "{list}");

        let file = app.get(format!("{list}?format=csv")).await;
        let disposition = format!("attachment; filename=\"{name}\"");
        assert_eq!(file.header("content-disposition"), disposition);
        let (names, records) = records(&file);
        // All members, in the order in which they are told.
        assert_eq!(names.len(), rows[0].as_object().unwrap().len(), "{list}");
        let first = page.text();
        let places = names.iter().map(|name| first.find(&format!("\"{name}\":")));
        assert!(
            places.clone().all(|place| place.is_some()),
            "{list}: {names:?}"
        );
        assert!(places.is_sorted(), "{list}: {names:?}");
        assert_eq!(records.len(), rows.len(), "{list}");
        for (record, row) in records.iter().zip(rows) {
            for (cell, name) in record.iter().zip(&names) {
                match &row[name] {
                    Value::Null => assert_eq!(cell, "", "{list} {name}"),
                    Value::String(text) => assert_eq!(cell, text, "{list} {name}"),
                    other => {
                        let cell: Value = serde_json::from_str(cell).expect(cell);
                        assert_eq!(cell, *other, "{list} {name}");
                    }
                }
            }
        }
    }
}

async fn a_file_has_all_that_the_filter_lets_through(app: TestApp) {
    let agent = fill(&app).await;
    log(&app, &agent, 2500, "'entry ' || n || ', ' || char(0x1F600)");
    for order in ["asc", "desc"] {
        for (filter, count) in [
            ("level=info", 2001),
            ("level=error&q=ENTRY", 500),
            (&format!("agent_id={agent}"), 2501),
            ("session_id=s&log_type=milestone", 2500),
            ("", 2501),
        ] {
            let list = format!("{LOGS}?order={order}&{filter}");
            let ids = app.pages(format!("{list}&limit=1000"), "id").await.concat();
            assert_eq!(ids.len(), count, "{list}");
            let rows = lines(&app.get(format!("{list}&format=ndjson")).await);
            let found: Vec<String> = rows.iter().map(|row| row["id"].to_string()).collect();
            assert_eq!(found, ids, "{list}");
            let (names, records) = records(&app.get(format!("{list}&format=csv")).await);
            assert_eq!(names[0], "id");
            let found: Vec<String> = records
                .into_iter()
                .map(|mut record| record.remove(0))
                .collect();
            assert_eq!(found, ids, "{list}");
        }
    }
}

async fn a_file_has_as_many_rows_as_are_wanted(app: TestApp) {
    let agent = fill(&app).await;
    log(&app, &agent, 30, "n");
    let all = app.list(LOGS, "id").await;
    let first = app.get(format!("{LOGS}?limit=10")).await;
    let ids = |file: &Response| -> Vec<String> {
        lines(file)
            .iter()
            .map(|row| row["id"].to_string())
            .collect()
    };
    let limited = app.get(format!("{LOGS}?limit=7&format=ndjson")).await;
    assert_eq!(ids(&limited), all[..7]);
    // A cursor of the list's own pages, with the page's limit, and without.
    let onwards = next(&first).unwrap() + "&format=ndjson";
    assert_eq!(ids(&app.get(&onwards).await), all[10..20]);
    let onwards = onwards.replace("limit=10&", "");
    assert_eq!(ids(&app.get(&onwards).await), all[10..]);
}

async fn a_cell_is_what_was_said_and_no_formula(app: TestApp) {
    let agent = fill(&app).await;
    let messages = [
        "=HYPERLINK(\"http://example\", \"x\")",
        "+1",
        "-1",
        "@SUM(A1)",
        " \t=1+1",
        "＝1+1",
        "1 = 1, \"quoted\"",
        "two\r\nlines",
        "Ünï — 日本 😀",
        "semicolons; tabs\t",
        "'",
    ];
    for message in messages {
        let entry = json!({
            "agent_id": agent, "log_type": "error", "message": message, "details": {"cell": message},
        });
        app.post(LOGS, entry).await.json(201);
    }
    let since = format!("{LOGS}?order=asc&agent_id={agent}");
    let exact: Vec<Value> = lines(&app.get(format!("{since}&format=ndjson")).await)
        .into_iter()
        .skip(1)
        .map(|row| row["message"].clone())
        .collect();
    assert_eq!(exact, messages);

    let file = app.get(format!("{since}&format=csv")).await;
    let (names, records) = records(&file);
    let place = |name| names.iter().position(|found| found == name).unwrap();
    for (record, message) in records[1..].iter().zip(messages) {
        let is_formula = message.trim_start().starts_with(['=', '+', '-', '@', '＝']);
        let expected = if is_formula { "'" } else { "" }.to_owned() + message;
        assert_eq!(record[place("message")], expected);
        // Begins with a brace, and so is none.
        let details: Value = serde_json::from_str(&record[place("details")]).unwrap();
        assert_eq!(details, json!({"cell": message}));
    }
    // RFC 4180: CRLF ends a record, and quotes are doubled.
    let text = file.text();
    assert!(text.starts_with("id,agent_id,log_level,log_type,message,details,created_at\r\n"));
    assert!(text.contains(",\"'=HYPERLINK(\"\"http://example\"\", \"\"x\"\")\","));
    assert!(text.contains(",\"two\r\nlines\","));
    assert!(text.contains(",Ünï — 日本 😀,"));
    assert!(text.ends_with("\r\n"));
}

/// JSON that somebody stored over several lines.
async fn a_line_is_one_row(app: TestApp) {
    let agent = fill(&app).await;
    app.sql(&format!(
        "INSERT INTO agent_logs (agent_id, log_type, message, details) VALUES ('{agent}', 'error', 'a' || char(10) || 'b', \
         '{{' || char(13, 10) || '  \"text\": \"c\\nd\"' || char(10) || '}}')"
    ));
    let rows = lines(&app.get(format!("{LOGS}?format=ndjson&limit=1")).await);
    assert_eq!(rows[0]["message"], "a\nb");
    assert_eq!(rows[0]["details"], json!({"text": "c\nd"}));
    let file = app.get(format!("{LOGS}?format=csv&limit=1")).await;
    assert_eq!(records(&file).1.len(), 1);
}

async fn nothing_is_a_file_too(app: TestApp) {
    let file = app.get(format!("{LOGS}?format=csv")).await;
    let (names, records) = records(&file);
    assert_eq!((names.len(), records.len()), (7, 0));
    let file = app.get(format!("{LOGS}?format=ndjson")).await;
    assert_eq!(lines(&file), [] as [Value; 0]);
}

async fn the_kind_may_be_said_by_accept(app: TestApp) {
    fill(&app).await;
    let accepting = |kind: &str, query: &str| {
        app.send(Request::new("GET", format!("{LOGS}?{query}")).header("accept", kind))
    };
    assert_eq!(records(&accepting("text/csv", "").await).1.len(), 1);
    assert_eq!(lines(&accepting("application/x-ndjson", "").await).len(), 1);
    for kind in [
        "*/*",
        "application/json",
        "text/html, */*;q=0.8",
        "image/png",
    ] {
        let page = accepting(kind, "").await;
        assert_eq!(page.json(200).as_array().unwrap().len(), 1, "{kind}");
        assert_eq!(page.header("vary"), "Accept");
    }
    // What the address says goes before.
    accepting("text/csv", "format=json").await.json(200);
    lines(&accepting("text/csv", "format=ndjson").await);

    for format in ["csv", "ndjson"] {
        let head = app
            .send(Request::new("HEAD", format!("{LOGS}?format={format}")))
            .await;
        assert_eq!(head.status, 200);
        assert!(head.body.is_empty());
        let whole = app.get(format!("{LOGS}?format={format}")).await;
        for name in ["content-type", "content-disposition", "vary"] {
            assert_eq!(head.header(name), whole.header(name), "{name}");
        }
    }
}

async fn what_is_wrong_is_told_before(app: TestApp) {
    let fault = |kind: &str, name: &str| (kind.to_owned(), json!(["query", name]));
    let unknown = app.get(format!("{LOGS}?format=xml")).await;
    assert_eq!(TestApp::faults(&unknown), [fault("enum", "format")]);
    let both = app
        .get(format!("{LOGS}?format=csv&level=loud&limit=0"))
        .await;
    let faults = TestApp::faults(&both);
    assert_eq!(
        faults,
        [fault("enum", "level"), fault("greater_than_equal", "limit")]
    );
    let cursor = app.get(format!("{LOGS}?format=csv&cursor=x")).await;
    assert_eq!(TestApp::faults(&cursor), [fault("cursor", "cursor")]);
    app.get(format!("{LOGS}/agent/nobody?format=csv"))
        .await
        .json(404);
}

/// A file that is larger than all buffers between the database and the client, of which the first piece has come.
async fn begin(app: &TestApp, query: &str) -> Body {
    let agent = fill(app).await;
    log(app, &agent, 400, "n || ' ' || hex(zeroblob(80000))");
    let request = Request::new("GET", format!("{LOGS}?format=ndjson&{query}"));
    let response = app.open(request).await;
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    // Its first row is read, and it is not read on.
    body.frame().await.expect("a piece").expect("a whole piece");
    body
}

async fn what_comes_meanwhile_moves_nothing(app: TestApp) {
    let mut file = begin(&app, "order=asc").await;
    let agent = app.list("/api/runtime/agents", "id").await.remove(0);
    app.sql("DELETE FROM agent_logs WHERE id = 398");
    for _ in 0..3 {
        log(&app, &agent, 1, "'new'");
    }
    // Less what is read already.
    let mut text = Vec::new();
    while let Some(piece) = file.frame().await {
        text.extend_from_slice(&piece.expect("it goes on").into_data().unwrap());
    }
    let text = String::from_utf8(text).unwrap();
    let ids = text.lines().filter_map(|line| {
        let row = serde_json::from_str::<Value>(line).ok()?;
        row["id"].as_i64()
    });
    let ids: Vec<i64> = ids.collect();
    let first = ids[0];
    let expected: Vec<i64> = (first..=404).filter(|id| *id != 398).collect();
    assert_eq!(ids, expected);
    assert!(first < 200, "{first}");
}

async fn a_fault_breaks_off(app: TestApp) {
    let mut file = begin(&app, "order=desc").await;
    app.sql("ALTER TABLE agent_logs RENAME TO elsewhere");
    let mut bytes = 0;
    let broken = loop {
        match file.frame().await {
            Some(Ok(piece)) => bytes += piece.into_data().unwrap().len(),
            Some(Err(_)) => break true,
            None => break false,
        }
    };
    assert!(broken, "the file seems whole after {bytes} bytes");
    assert!(bytes < 60_000_000, "{bytes}");
    // The others, and what is asked next, go on.
    app.get("/api/agents").await.json(200);
}
