//! POST `/v1/logs`: what log records become.

use serde_json::{Value, json};

use super::support::{START, attributes_of, rows, send, span};
use crate::app::TestApp;

on_every_host! {
    a_record_of_an_agent_is_in_its_log,
    a_record_finds_an_agent_that_comes_later,
    any_other_record_is_the_systems,
    records_that_were_sent_again_change_nothing,
}

fn record(span: u64, severity: &Value, body: &str) -> Value {
    let mut record = json!({
        "timeUnixNano": (START * 1_000_000_000).to_string(),
        "severityNumber": severity,
        "body": {"stringValue": body},
        "attributes": attributes_of(&json!({"percent": 50})),
    });
    if span != 0 {
        record["traceId"] = format!("{:032x}", 1).into();
        record["spanId"] = format!("{span:016x}").into();
    }
    record
}

async fn send_records(app: &TestApp, records: &[Value]) {
    let resource = json!({"attributes": attributes_of(&json!({"service.name": "shop"}))});
    let request =
        json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]});
    assert_eq!(app.post("/v1/logs", request).await.json(200), json!({}));
}

fn agent() -> Value {
    span(
        1,
        1,
        0,
        "Lead",
        &json!({"openinference.span.kind": "AGENT"}),
    )
}

async fn a_record_of_an_agent_is_in_its_log(app: TestApp) {
    send(&app, &[agent(), span(1, 2, 1, "chain", &json!({}))]).await;
    let id = app.list("/api/runtime/agents", "id").await.remove(0);
    send_records(
        &app,
        &[
            record(1, &9.into(), "one"),
            record(2, &"SEVERITY_NUMBER_ERROR2".into(), "two"),
        ],
    )
    .await;
    let logs = rows(&app, &format!("/api/runtime/logs?agent_id={id}&order=asc")).await;
    let [one, two] = logs.as_slice() else {
        panic!("{logs:?}")
    };
    assert_eq!(
        (&one["message"], &one["log_level"], &one["log_type"]),
        (&json!("one"), &json!("INFO"), &json!("milestone"))
    );
    assert_eq!(
        (&two["message"], &two["log_level"], &two["log_type"]),
        (&json!("two"), &json!("ERROR"), &json!("error"))
    );
    assert_eq!(one["details"]["attributes"], json!({"percent": 50}));
    assert_eq!(one["created_at"], "2026-02-05T10:00:00.000Z");
    assert_eq!(app.count("system_logs"), 0);
}

async fn a_record_finds_an_agent_that_comes_later(app: TestApp) {
    send_records(&app, &[record(2, &9.into(), "early")]).await;
    assert_eq!(
        app.list("/api/runtime/system-logs", "message").await,
        ["early"]
    );
    send(&app, &[span(1, 2, 1, "chain", &json!({}))]).await;
    assert_eq!(app.count("agents"), 0);
    send(&app, &[agent()]).await;
    assert_eq!(app.count("system_logs"), 0);
    assert_eq!(app.list("/api/runtime/logs", "message").await, ["early"]);
}

async fn any_other_record_is_the_systems(app: TestApp) {
    send_records(&app, &[record(0, &13.into(), "hot")]).await;
    let logs = rows(&app, "/api/runtime/system-logs").await;
    let [log] = logs.as_slice() else {
        panic!("{logs:?}")
    };
    assert_eq!(
        (&log["component"], &log["log_level"]),
        (&json!("shop"), &json!("WARNING"))
    );
    assert_eq!(app.count("agents"), 0);
}

async fn records_that_were_sent_again_change_nothing(app: TestApp) {
    // Two that say the same are two.
    let records = [
        record(0, &9.into(), "same"),
        record(0, &9.into(), "same"),
        record(2, &9.into(), "of a span"),
    ];
    send_records(&app, &records).await;
    send_records(&app, &records).await;
    assert_eq!(app.count("system_logs"), 3);
    send(&app, &[agent(), span(1, 2, 1, "chain", &json!({}))]).await;
    send_records(&app, &records).await;
    assert_eq!((app.count("system_logs"), app.count("agent_logs")), (2, 1));
}
