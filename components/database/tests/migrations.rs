//! The schema on databases of every origin.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use database::native::Native;
use database::{
    Backend, Connection as Port, Database, Error, MIGRATIONS, Row, SCHEMA_VERSION, Value, check,
    steps,
};
use rusqlite::fallible_iterator::FallibleIterator as _;
use rusqlite::{Batch, Connection};
use tempfile::TempDir;

/// The tables and columns that the existing service has.
const OLD: [(&str, &str); 7] = [
    (
        "orchestrator_agents",
        "id, name, description, agent_type, capabilities, default_model, created_at, updated_at",
    ),
    (
        "agents",
        "id, orchestrator_agent_id, session_id, parent_agent_id, status, context, config, started_at, completed_at, \
         cost_usd, error_message",
    ),
    (
        "prompts",
        "id, agent_id, prompt_type, prompt_name, prompt_text, response_text, status, model_used, tokens_input, \
         tokens_output, cost_usd, latency_ms, created_at, completed_at, error_message",
    ),
    (
        "agent_logs",
        "id, agent_id, log_level, log_type, message, details, created_at",
    ),
    (
        "system_logs",
        "id, log_level, component, message, details, created_at",
    ),
    (
        "orchestrator_chat",
        "id, orchestrator_agent_id, sender_type, receiver_type, message, summary, agent_id, metadata, created_at, updated_at",
    ),
    (
        "ai_developer_workflows",
        "id, orchestrator_agent_id, adw_name, workflow_type, description, status, current_step, total_steps, \
         completed_steps, started_at, completed_at, duration_seconds, input_data, output_data, error_message, error_step, \
         error_count, metadata, created_at, updated_at",
    ),
];

/// A file that is not there yet, in a folder of its own.
struct File(TempDir);

impl File {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A database of the existing service.
    fn legacy() -> Self {
        let file = Self::new();
        file.open()
            .execute_batch(include_str!("fixtures/legacy.sql"))
            .unwrap();
        file
    }

    /// A database that version 5 of our schema was made of, from one of the existing service.
    fn version_5() -> Self {
        let file = Self::legacy();
        let connection = file.open();
        for migration in [
            include_str!("../../../sql/0001_tables.sql"),
            include_str!("fixtures/v5/0002_columns.sql"),
            include_str!("fixtures/v5/0003_change_log.sql"),
            include_str!("fixtures/v5/0004_write_side.sql"),
            include_str!("fixtures/v5/0005_questions.sql"),
        ] {
            for statement in migration.split("\n\n") {
                connection.execute_batch(statement).unwrap();
            }
        }
        connection.pragma_update(None, "user_version", 5).unwrap();
        connection
            .execute_batch(
                "INSERT INTO prompts (id, agent_id, prompt_type, prompt_text, tokens_input, cost_usd) \
                 SELECT 'v5', id, 'adw', 'x', 12, 0.5 FROM agents LIMIT 1; \
                 UPDATE agents SET status = 'failed'",
            )
            .unwrap();
        file
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("test.db")
    }

    /// A connection as any other process has it.
    fn open(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    fn migrate(&self) -> Result<i64, Error> {
        migrate(&self.path())
    }
}

/// What a start does: brings the file up to date, through connections of its own.
fn migrate(path: &Path) -> Result<i64, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(Database::new(Native::file(path)).schema_version())
}

/// Everything in the file: its version, its journal, each table, index and trigger, each row with its types.
fn dump(connection: &Connection) -> Vec<String> {
    let mut lines = schema(connection);
    let tables = texts(
        connection,
        "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
    );
    for table in tables {
        let columns = texts(
            connection,
            &format!("SELECT name FROM pragma_table_info('{table}')"),
        );
        lines.extend(rows(connection, &table, &columns.join(", ")));
    }
    lines
}

fn schema(connection: &Connection) -> Vec<String> {
    let mut lines = Vec::new();
    for pragma in ["user_version", "journal_mode"] {
        let sql = format!("SELECT '{pragma} = ' || {pragma} FROM pragma_{pragma}");
        lines.extend(texts(connection, &sql));
    }
    lines.extend(texts(
        connection,
        "SELECT type || ' ' || name || ': ' || coalesce(sql, '') FROM sqlite_schema ORDER BY type, name",
    ));
    lines
}

