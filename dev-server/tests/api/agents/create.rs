//! `POST /api/agents`

use insta::assert_json_snapshot;
use serde_json::json;

use crate::app::{TestApp, id, is_id, is_time, redacted};
use crate::support::client::Request;

on_every_host! {
    gives_the_new_definition,
    only_name_and_type_are_required,
    names_where_the_new_one_is,
    a_name_is_taken_once,
    takes_every_agent_type,
    bounds_the_name,
    metadata_stays_as_it_was_sent,
    null_is_as_good_as_nothing,
    is_active_is_read_as_the_existing_service_reads_it,
    gives_all_faults_at_once,
    ignores_unknown_fields,
    keeps_any_character,
}

async fn gives_the_new_definition(app: TestApp) {
    let body = json!({
        "name": "Planner",
        "description": "Plans the work",
        "agent_type": "planner",
        "capabilities": "read, plan",
        "default_model": "opus",
        "metadata": {"team": "core", "tags": ["a", "b"]},
        "is_active": false,
    });
    let new = app.post("/api/agents", body).await.json(201);
    assert!(is_id(&id(&new)), "{new}");
    assert!(is_time(new["created_at"].as_str().unwrap()), "{new}");
    assert_eq!(new["created_at"], new["updated_at"]);
    assert_json_snapshot!("definition", redacted(new));
}

async fn only_name_and_type_are_required(app: TestApp) {
    let body = json!({"name": "Builder", "agent_type": "builder"});
    let new = app.post("/api/agents", body).await.json(201);
    assert_json_snapshot!("smallest_definition", redacted(new));
}

async fn names_where_the_new_one_is(app: TestApp) {
    let body = json!({"name": "Builder", "agent_type": "builder"});
    let response = app.post("/api/agents", body).await;
    let new = response.json(201);
    assert_eq!(
        response.header("location"),
        format!("/api/agents/{}", id(&new))
    );
    assert_eq!(app.get(response.header("location")).await.json(200), new);
}

async fn a_name_is_taken_once(app: TestApp) {
    app.definition("Builder").await;
    let again = json!({"name": "Builder", "agent_type": "tester"});
    let conflict = app.post("/api/agents", again).await.json(409);
    assert_json_snapshot!("name_taken", conflict);
    app.definition("builder").await;
    assert_eq!(app.count("orchestrator_agents"), 2);
}

async fn takes_every_agent_type(app: TestApp) {
    for kind in [
        "planner",
        "builder",
        "reviewer",
        "tester",
        "orchestrator",
        "utility",
    ] {
        let body = json!({"name": kind, "agent_type": kind});
        assert_eq!(
            app.post("/api/agents", body).await.json(201)["agent_type"],
            kind
        );
    }
    let body = json!({"name": "x", "agent_type": "Planner"});
    let refused = app.post("/api/agents", body).await;
    assert_eq!(
        TestApp::faults(&refused),
        [("enum".to_owned(), json!(["body", "agent_type"]))]
    );
}

async fn bounds_the_name(app: TestApp) {
    let longest = "😀".repeat(255);
    let body = json!({"name": longest, "agent_type": "tester"});
    assert_eq!(
        app.post("/api/agents", body).await.json(201)["name"],
        longest
    );
    for (name, kind) in [
        (json!(""), "string_too_short"),
        (json!("x".repeat(256)), "string_too_long"),
        (json!(null), "string_type"),
        (json!(7), "string_type"),
        (json!(["x"]), "string_type"),
    ] {
        let body = json!({"name": name, "agent_type": "tester"});
        let refused = app.post("/api/agents", body).await;
        assert_eq!(
            TestApp::faults(&refused),
            [(kind.to_owned(), json!(["body", "name"]))]
        );
    }
}

async fn metadata_stays_as_it_was_sent(app: TestApp) {
    let metadata = r#"{"z":1e2,"a":123456789012345678901234567890,"text":"ü\u0000😀","nested":{"a":[null,true,{}]}}"#;
    let body = format!(r#"{{"name":"x","agent_type":"utility","metadata":{metadata}}}"#);
    let response = app
        .send(Request::new("POST", "/api/agents").json(body))
        .await;
    let path = format!("/api/agents/{}", id(&response.json(201)));
    let expected = format!(r#""metadata":{metadata}"#);
    assert!(response.text().contains(&expected), "{}", response.text());
    assert!(app.get(path).await.text().contains(&expected));

    for metadata in [json!([]), json!("{}"), json!(1), json!(true)] {
        let body = json!({"name": "y", "agent_type": "utility", "metadata": metadata});
        let refused = app.post("/api/agents", body).await;
        assert_eq!(
            TestApp::faults(&refused),
            [("dict_type".to_owned(), json!(["body", "metadata"]))]
        );
    }
}

async fn null_is_as_good_as_nothing(app: TestApp) {
    let body = json!({
        "name": "x", "agent_type": "utility", "description": null, "capabilities": null,
        "default_model": null, "metadata": null, "is_active": null,
    });
    let new = app.post("/api/agents", body).await.json(201);
    assert_eq!(new["is_active"], true);
    assert_eq!(new["metadata"], json!(null));
    assert_eq!(new["description"], json!(null));
}

async fn is_active_is_read_as_the_existing_service_reads_it(app: TestApp) {
    for (nr, (sent, meant)) in [
        (json!(true), true),
        (json!(0), false),
        (json!("false"), false),
        (json!("on"), true),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({"name": format!("{nr}"), "agent_type": "utility", "is_active": sent});
        assert_eq!(
            app.post("/api/agents", body).await.json(201)["is_active"],
            meant
        );
    }
    let body = json!({"name": "x", "agent_type": "utility", "is_active": 2});
    let refused = app.post("/api/agents", body).await;
    assert_eq!(
        TestApp::faults(&refused),
        [("bool_parsing".to_owned(), json!(["body", "is_active"]))]
    );
}

async fn gives_all_faults_at_once(app: TestApp) {
    let body = json!({
        "agent_type": "cook", "description": 1, "capabilities": [], "default_model": {},
        "metadata": "text", "is_active": "perhaps",
    });
    let refused = app.post("/api/agents", body).await;
    assert_json_snapshot!("faults_of_a_definition", refused.json(422));
    assert_eq!(app.count("orchestrator_agents"), 0);
}

async fn ignores_unknown_fields(app: TestApp) {
    let body = json!({
        "name": "x", "agent_type": "utility", "id": "mine", "version": 7, "created_at": "1999",
        "color": {"any": "thing"},
    });
    let new = app.post("/api/agents", body).await.json(201);
    assert!(is_id(&id(&new)), "{new}");
    assert_eq!(new["version"], 1);
    assert_eq!(new.get("color"), None);
}

async fn keeps_any_character(app: TestApp) {
    let text = "a\u{0}b \u{1}\u{7f} 😀 \u{10ffff} \u{feff} \" \\ ' -- ;";
    let body = json!({"name": text, "agent_type": "utility", "description": text});
    let new = app.post("/api/agents", body).await.json(201);
    let read = app.get(format!("/api/agents/{}", id(&new))).await.json(200);
    // SQLite's functions end a text at a NUL, so it becomes the character for what cannot be told.
    let text = text.replace('\0', "\u{fffd}");
    assert_eq!(read["name"], text);
    assert_eq!(read["description"], text);
}
