//! `/api/runtime/messages`

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::{TestApp, id, is_id, redacted};
use crate::support::client::Request;

on_every_host! {
    gives_the_new_message,
    gives_all_faults_at_once,
    what_it_refers_to_has_to_be_there,
    an_answer_goes_to_who_has_asked,
    a_question_is_answered_once,
    a_key_makes_a_message_one,
    numbers_are_in_order_and_never_given_again,
    lists_the_newest_first,
    lists_what_a_filter_lets_through,
    lists_the_questions_that_wait,
    other_writers_messages_are_told,
    each_change_is_in_the_log_once_as_it_is_told,
    go_with_their_agent_and_their_definition,
}

const PATH: &str = "/api/runtime/messages";

async fn agent(app: &TestApp) -> String {
    let definition = app.definition("Builder").await;
    app.agent(&definition, "s").await
}

async fn say(app: &TestApp, body: Value) -> Value {
    let mut whole = json!({"sender_type": "user", "receiver_type": "agent", "message": "Go on"});
    for (name, value) in body.as_object().unwrap() {
        whole[name] = value.clone();
    }
    app.post(PATH, whole).await.json(201)
}

async fn gives_the_new_message(app: TestApp) {
    let agent = agent(&app).await;
    let body = json!({
        "agent_id": agent, "sender_type": "agent", "receiver_type": "user", "message": "Which database?",
        "options": ["SQLite", "PostgreSQL"], "summary": "database?", "metadata": {"step": 2},
    });
    let response = app.post(PATH, body).await;
    let new = response.json(201);
    assert!(is_id(&id(&new)));
    assert_eq!(response.header("location"), format!("{PATH}/{}", id(&new)));
    assert_eq!(app.get(response.header("location")).await.json(200), new);
    assert_eq!(app.get(PATH).await.json(200), json!([new]));
    let of = app
        .get(format!("/api/runtime/agents/{agent}"))
        .await
        .json(200);
    assert_eq!(new["orchestrator_agent_id"], of["orchestrator_agent_id"]);
    assert_json_snapshot!("new_message", redacted(new));
}

async fn gives_all_faults_at_once(app: TestApp) {
    let body = json!({"sender_type": "robot", "options": ["a", 1], "metadata": 5});
    let faults = TestApp::faults(&app.post(PATH, body).await);
    let places: Vec<&Value> = faults.iter().map(|(_, place)| &place[1]).collect();
    assert_eq!(places, ["sender_type", "message", "options", "metadata"]);
    // Nobody knows whom it is to, or what it belongs to.
    let body = json!({"sender_type": "user", "message": "x"});
    let faults = TestApp::faults(&app.post(PATH, body).await);
    let places: Vec<&Value> = faults.iter().map(|(_, place)| &place[1]).collect();
    assert_eq!(places, ["receiver_type", "orchestrator_agent_id"]);
    let definition = app.definition("Builder").await;
    let body = json!({
        "sender_type": "user", "receiver_type": "agent", "message": "x", "orchestrator_agent_id": definition,
    });
    let faults = TestApp::faults(&app.post(PATH, body).await);
    assert_eq!(
        faults,
        [("missing".to_owned(), json!(["body", "agent_id"]))]
    );
    assert_eq!(app.count("orchestrator_chat"), 0);
}

async fn what_it_refers_to_has_to_be_there(app: TestApp) {
    let agent = agent(&app).await;
    for (name, detail) in [
        ("agent_id", "Agent x not found"),
        ("orchestrator_agent_id", "Orchestrator agent x not found"),
        ("reply_to", "Message x not found"),
    ] {
        let mut body = json!({
            "agent_id": agent, "sender_type": "user", "receiver_type": "agent", "message": "x",
        });
        body[name] = json!("x");
        assert_eq!(
            app.post(PATH, body).await.json(404),
            json!({"detail": detail})
        );
    }
    let expected = json!({"detail": "Message x not found"});
    assert_eq!(app.get(format!("{PATH}/x")).await.json(404), expected);
    assert_eq!(app.count("orchestrator_chat"), 0);
}

async fn an_answer_goes_to_who_has_asked(app: TestApp) {
    let agent = agent(&app).await;
    let question =
        json!({"agent_id": agent, "sender_type": "agent", "receiver_type": "user", "options": []});
    let question = say(&app, question).await;
    assert_eq!(question["options"], json!([]));
    let answer = json!({"sender_type": "user", "message": "Yes", "reply_to": question["id"]});
    let answer = app.post(PATH, answer).await.json(201);
    assert_eq!(answer["receiver_type"], "agent");
    for same in ["agent_id", "orchestrator_agent_id"] {
        assert_eq!(answer[same], question[same]);
    }
    assert!(answer["number"].as_i64() > question["number"].as_i64());
    let heard = app
        .get(format!("/api/runtime/agents/{agent}/messages"))
        .await
        .json(200);
    assert_eq!(heard, json!([answer]));
}

