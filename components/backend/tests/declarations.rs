//! What the resources declare is what the database has and tells.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use backend::{GROUPS, declarations};
use database::Database;
use database::native::Native;
use http_api::{Api, Kind, Origins, Settings};
use http_body_util::BodyExt as _;
use serde_json::{Map, Value, json};

fn settings() -> Settings {
    Settings {
        database_path: String::new(),
        cors_origins: Origins::default(),
        max_body_bytes: 1 << 20,
        feed_url: String::new(),
        admission: http_api::Admission::default(),
    }
}

async fn database() -> Database {
    let database = Database::new(Native::memory().unwrap());
    database.prepare().await.unwrap();
    database
}

async fn run(database: &Database, sql: &str) -> Vec<Vec<database::Value>> {
    let rows = database.one(|db| db.execute(sql, &[])).await;
    let rows: Result<Vec<database::Row>, database::Error> = rows;
    rows.unwrap()
        .into_iter()
        .map(database::Row::into_values)
        .collect()
}

/// A value of its own for each column, as it is stored and as it is told.
fn value(kind: Kind, name: &str, number: usize) -> (String, Value) {
    match kind {
        Kind::Text { .. } | Kind::Cursor => (
            format!("'{name} {number}'"),
            json!(format!("{name} {number}")),
        ),
        Kind::Word(words) | Kind::WordList(words) => {
            let word = words.all[1];
            (format!("'{word}'"), json!(word))
        }
        Kind::Boolean => ("1".to_owned(), json!(true)),
        Kind::Integer { .. } => (format!("{}", 100 + number), json!(100 + number)),
        Kind::Amount => (
            format!("{number}.25"),
            json!(f64::from(u32::try_from(number).unwrap()) + 0.25),
        ),
        Kind::Json | Kind::Object | Kind::Texts => {
            (format!("'{{\"{name}\": [1]}}'"), json!({name: [1]}))
        }
        Kind::Time => (
            format!("'2026-02-05 10:00:{number:02}.5'"),
            json!(format!("2026-02-05T10:00:{number:02}.500Z")),
        ),
    }
}