/// The rows of a table, each value in SQL's own notation, which tells 3 from 3.0 from '3'.
fn rows(connection: &Connection, table: &str, columns: &str) -> Vec<String> {
    let quoted: Vec<String> = columns
        .split(", ")
        .map(|column| format!("quote({column})"))
        .collect();
    let sql = format!(
        "SELECT '{table}: ' || concat_ws(', ', {}) FROM {table} ORDER BY 1",
        quoted.join(", ")
    );
    texts(connection, &sql)
}

fn texts(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// The schema of a database that our migrations made.
fn fresh() -> Vec<String> {
    let file = File::new();
    file.migrate().unwrap();
    schema(&file.open())
}

#[test]
fn an_empty_file_gets_everything() {
    let file = File::new();
    assert_eq!(file.migrate(), Ok(SCHEMA_VERSION));
    let dump = dump(&file.open());
    assert_eq!(dump[0], format!("user_version = {SCHEMA_VERSION}"));
    assert_eq!(dump[1], "journal_mode = wal");
    for table in [
        "orchestrator_agents",
        "agents",
        "prompts",
        "agent_logs",
        "system_logs",
        "ai_developer_workflows",
        "orchestrator_chat",
    ] {
        let start = format!("table {table}: ");
        assert!(dump.iter().any(|line| line.starts_with(&start)), "{table}");
    }
    for index in [
        "idx_agents_session",
        "idx_agents_orch",
        "idx_prompts_agent",
        "idx_prompts_status",
        "idx_agent_logs_agent",
        "idx_system_logs_level",
    ] {
        let start = format!("index {index}: ");
        assert!(dump.iter().any(|line| line.starts_with(&start)), "{index}");
    }
}

#[test]
fn what_is_there_already_is_counted() {
    for file in [File::legacy(), File::version_5()] {
        file.migrate().unwrap();
        let connection = file.open();
        assert_eq!(check::differences(&connection), Ok(vec![]));
        for (counted, rows) in [
            (
                "SELECT sum(prompts) || '' FROM prompt_usage WHERE span = 'hour'",
                "prompts",
            ),
            (
                "SELECT sum(agents) || '' FROM agent_usage WHERE session_id = 0",
                "agents",
            ),
        ] {
            let rows = format!("SELECT count(*) || '' FROM {rows}");
            assert_eq!(texts(&connection, counted), texts(&connection, &rows));
        }
        let told = "SELECT id FROM agents WHERE told IS NULL OR NOT EXISTS \
                    (SELECT 1 FROM agent_history WHERE agent_id = agents.id)";
        assert_eq!(texts(&connection, told), [""; 0]);
    }
}

#[test]
fn a_database_of_version_5_is_as_a_fresh_one() {
    let file = File::version_5();
    file.migrate().unwrap();
    let names = "SELECT type || ' ' || name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_autoindex_%' \
                 AND name NOT IN ('update_adw_updated_at', 'update_orchestrator_agents_updated_at') \
                 ORDER BY 1";
    let fresh = File::new();
    fresh.migrate().unwrap();
    assert_eq!(texts(&file.open(), names), texts(&fresh.open(), names));
    // What the earlier version kept on the agents is there still, and nobody reads it.
    let left: Vec<String> = columns(&file.open(), "agents")
        .into_iter()
        .filter(|column| !columns(&fresh.open(), "agents").contains(column))
        .collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

/// A database whose connection ends for good after so many statements, as that of a process that is killed.
struct Killed {
    native: Native,
    left: AtomicUsize,
}

impl Backend for Killed {
    fn with(&self, job: &mut dyn FnMut(&dyn Port) -> Result<(), Error>) -> Result<(), Error> {
        // A connection of its own each time, closed as it is.
        self.native.with(&mut |connection| {
            let result = job(&Counted {
                connection,
                left: &self.left,
            });
            let _ = connection.execute("ROLLBACK", &[]);
            result
        })
    }

    fn sleep(&self, pause: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.native.sleep(pause)
    }
}

struct Counted<'a> {
    connection: &'a dyn Port,
    left: &'a AtomicUsize,
}

impl Port for Counted<'_> {
    fn execute(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            return Err(Error::Unavailable("killed".to_owned()));
        }
        self.left.store(left - 1, Ordering::Relaxed);
        self.connection.execute(sql, parameters)
    }
}