async fn a_question_is_answered_once(app: TestApp) {
    let agent = agent(&app).await;
    let question = json!({"agent_id": agent, "sender_type": "agent", "receiver_type": "user", "options": ["a", "b"]});
    let question = id(&say(&app, question).await);
    let answer = |text: &str| json!({"sender_type": "user", "message": text, "reply_to": question});
    let first = app.post(PATH, answer("a")).await.json(201);
    let again = app.post(PATH, answer("b")).await;
    let detail = format!("Message {question} is answered already");
    assert_eq!(again.json(409), json!({"detail": detail}));
    // What is no question may be answered as often as there is something to say.
    for _ in 0..2 {
        say(&app, json!({"reply_to": first["id"]})).await;
    }
    assert_eq!(app.count("orchestrator_chat"), 4);
}

async fn a_key_makes_a_message_one(app: TestApp) {
    let agent = agent(&app).await;
    let question =
        json!({"agent_id": agent, "sender_type": "agent", "receiver_type": "user", "options": []});
    let question = id(&say(&app, question).await);
    let send = async || {
        let body = json!({"sender_type": "user", "message": "Yes", "reply_to": question});
        let request = Request::new("POST", PATH).json(body.to_string());
        app.send(request.header("idempotency-key", "one")).await
    };
    let first = send().await;
    let second = send().await;
    assert_eq!(second.json(201), first.json(201));
    assert_eq!(second.header("idempotency-replayed"), "true");
    assert_eq!(app.count("orchestrator_chat"), 2);
}

async fn numbers_are_in_order_and_never_given_again(app: TestApp) {
    let agent = agent(&app).await;
    for expected in [1, 2, 3] {
        assert_eq!(
            say(&app, json!({"agent_id": agent})).await["number"],
            expected
        );
    }
    app.sql("DELETE FROM orchestrator_chat WHERE number > 1");
    assert_eq!(say(&app, json!({"agent_id": agent})).await["number"], 4);
    // Another writer's, which says a number of its own, and replaces one.
    for _ in 0..2 {
        app.sql(&format!(
            "INSERT OR REPLACE INTO orchestrator_chat (id, orchestrator_agent_id, sender_type, receiver_type, message, \
             agent_id, number) SELECT 'old', orchestrator_agent_id, 'user', 'agent', 'x', id, 77 FROM agents WHERE id = '{agent}'"
        ));
    }
    app.sql("UPDATE orchestrator_chat SET number = 99");
    assert_eq!(app.list(PATH, "number").await, ["5", "4", "1"]);
}

async fn lists_the_newest_first(app: TestApp) {
    let agent = agent(&app).await;
    for _ in 0..5 {
        say(&app, json!({"agent_id": agent})).await;
    }
    let pages = app.pages(format!("{PATH}?limit=2"), "number").await;
    assert_eq!(pages, [vec!["5", "4"], vec!["3", "2"], vec!["1"]]);
    let pages = app
        .pages(
            format!("{PATH}?limit=3&order=asc&agent_id={agent}"),
            "number",
        )
        .await;
    assert_eq!(pages, [vec!["1", "2", "3"], vec!["4", "5"]]);
}

async fn lists_what_a_filter_lets_through(app: TestApp) {
    let definition = app.definition("Builder").await;
    let (one, other) = (
        app.agent(&definition, "s").await,
        app.agent(&definition, "t").await,
    );
    say(&app, json!({"agent_id": one})).await;
    say(&app, json!({"agent_id": other})).await;
    let of_none = json!({"orchestrator_agent_id": definition, "receiver_type": "orchestrator"});
    say(&app, of_none).await;
    app.sql("UPDATE orchestrator_chat SET created_at = '2026-02-05 10:00:0' || number");
    for (query, expected) in [
        (format!("agent_id={one}"), vec!["1"]),
        ("session_id=t".to_owned(), vec!["2"]),
        (format!("session_id=t&agent_id={one}"), vec![]),
        (
            "since=2026-02-05T12:00:02%2B02:00".to_owned(),
            vec!["3", "2"],
        ),
        (
            "since=2026-02-05T10:00:02Z&order=asc".to_owned(),
            vec!["2", "3"],
        ),
        ("since=2026-02-05T10:00:02Z&session_id=s".to_owned(), vec![]),
        (
            "since=2026-02-05T10:00:01Z&session_id=s".to_owned(),
            vec!["1"],
        ),
    ] {
        assert_eq!(
            app.list(format!("{PATH}?{query}"), "number").await,
            expected,
            "{query}"
        );
    }
}