/// Each column has a value of its own, and each is told under its own name, in the order of the declaration, in a list, alone
/// and by the database itself.
#[tokio::test]
async fn every_column_is_told_under_its_name() {
    for declaration in declarations() {
        let database = database().await;
        run(&database, "PRAGMA foreign_keys = OFF").await;
        let table = declaration.list.table;
        // What follows from other rows is no column of the table.
        let stored: Vec<String> = run(
            &database,
            &format!("SELECT name FROM pragma_table_info('{table}')"),
        )
        .await
        .into_iter()
        .map(|row| match &row[0] {
            database::Value::Text(name) => name.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
        let mut expected = Map::new();
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for (number, column) in declaration.columns.iter().enumerate() {
            let (sql, told) = value(column.kind, column.name, number);
            if stored.contains(&column.name.to_owned()) {
                names.push(column.name);
                values.push(sql);
                expected.insert(column.name.to_owned(), told);
            } else {
                expected.insert(column.name.to_owned(), json!(0));
            }
        }
        // A heartbeat of long ago would be a lost agent.
        if let Some(at) = names.iter().position(|name| *name == "heartbeat_at") {
            values[at] = "NULL".to_owned();
            expected["heartbeat_at"] = Value::Null;
        }
        // Nobody but the database numbers messages.
        if let Some(number) = expected.get_mut("number") {
            *number = json!(1);
        }
        run(
            &database,
            &format!(
                "INSERT INTO {table} ({}) VALUES ({})",
                names.join(", "),
                values.join(", ")
            ),
        )
        .await;
        let api = Api::new(backend::routes(&database, &settings()), settings());
        let mut paths = vec![declaration.path.to_owned()];
        if !declaration.is_numbered {
            paths.push(format!("{}/id%200", declaration.path));
        }
        for path in paths {
            let request = http::Request::get(&path)
                .body(axum::body::Body::empty())
                .unwrap();
            let response = api.call(request).await;
            assert_eq!(response.status(), 200, "{path}");
            let text = response.into_body().collect().await.unwrap().to_bytes();
            let told: Value = serde_json::from_slice(&text).unwrap();
            let told = told.get(0).unwrap_or(&told);
            assert_eq!(*told, Value::Object(expected.clone()), "{path}");
            // In the order of the declaration.
            let text = String::from_utf8(text.to_vec()).unwrap();
            let places: Vec<usize> = declaration
                .columns
                .iter()
                .map(|column| text.find(&format!("\"{}\":", column.name)).unwrap())
                .collect();
            assert!(places.is_sorted(), "{text}");
        }
        // What the database tells of a row by itself, with the triggers and without.
        let view = match table {
            "agents" => "agent_json",
            "orchestrator_agents" => "definition_json",
            "ai_developer_workflows" => "workflow_json",
            "orchestrator_chat" => "message_json",
            _ => continue,
        };
        let rows = run(&database, &format!("SELECT json FROM {view}")).await;
        let [database::Value::Text(told)] = rows[0].as_slice() else {
            panic!("{rows:?}");
        };
        assert_eq!(
            serde_json::from_str::<Value>(told).unwrap(),
            Value::Object(expected)
        );
    }
}

/// A change of any column of an agent but its heartbeat is a new version, and so in the change log.
#[tokio::test]
async fn every_column_of_an_agent_is_watched() {
    let agents = declarations()
        .into_iter()
        .find(|declaration| declaration.list.table == "agents")
        .unwrap();
    let database = database().await;
    run(&database, "PRAGMA foreign_keys = OFF").await;
    run(
        &database,
        "INSERT INTO agents (id, orchestrator_agent_id, session_id) VALUES ('a', 'd', 's')",
    )
    .await;
    let mut changes = 1;
    for (number, column) in agents.columns.iter().enumerate() {
        let silent = [
            "id",
            "heartbeat_at",
            "lease_seconds",
            "updated_at",
            "version",
            "tokens_input",
            "tokens_output",
        ];
        if silent.contains(&column.name) {
            continue;
        }
        let (sql, _) = value(column.kind, column.name, number);
        run(
            &database,
            &format!("UPDATE agents SET {} = {sql}", column.name),
        )
        .await;
        changes += 1;
        let counted = run(&database, "SELECT count(*) FROM change_log").await;
        assert_eq!(
            counted[0][0],
            database::Value::Integer(changes),
            "{}",
            column.name
        );
    }
}

/// A change of any column of a workflow or a message is in the change log, as the row is told then.
#[tokio::test]
async fn every_column_of_workflows_and_messages_is_watched() {
    for declaration in declarations() {
        let (entity, view) = match declaration.list.table {
            "ai_developer_workflows" => ("workflow", "workflow_json"),
            "orchestrator_chat" => ("message", "message_json"),
            _ => continue,
        };
        let table = declaration.list.table;
        let database = database().await;
        run(&database, "PRAGMA foreign_keys = OFF").await;
        let insert = match entity {
            "workflow" => "(id, adw_name, workflow_type) VALUES ('w', 'n', 't')",
            _ => {
                "(id, orchestrator_agent_id, sender_type, receiver_type, message) \
                 VALUES ('m', 'd', 'user', 'user', 'x')"
            }
        };
        run(&database, &format!("INSERT INTO {table} {insert}")).await;
        let mut changes = 1;
        for (number, column) in declaration.columns.iter().enumerate() {
            if ["id", "number", "updated_at"].contains(&column.name) {
                continue;
            }
            let (sql, _) = value(column.kind, column.name, number);
            let update = format!("UPDATE {table} SET {} = {sql}", column.name);
            // The second time nothing changes.
            run(&database, &update).await;
            run(&database, &update).await;
            changes += 1;
            let counted = run(&database, "SELECT count(*), max(entity) FROM change_log").await;
            assert_eq!(
                counted[0],
                [
                    database::Value::Integer(changes),
                    database::Value::Text(entity.to_owned())
                ],
                "{}",
                column.name
            );
            let last = "SELECT payload FROM change_log ORDER BY seq DESC LIMIT 1";
            let told = run(&database, &format!("SELECT json FROM {view}")).await;
            assert_eq!(run(&database, last).await, told, "{}", column.name);
        }
    }
}

/// spin.toml, the folders and the list of groups name the same components.
#[test]
fn each_group_is_a_component() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let manifest = std::fs::read_to_string(root.join("spin.toml")).unwrap();
    let mut components: Vec<&str> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("[component.")?.strip_suffix(']'))
        .filter(|name| !name.contains('.'))
        .collect();
    components.sort_unstable();
    let mut groups: Vec<&str> = GROUPS.iter().map(|group| group.name).collect();
    groups.sort_unstable();
    assert_eq!(components, groups);
    let variables = |component: &str| -> Vec<&str> {
        let start = format!("[component.{component}.variables]\n");
        let (_, rest) = manifest.split_once(&start).unwrap();
        rest.split("\n\n").next().unwrap().lines().collect()
    };
    for group in groups {
        assert!(
            root.join("components")
                .join(group)
                .join("Cargo.toml")
                .exists(),
            "{group}"
        );
        // /health tells more than the others.
        let given = variables(group);
        let wanted = variables("agents");
        assert!(given.starts_with(&wanted), "{group}");
        assert!(group == "health" || given == wanted, "{group}");
    }
}