#[test]
fn an_upgrade_that_is_killed_anywhere_goes_on() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut statements = 1;
    let mut killed = 0;
    loop {
        let file = if statements % 2 == 0 {
            File::legacy()
        } else {
            File::version_5()
        };
        let before: Vec<String> = OLD
            .iter()
            .flat_map(|(table, columns)| rows(&file.open(), table, columns))
            .collect();
        let database = Database::new(Killed {
            native: Native::file(file.path()),
            left: AtomicUsize::new(statements),
        });
        let first = runtime.block_on(database.prepare());
        drop(database);
        // Somebody writes meanwhile.
        file.open()
            .execute_batch(
                "INSERT OR REPLACE INTO prompts (id, agent_id, prompt_type, prompt_text, tokens_input) \
                 SELECT id, agent_id, prompt_type, prompt_text, 5 FROM prompts LIMIT 1",
            )
            .unwrap();
        assert_eq!(file.migrate(), Ok(SCHEMA_VERSION), "after {statements}");
        assert_eq!(
            check::differences(&file.open()),
            Ok(vec![]),
            "after {statements}"
        );
        let after: Vec<String> = OLD
            .iter()
            .flat_map(|(table, columns)| rows(&file.open(), table, columns))
            .collect();
        assert_eq!(before.len(), after.len());
        if first.is_ok() {
            break;
        }
        killed += 1;
        statements += 7;
    }
    assert!(killed > 20, "{killed}");
}

#[test]
fn a_second_start_changes_nothing() {
    let file = File::new();
    file.migrate().unwrap();
    let before = dump(&file.open());
    assert_eq!(file.migrate(), Ok(SCHEMA_VERSION));
    assert_eq!(dump(&file.open()), before);
}

#[test]
fn starts_at_once_take_turns() {
    let expected = fresh();
    for starts in [2, 8] {
        for file in [File::new(), File::legacy()] {
            let barrier = Arc::new(Barrier::new(starts));
            let threads: Vec<_> = (0..starts)
                .map(|_| {
                    let (path, barrier) = (file.path(), Arc::clone(&barrier));
                    std::thread::spawn(move || {
                        barrier.wait();
                        migrate(&path)
                    })
                })
                .collect();
            for thread in threads {
                assert_eq!(thread.join().unwrap(), Ok(SCHEMA_VERSION));
            }
            let found = schema(&file.open());
            assert_eq!(found[..2], expected[..2]);
            let names = |lines: &[String]| -> Vec<String> {
                let name = |line: &String| line.split(':').next().unwrap_or_default().to_owned();
                lines.iter().map(name).collect()
            };
            for name in names(&expected) {
                assert!(names(&found).contains(&name), "{name}");
            }
        }
    }
}

#[test]
fn every_row_of_the_existing_service_stays() {
    let file = File::legacy();
    let old = |connection: &Connection| -> Vec<String> {
        OLD.iter()
            .flat_map(|(table, columns)| rows(connection, table, columns))
            .chain(texts(
                connection,
                "SELECT name || seq FROM sqlite_sequence WHERE name <> 'message_numbers' ORDER BY name",
            ))
            .collect()
    };
    let before = old(&file.open());
    assert_eq!(before.len(), 16);
    assert_eq!(file.migrate(), Ok(SCHEMA_VERSION));
    assert_eq!(old(&file.open()), before);

    let after = dump(&file.open());
    file.migrate().unwrap();
    assert_eq!(dump(&file.open()), after);
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let file = File::legacy();
    file.open()
        .execute_batch(
            "CREATE TABLE notes (id TEXT, text TEXT); CREATE INDEX idx_notes ON notes (id)",
        )
        .unwrap();
    let foreign = "SELECT type || name || sql FROM sqlite_schema WHERE tbl_name = 'notes' \
                   OR name IN ('update_adw_updated_at', 'update_orchestrator_agents_updated_at')";
    let before = texts(&file.open(), foreign);
    assert_eq!(before.len(), 4);
    file.migrate().unwrap();
    assert_eq!(texts(&file.open(), foreign), before);
}

/// The columns of a table with their types and rules, in order.
fn columns(connection: &Connection, table: &str) -> Vec<String> {
    let sql = format!(
        "SELECT concat_ws(' ', name, type, \"notnull\", dflt_value, pk) FROM pragma_table_info('{table}')"
    );
    texts(connection, &sql)
}

