//! POST of `/api/runtime/logs`

use serde_json::{Value, json};

use crate::app::{TestApp, is_time};
use crate::support::client::Request;

on_every_host! {
    one_entry_is_given_back,
    what_is_not_said_has_a_default,
    several_are_stored_in_order,
    text_of_any_kind_stays_as_it_is,
    a_thousand_are_taken_and_no_more,
    all_faults_are_told_with_their_places,
    one_fault_stores_nothing,
    an_unknown_agent_stores_nothing,
    other_shapes_are_refused,
}

const PATH: &str = "/api/runtime/logs";

async fn agent(app: &TestApp) -> String {
    let definition = app.definition("Builder").await;
    app.agent(&definition, "s").await
}

async fn one_entry_is_given_back(app: TestApp) {
    let body = json!({
        "agent_id": agent(&app).await, "log_level": "warning", "log_type": "milestone", "message": "half way",
        "details": {"percent": 50}, "created_at": "2026-02-05 10:00:00",
    });
    let new = app.post(PATH, body.clone()).await.json(201);
    assert_eq!(new["id"], 1);
    assert_eq!(new["agent_id"], body["agent_id"]);
    assert_eq!(new["log_level"], "WARNING");
    assert_eq!(new["log_type"], "milestone");
    assert_eq!(new["message"], "half way");
    assert_eq!(new["details"], json!({"percent": 50}));
    assert_eq!(new["created_at"], "2026-02-05T10:00:00.000Z");
    assert_eq!(app.get(PATH).await.json(200), json!([new]));
}

async fn what_is_not_said_has_a_default(app: TestApp) {
    let body = json!({"agent_id": agent(&app).await, "log_type": "error", "message": ""});
    let new = app.post(PATH, body).await.json(201);
    assert_eq!(new["log_level"], "INFO");
    assert_eq!(new["details"], Value::Null);
    assert!(new["created_at"].as_str().is_some_and(is_time));
}

async fn several_are_stored_in_order(app: TestApp) {
    let agent = agent(&app).await;
    let entry =
        |message: &str| json!({"agent_id": agent, "log_type": "tool_call", "message": message});
    app.post(PATH, entry("zero")).await.json(201);
    let several = json!([entry("one"), entry("two"), entry("three")]);
    let inserted = app.post(PATH, several).await.json(201);
    assert_eq!(
        inserted,
        json!({"inserted": 3, "first_id": 2, "last_id": 4})
    );
    let messages = app.list(format!("{PATH}?order=asc"), "message").await;
    assert_eq!(messages, ["zero", "one", "two", "three"]);
    let single = app.post(PATH, json!([entry("four")])).await.json(201);
    assert_eq!(single, json!({"inserted": 1, "first_id": 5, "last_id": 5}));
}

async fn text_of_any_kind_stays_as_it_is(app: TestApp) {
    let agent = agent(&app).await;
    let texts = [
        "",
        "\"quoted\" \\ 'and' ; --",
        "line\nline\ttab\r",
        "ü 😀 \u{2028} \u{7f} \u{1}",
        "{\"a\": [1]}",
        "null",
    ];
    let details = json!({"ü": [null, 1e2, "\u{0} \\u0000", {"deep": {}}]});
    let entry = |text: &&str| json!({"agent_id": agent, "log_type": "error", "message": text, "details": details});
    let entries: Vec<Value> = texts.iter().map(entry).collect();
    app.post(PATH, json!(entries)).await.json(201);
    for entry in &entries {
        app.post(PATH, entry.clone()).await.json(201);
    }
    let stored = app.get(format!("{PATH}?order=asc")).await.json(200);
    for (stored, sent) in stored
        .as_array()
        .unwrap()
        .iter()
        .zip(entries.iter().cycle())
    {
        assert_eq!(stored["message"], sent["message"]);
        assert_eq!(stored["details"], details);
    }
    let nul = app.post(PATH, entry(&"a\u{0}b")).await.json(201);
    assert_eq!(nul["message"], "a\u{fffd}b");
}

async fn a_thousand_are_taken_and_no_more(app: TestApp) {
    let agent = agent(&app).await;
    let entry =
        json!({"agent_id": agent, "log_type": "error", "message": "m", "log_level": "debug"});
    let inserted = app
        .post(PATH, json!(vec![entry.clone(); 1000]))
        .await
        .json(201);
    assert_eq!(inserted["inserted"], 1000);
    let faults = TestApp::faults(&app.post(PATH, json!(vec![entry; 1001])).await);
    assert_eq!(faults, [("too_long".to_owned(), json!(["body"]))]);
    let faults = TestApp::faults(&app.post(PATH, json!([])).await);
    assert_eq!(faults, [("too_short".to_owned(), json!(["body"]))]);
    assert_eq!(app.count("agent_logs"), 1000);
    let stats = app.get("/api/runtime/stats").await.json(200);
    assert_eq!(stats["logs"]["by_level"]["DEBUG"], 1000);
}

async fn all_faults_are_told_with_their_places(app: TestApp) {
    let agent = agent(&app).await;
    let entry = json!({"agent_id": agent, "log_type": "error", "message": "m"});
    let mut entries = vec![entry; 18];
    entries[2] = json!("no object");
    entries[17] = json!({"agent_id": agent, "log_type": "oops", "message": 7, "log_level": "loud", "created_at": "soon"});
    let faults = TestApp::faults(&app.post(PATH, json!(entries)).await);
    let expected = [
        ("model_attributes_type", json!(["body", 2])),
        ("enum", json!(["body", 17, "log_level"])),
        ("enum", json!(["body", 17, "log_type"])),
        ("string_type", json!(["body", 17, "message"])),
        ("datetime_parsing", json!(["body", 17, "created_at"])),
    ]
    .map(|(kind, place)| (kind.to_owned(), place));
    assert_eq!(faults, expected);
    let faults = TestApp::faults(&app.post(PATH, json!({"message": null})).await);
    let places: Vec<_> = faults.into_iter().map(|(_, place)| place).collect();
    assert_eq!(
        places,
        [
            json!(["body", "agent_id"]),
            json!(["body", "log_type"]),
            json!(["body", "message"])
        ]
    );
}

async fn one_fault_stores_nothing(app: TestApp) {
    let agent = agent(&app).await;
    let good = json!({"agent_id": agent, "log_type": "error", "message": "m"});
    TestApp::faults(&app.post(PATH, json!([good, {}])).await);
    assert_eq!(app.count("agent_logs"), 0);
}

async fn an_unknown_agent_stores_nothing(app: TestApp) {
    let agent = agent(&app).await;
    let entry = |agent: &str| json!({"agent_id": agent, "log_type": "error", "message": "m"});
    let expected = json!({"detail": "Agent nobody not found"});
    let one = app.post(PATH, entry("nobody")).await;
    assert_eq!(one.json(404), expected);
    let several = app
        .post(PATH, json!([entry(&agent), entry("nobody"), entry("none")]))
        .await;
    assert_eq!(several.json(404), expected);
    assert_eq!(app.count("agent_logs"), 0);
}

async fn other_shapes_are_refused(app: TestApp) {
    for body in ["7", "\"text\"", "null", "true"] {
        let request = Request::new("POST", PATH).json(body);
        let faults = TestApp::faults(&app.send(request).await);
        assert_eq!(
            faults,
            [("model_attributes_type".to_owned(), json!(["body"]))],
            "{body}"
        );
    }
}
