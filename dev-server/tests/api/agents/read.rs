//! `GET /api/agents/{id}`

use insta::assert_json_snapshot;

use crate::app::{TestApp, redacted};

on_every_host! {
    an_unknown_id_is_not_found,
    any_text_of_another_writer_is_an_id,
    a_row_with_the_old_columns_only_is_whole,
    what_is_no_json_comes_out_as_a_string,
}

async fn an_unknown_id_is_not_found(app: TestApp) {
    assert_json_snapshot!(
        "unknown_definition",
        app.get("/api/agents/nobody").await.json(404)
    );
    for id in [
        "%00",
        "..%2f..",
        "%F0%9F%98%80",
        "%27%20OR%201=1--",
        "a%20b",
        "%25",
        "1;2",
        &"x".repeat(2000),
    ] {
        app.get(format!("/api/agents/{id}")).await.json(404);
    }
    // No UTF-8, so no id.
    app.get("/api/agents/%ff").await.json(404);
}

async fn any_text_of_another_writer_is_an_id(app: TestApp) {
    for (stored, path) in [
        ("AbC 1", "AbC%201"),
        ("a/b?c", "a%2Fb%3Fc"),
        ("ü😀", "%C3%BC%F0%9F%98%80"),
        ("100%", "100%25"),
        ("trailing/", "trailing%2F"),
        ("a+b", "a+b"),
    ] {
        app.sql(&format!(
            "INSERT INTO orchestrator_agents (id, name, agent_type) VALUES ('{stored}', '{stored}', 'tester')"
        ));
        let read = app.get(format!("/api/agents/{path}")).await.json(200);
        assert_eq!(read["id"], stored);
    }
}

async fn a_row_with_the_old_columns_only_is_whole(app: TestApp) {
    app.sql(
        "INSERT INTO orchestrator_agents (id, name, description, agent_type, capabilities, default_model, \
         created_at, updated_at) VALUES ('old', 'Old', 'from Python', 'reviewer', '[\"read\"]', 'sonnet', \
         '2026-02-05 10:00:00', '2026-02-05T10:00:00.123456')",
    );
    assert_json_snapshot!("old_definition", app.get("/api/agents/old").await.json(200));
    app.sql(
        "INSERT INTO orchestrator_agents (id, name, agent_type) VALUES ('bare', 'Bare', 'tester')",
    );
    assert_json_snapshot!(
        "bare_definition",
        redacted(app.get("/api/agents/bare").await.json(200))
    );
}

async fn what_is_no_json_comes_out_as_a_string(app: TestApp) {
    for (nr, stored) in ["{'python': True}", r#"{"a": NaN}"#, "", "[1, 2"]
        .into_iter()
        .enumerate()
    {
        let quoted = stored.replace('\'', "''");
        app.sql(&format!(
            "INSERT INTO orchestrator_agents (id, name, agent_type, metadata) \
             VALUES ('{nr}', '{nr}', 'tester', '{quoted}')"
        ));
        let read = app.get(format!("/api/agents/{nr}")).await.json(200);
        assert_eq!(read["metadata"], stored);
    }
    assert_eq!(app.list("/api/agents", "id").await.len(), 4);
}