#[test]
fn an_upgraded_database_has_what_a_fresh_one_has() {
    let (upgraded, fresh) = (File::legacy(), File::new());
    upgraded.migrate().unwrap();
    fresh.migrate().unwrap();
    let (upgraded, fresh) = (upgraded.open(), fresh.open());
    for (table, _) in &OLD {
        assert_eq!(columns(&upgraded, table), columns(&fresh, table), "{table}");
        let keys = format!(
            "SELECT concat_ws(' ', \"table\", \"from\", \"to\", on_delete) FROM pragma_foreign_key_list('{table}') \
             ORDER BY 1"
        );
        assert_eq!(texts(&upgraded, &keys), texts(&fresh, &keys), "{table}");
    }
    let ours = "SELECT type || ' ' || name FROM sqlite_schema WHERE type IN ('index', 'trigger') AND name NOT IN \
                ('update_adw_updated_at', 'update_orchestrator_agents_updated_at') AND name NOT LIKE 'sqlite_autoindex_%' ORDER BY 1";
    assert_eq!(texts(&upgraded, ours), texts(&fresh, ours));
}

#[test]
fn old_rows_get_the_defaults_of_new_columns() {
    let file = File::legacy();
    file.migrate().unwrap();
    let connection = file.open();
    let definitions = rows(
        &connection,
        "orchestrator_agents",
        "metadata, is_active, version",
    );
    assert_eq!(definitions, ["orchestrator_agents: NULL, 1, 1"; 3]);
    let added = "metadata, updated_at, heartbeat_at, lease_seconds, cancel_requested, version";
    assert_eq!(
        rows(&connection, "agents", added),
        ["agents: NULL, NULL, NULL, NULL, 0, 1"; 3]
    );
}

#[test]
fn writers_that_know_the_old_columns_go_on_working() {
    let file = File::legacy();
    file.migrate().unwrap();
    let python = file.open();
    python
        .execute_batch(
            "INSERT INTO agents (id, orchestrator_agent_id, session_id, parent_agent_id, status, context, config, \
             started_at, cost_usd) VALUES ('a4', 'UPPER CASE', 's3', NULL, 'executing', NULL, NULL, \
             '2026-02-07T10:00:00.123456', 0.0); \
             UPDATE agents SET status = 'completed', completed_at = '2026-02-07 10:00:05', error_message = NULL \
             WHERE id = 'a4'; \
             INSERT INTO agent_logs (agent_id, log_level, log_type, message, details, created_at) \
             VALUES ('a4', 'INFO', 'milestone', 'x', NULL, '2026-02-07 10:00:05'); \
             INSERT INTO prompts (id, agent_id, prompt_type, prompt_text) VALUES ('p3', 'a4', 'adw', 'x'); \
             INSERT INTO orchestrator_agents (id, name, agent_type) VALUES ('d4', 'New', 'utility');",
        )
        .unwrap();
    let version = texts(
        &python,
        "SELECT version || status FROM agents WHERE id = 'a4'",
    );
    assert_eq!(version, ["2completed"]);
    let id = texts(
        &python,
        "SELECT id || '' FROM agent_logs ORDER BY id DESC LIMIT 1",
    );
    assert_eq!(id, ["4"], "an id that was used is not used again");
}

/// Messages are numbered in the order in which they came, and those that come while an upgrade is under way come after them.
#[test]
fn old_messages_are_numbered_and_old_workflows_known() {
    let file = File::legacy();
    // What `INSERT OR REPLACE` brings back is a change, also where nobody has logged the first.
    let again = "INSERT OR REPLACE INTO ai_developer_workflows (id, adw_name, workflow_type) VALUES ('s1', 'ship', 'x'); \
                 INSERT OR REPLACE INTO orchestrator_chat (id, orchestrator_agent_id, sender_type, receiver_type, message) \
                 VALUES ('c1', 'UPPER CASE', 'user', 'orchestrator', 'Hello again'); \
                 INSERT INTO orchestrator_chat (id, orchestrator_agent_id, sender_type, receiver_type, message) \
                 VALUES ('c3', 'UPPER CASE', 'user', 'orchestrator', 'Hello'); \
                 UPDATE ai_developer_workflows SET current_step = 'build' WHERE id = 's1'; \
                 UPDATE ai_developer_workflows SET current_step = 'build' WHERE id = 's1'";
    file.migrate().unwrap();
    let connection = file.open();
    assert_eq!(
        rows(&connection, "orchestrator_chat", "id, number"),
        ["orchestrator_chat: 'c1', 1", "orchestrator_chat: 'c2', 2"]
    );
    connection.execute_batch(again).unwrap();
    assert_eq!(
        rows(&connection, "orchestrator_chat", "id, number"),
        [
            "orchestrator_chat: 'c1', 1",
            "orchestrator_chat: 'c2', 2",
            "orchestrator_chat: 'c3', 3"
        ]
    );
    let changes = "SELECT entity || ' ' || op || ' ' || entity_id FROM change_log ORDER BY seq";
    assert_eq!(
        texts(&connection, changes),
        [
            "workflow update s1",
            "message update c1",
            "message insert c3",
            "workflow update s1"
        ]
    );
    let told = "SELECT (payload IS (SELECT json FROM workflow_json)) || '' FROM change_log ORDER BY seq DESC LIMIT 1";
    assert_eq!(texts(&connection, told), ["1"]);
}

