//! `DELETE /api/agents/{id}`

use crate::app::TestApp;

on_every_host! {
    it_is_gone_afterwards,
    an_unknown_id_is_not_found,
    all_that_is_its_goes_with_it,
}

async fn it_is_gone_afterwards(app: TestApp) {
    let id = app.definition("Builder").await;
    let path = format!("/api/agents/{id}");
    let response = app.delete(&path).await;
    assert_eq!(response.status, 204);
    assert!(response.body.is_empty());
    app.get(&path).await.json(404);
    app.delete(&path).await.json(404);
    app.definition("Builder").await;
}

async fn an_unknown_id_is_not_found(app: TestApp) {
    app.definition("Builder").await;
    app.delete("/api/agents/nobody").await.json(404);
    assert_eq!(app.count("orchestrator_agents"), 1);
}

async fn all_that_is_its_goes_with_it(app: TestApp) {
    let mut definitions = Vec::new();
    for name in ["goes", "stays"] {
        let definition = app.definition(name).await;
        let agent = app.agent(&definition, "s").await;
        app.sql(&format!(
            "INSERT INTO prompts (id, agent_id, prompt_type, prompt_text) VALUES ('{name}', '{agent}', 'adw', 'x')"
        ));
        app.sql(&format!(
            "INSERT INTO agent_logs (agent_id, log_type, message) VALUES ('{agent}', 'milestone', '{name}')"
        ));
        definitions.push(definition);
    }
    assert_eq!(
        app.delete(&format!("/api/agents/{}", definitions[0]))
            .await
            .status,
        204
    );
    assert_eq!(app.list("/api/agents", "name").await, ["stays"]);
    assert_eq!(
        app.list("/api/runtime/agents", "orchestrator_agent_id")
            .await,
        [&*definitions[1]]
    );
    assert_eq!(app.list("/api/runtime/prompts", "id").await, ["stays"]);
    assert_eq!(app.list("/api/runtime/logs", "message").await, ["stays"]);
}