async fn lists_the_questions_that_wait(app: TestApp) {
    let agent = agent(&app).await;
    let mut questions = Vec::new();
    for (from, to) in [
        ("agent", "user"),
        ("agent", "user"),
        ("agent", "orchestrator"),
        ("user", "agent"),
    ] {
        let body =
            json!({"agent_id": agent, "sender_type": from, "receiver_type": to, "options": []});
        questions.push(id(&say(&app, body).await));
    }
    say(&app, json!({"agent_id": agent, "receiver_type": "user"})).await;
    let waiting = async |query: &str| app.list(format!("{PATH}?{query}"), "id").await;
    assert_eq!(
        waiting("waiting=user").await,
        [&*questions[1], &questions[0]]
    );
    assert_eq!(waiting("waiting=orchestrator").await, [&*questions[2]]);
    assert_eq!(
        waiting(&format!("waiting=agent&agent_id={agent}")).await,
        [&*questions[3]]
    );
    assert_eq!(
        waiting("waiting=user&session_id=s&order=asc").await,
        [&*questions[0], &questions[1]]
    );
    let answer = id(&say(&app, json!({"reply_to": questions[0]})).await);
    assert_eq!(waiting("waiting=user").await, [&*questions[1]]);
    // One whose answer is gone waits again.
    app.sql(&format!(
        "DELETE FROM orchestrator_chat WHERE id = '{answer}'"
    ));
    assert_eq!(
        waiting("waiting=user&since=2026-01-01").await,
        [&*questions[1], &questions[0]]
    );
    let faults = TestApp::faults(&app.get(format!("{PATH}?waiting=nobody")).await);
    assert_eq!(faults[0].0, "enum");
}

async fn other_writers_messages_are_told(app: TestApp) {
    let definition = app.definition("Builder").await;
    app.sql(&format!(
        "INSERT INTO orchestrator_chat (id, orchestrator_agent_id, sender_type, receiver_type, message, metadata, created_at, \
         updated_at) VALUES ('c 1', '{definition}', 'user', 'orchestrator', x'c3bc', 'no JSON', '2026-02-05 10:00:00', \
         '2026-02-05T10:00:00.123456')"
    ));
    let told = app.get(format!("{PATH}/c%201")).await.json(200);
    assert_json_snapshot!("old_message", redacted(told.clone()));
    assert_eq!(app.get(PATH).await.json(200), json!([told]));
    app.sql(
        "UPDATE orchestrator_chat SET options = '[1, \"a\"]', reply_to = 5, delivered_at = 'once', \
         message = replace(hex(zeroblob(300000)), '0', char(1))",
    );
    let told = app.get(PATH).await.json(200);
    assert!(told[0]["message"].as_str().unwrap().ends_with(" bytes)"));
    assert_eq!(told[0]["options"], json!([1, "a"]));
    assert_eq!(told[0]["reply_to"], "5");
    assert_eq!(told[0]["delivered_at"], "once");
}

async fn each_change_is_in_the_log_once_as_it_is_told(app: TestApp) {
    let agent = agent(&app).await;
    let new = say(&app, json!({"agent_id": agent})).await;
    let path = format!("{PATH}/{}", id(&new));
    let mut told = vec![("insert", new.clone())];
    for _ in 0..2 {
        app.post(
            &format!("/api/runtime/agents/{agent}/messages/ack"),
            json!({"up_to": 1}),
        )
        .await
        .json(200);
    }
    let delivered = app.get(&path).await.json(200);
    assert!(delivered["delivered_at"].is_string());
    told.push(("update", delivered.clone()));
    // The same again from a writer that knows nothing of deliveries: it is not delivered again.
    app.sql(&format!(
        "INSERT OR REPLACE INTO orchestrator_chat (id, orchestrator_agent_id, sender_type, receiver_type, message, agent_id) \
         SELECT '{}', orchestrator_agent_id, 'user', 'agent', 'Go on!', id FROM agents",
        id(&new)
    ));
    let replaced = app.get(&path).await.json(200);
    assert_eq!(replaced["message"], "Go on!");
    for same in ["number", "delivered_at"] {
        assert_eq!(replaced[same], delivered[same]);
    }
    told.push(("update", replaced.clone()));
    app.sql("DELETE FROM orchestrator_chat");
    told.push(("delete", replaced));
    let log = "SELECT json_group_array(json_array(op, json(payload))) FROM \
               (SELECT * FROM change_log WHERE entity = 'message' AND status IS NULL ORDER BY seq)";
    let database::Value::Text(log) = app.sql(log) else {
        panic!("a text")
    };
    let expected = serde_json::to_value(told).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&log).unwrap(), expected);
}

async fn go_with_their_agent_and_their_definition(app: TestApp) {
    let definition = app.definition("Builder").await;
    let (one, other) = (
        app.agent(&definition, "s").await,
        app.agent(&definition, "s").await,
    );
    for agent in [&one, &other] {
        say(&app, json!({"agent_id": agent})).await;
    }
    say(
        &app,
        json!({"orchestrator_agent_id": definition, "receiver_type": "user"}),
    )
    .await;
    let gone = app.delete(&format!("/api/runtime/agents/{one}")).await;
    assert_eq!(gone.status, 204);
    assert_eq!(app.list(PATH, "number").await, ["3", "2"]);
    let gone = app.delete(&format!("/api/agents/{definition}")).await;
    assert_eq!(gone.status, 204);
    assert_eq!(app.count("orchestrator_chat"), 0);
    assert_eq!(
        app.count("change_log WHERE entity = 'message' AND op = 'delete'"),
        3
    );
    assert_eq!(app.count("message_numbers"), 0);
}