#[test]
fn a_message_that_comes_during_an_upgrade_comes_after_the_old_ones() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut between = 0;
    for statements in (60..700).step_by(11) {
        let file = File::legacy();
        let database = Database::new(Killed {
            native: Native::file(file.path()),
            left: AtomicUsize::new(statements),
        });
        let _ = runtime.block_on(database.prepare());
        drop(database);
        let version = texts(
            &file.open(),
            "SELECT user_version || '' FROM pragma_user_version",
        );
        let has_numbers = columns(&file.open(), "orchestrator_chat").len() > 10;
        between += usize::from(version == ["7"] && has_numbers);
        file.open()
            .execute_batch(
                "INSERT INTO orchestrator_chat (id, orchestrator_agent_id, sender_type, receiver_type, message) \
                 VALUES ('new', 'UPPER CASE', 'user', 'orchestrator', 'x')",
            )
            .unwrap();
        file.migrate().unwrap();
        let order = "SELECT id FROM orchestrator_chat ORDER BY number";
        assert_eq!(
            texts(&file.open(), order),
            ["c1", "c2", "new"],
            "{statements}"
        );
    }
    assert!(between > 0);
}

#[test]
fn tables_of_another_shape_keep_their_rows_and_their_writers() {
    let file = File::new();
    let write = "INSERT INTO orchestrator_chat (id, role) VALUES (lower(hex(randomblob(4))), 'user'); \
                 INSERT INTO ai_developer_workflows (id, name) VALUES (lower(hex(randomblob(4))), 'x'); \
                 UPDATE ai_developer_workflows SET name = 'y'; UPDATE orchestrator_chat SET role = 'x'";
    file.open()
        .execute_batch(
            "CREATE TABLE orchestrator_chat (id TEXT PRIMARY KEY, role TEXT NOT NULL); \
             CREATE TABLE ai_developer_workflows (id TEXT PRIMARY KEY, name TEXT NOT NULL)",
        )
        .unwrap();
    file.open().execute_batch(write).unwrap();
    file.migrate().unwrap();
    file.open().execute_batch(write).unwrap();
    let count = "SELECT count(*) || '' FROM orchestrator_chat WHERE number IS NOT NULL";
    assert_eq!(texts(&file.open(), count), ["2"]);
}

#[test]
fn a_column_that_is_there_already_does_no_harm() {
    let file = File::legacy();
    file.open()
        .execute_batch("ALTER TABLE orchestrator_agents ADD COLUMN metadata TEXT; UPDATE orchestrator_agents SET metadata = '{}'")
        .unwrap();
    assert_eq!(file.migrate(), Ok(SCHEMA_VERSION));
    let metadata = rows(&file.open(), "orchestrator_agents", "metadata");
    assert_eq!(metadata, ["orchestrator_agents: '{}'"; 3]);
}

#[test]
fn a_step_that_fails_is_done_when_it_can_be() {
    let file = File::new();
    // In the way of the last index.
    file.open()
        .execute_batch("CREATE VIEW idx_agents_leased AS SELECT 1")
        .unwrap();
    file.migrate().unwrap_err();
    file.migrate().unwrap_err();
    file.open()
        .execute_batch("DROP VIEW idx_agents_leased")
        .unwrap();
    assert_eq!(file.migrate(), Ok(SCHEMA_VERSION));
    assert_eq!(schema(&file.open()), fresh());
}

#[test]
fn a_newer_schema_is_left_alone() {
    let file = File::new();
    file.migrate().unwrap();
    file.open()
        .pragma_update(None, "user_version", SCHEMA_VERSION + 1)
        .unwrap();
    let before = dump(&file.open());
    let found = SCHEMA_VERSION + 1;
    let error = file.migrate().unwrap_err();
    assert_eq!(error, Error::NewerSchema { found });
    assert!(
        error.to_string().contains(&format!("version {found}")),
        "{error}"
    );
    assert_eq!(dump(&file.open()), before);
}

#[test]
fn a_locked_database_is_waited_for() {
    let file = File::new();
    let foreign = file.open();
    foreign
        .execute_batch("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE")
        .unwrap();
    let path = file.path();
    let start = std::thread::spawn(move || migrate(&path));
    // It cannot be done while the lock is held, however long it has tried.
    for _ in 0..200 {
        assert_eq!(
            texts(&file.open(), "SELECT name FROM sqlite_schema"),
            [""; 0]
        );
    }
    assert!(!start.is_finished());
    foreign.execute_batch("ROLLBACK").unwrap();
    assert_eq!(start.join().unwrap(), Ok(SCHEMA_VERSION));
}

#[test]
fn each_piece_of_a_migration_is_one_statement() {
    let connection = Connection::open_in_memory().unwrap();
    for (nr, migration) in MIGRATIONS.iter().enumerate() {
        let steps = steps(migration);
        let pieces: Vec<&str> = steps
            .iter()
            .flat_map(|step| step.statements().to_vec())
            .collect();
        for piece in &pieces {
            assert!(piece.ends_with(';'), "of migration {}: {piece}", nr + 1);
            let mut batch = Batch::new(&connection, piece);
            let mut first = match batch.next() {
                Ok(Some(statement)) => statement,
                // A column for tables that lack it.
                Err(error) if error.to_string().contains("duplicate column name") => continue,
                other => panic!("of migration {}: {other:?} for {piece}", nr + 1),
            };
            first.raw_execute().unwrap();
            drop(first);
            assert!(
                matches!(batch.next(), Ok(None)),
                "of migration {}: {piece}",
                nr + 1
            );
        }
        // Nothing was lost between the pieces.
        let code = |text: &str| -> usize {
            let lines = text.lines().filter(|line| !line.starts_with("--"));
            lines.map(|line| line.split_whitespace().count()).sum()
        };
        let in_pieces: usize = pieces.iter().map(|piece| code(piece)).sum();
        assert_eq!(in_pieces, code(migration), "of migration {}", nr + 1);
    }
}

/// The times that everybody sorts by are made of each column in the same way.
#[test]
fn each_time_is_read_in_the_same_way() {
    let migrations = concat!(
        include_str!("../../../sql/0006_one_telling.sql"),
        include_str!("../../../sql/0008_workflows_and_messages.sql")
    );
    let columns = migrations.split("ALTER TABLE ").skip(1);
    let expressions: Vec<String> = columns
        .filter_map(|column| {
            column
                .split_once(" GENERATED ALWAYS AS (")?
                .1
                .split_once(";\n")
        })
        .map(|(expression, _)| {
            let start = "substr(CAST(";
            let from = expression.find(start).unwrap() + start.len();
            let source = &expression[from..from + expression[from..].find(" AS TEXT)").unwrap()];
            expression.replace(source, "?")
        })
        .collect();
    assert_eq!(expressions.len(), 17);
    for expression in &expressions {
        assert_eq!(*expression, expressions[0]);
    }
}

/// So is the JSON that columns have.
#[test]
fn each_json_column_is_told_in_the_same_way() {
    let migrations = concat!(
        include_str!("../../../sql/0006_one_telling.sql"),
        include_str!("../../../sql/0008_workflows_and_messages.sql")
    );
    let columns = [
        "metadata",
        "context",
        "config",
        "input_data",
        "output_data",
        "options",
    ];
    let expressions: Vec<String> = columns
        .into_iter()
        .flat_map(|column| {
            let start = format!("    '{column}', CASE\n");
            let told = migrations.split(&start).skip(1);
            let told = told.map(|rest| rest.split_once(" END,\n").unwrap().0.replace(column, "?"));
            told.collect::<Vec<_>>()
        })
        .collect();
    // Those of definitions, agents, workflows and messages, which all have metadata.
    assert_eq!(expressions.len(), 9);
    for expression in &expressions {
        assert_eq!(*expression, expressions[0]);
    }
}
