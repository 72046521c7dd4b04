//! Finding entries by a text gives what looking at each of them gives, however much of the index is filled in and whatever
//! others have done to the entries since.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::path::Path;

use database::log_blocks::Log;
use database::log_search::Search;
use database::native::Native;
use database::{Condition, Database, List, Select, Value, Window, transaction};
use rusqlite::{Connection, params};

const LIST: List = List {
    table: "agent_logs",
    key: None,
};
const SELECT: Select<'_> = Select {
    whole: "message",
    shortened: "message",
    key: None,
};

/// A database, and a connection of another writer to it, with foreign keys off.
async fn writer(folder: &Path) -> Connection {
    let path = folder.join("test.db");
    Database::new(Native::file(&path)).prepare().await.unwrap();
    let writer = Connection::open(&path).unwrap();
    writer
        .execute_batch("PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF")
        .unwrap();
    writer
}

fn number(db: &Connection, sql: &str) -> i64 {
    db.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// The same numbers in every run (`SplitMix64`).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

const WORDS: &[&str] = &[
    "passed",
    "PASSED",
    "über",
    "ÜBER",
    "naïve",
    "日本語",
    "a\"b",
    "'",
    "%",
    "_",
    "\n",
    "AND",
    "x",
    "ſ",
    "K",
    "İ",
    "🎉",
    "128",
    "tests",
    "-",
    "*",
    "(",
    "\0",
];

/// Begins with what few others have.
fn message(random: &mut Random) -> Vec<u8> {
    let mut text = format!("{:05x} ", random.below(1 << 20)).into_bytes();
    for _ in 0..=random.below(6) {
        text.extend(random.pick(WORDS).as_bytes());
        match random.below(30) {
            0 => text.push(0x80),
            1 => text.extend([0xe2, 0x28]),
            2 => {}
            _ => text.push(b' '),
        }
    }
    text
}

fn put(writer: &Connection, id: Option<i64>, random: &mut Random) {
    const PUT: &str = "INSERT OR REPLACE INTO agent_logs (id, agent_id, log_level, log_type, message) \
        VALUES (?1, 'a', iif(?3 % 5, 'INFO', 'ERROR'), 'milestone', iif(?3 % 7, CAST(?2 AS TEXT), ?2))";
    let message = message(random);
    let number = i64::try_from(random.below(1000)).unwrap();
    writer.execute(PUT, params![id, message, number]).unwrap();
}

/// Fills the index as the maintenance does, at most so many steps.
fn fill(db: &Connection, steps: u64) {
    while transaction(db, "BEGIN", &mut |db| Log::Agent.count_some(db)).unwrap() {}
    for _ in 0..steps {
        if !transaction(db, "BEGIN", &mut |db| Log::Agent.fill_some(db)).unwrap() {
            return;
        }
    }
}

/// The ids of all entries that fulfil it, page by page.
fn ids(
    db: &Connection,
    text: &str,
    level: Option<&'static str>,
    descending: bool,
    limit: usize,
) -> Vec<i64> {
    let mut conditions = vec![Condition::new("instr(lower(message), lower(?))", text)];
    conditions.extend(level.map(|level| Condition::new("log_level = ?", level)));
    let search = Search {
        log: Log::Agent,
        list: LIST,
        select: SELECT,
        text,
        alternatives: vec![conditions.clone()],
        conditions,
    };
    let mut ids = Vec::new();
    let mut after: Option<Vec<Value>> = None;
    loop {
        let window = Window {
            descending,
            after: after.as_deref(),
            limit,
        };
        let page = search.page(db, window).unwrap();
        ids.extend(
            page.rows
                .iter()
                .map(|(position, _)| match position.as_slice() {
                    [Value::Integer(id)] => *id,
                    other => unreachable!("{other:?}"),
                }),
        );
        if !page.has_more {
            return ids;
        }
        after = page.rows.into_iter().last().map(|(position, _)| position);
    }
}

/// What there is to find, by looking at each entry.
fn expected(
    db: &Connection,
    text: &str,
    level: Option<&'static str>,
    descending: bool,
) -> Vec<i64> {
    let sql = format!(
        "SELECT id FROM agent_logs WHERE instr(lower(message), lower(?1)) AND log_level = coalesce(?2, log_level) \
         ORDER BY id {}",
        if descending { "DESC" } else { "" }
    );
    let mut statement = db.prepare(&sql).unwrap();
    let rows = statement
        .query_map(params![text, level], |row| row.get(0))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

/// Asks for some texts, and for the beginnings of entries that have changed.
fn compare(db: &Connection, random: &mut Random, changed: &[i64]) {
    const TEXTS: &[&str] = &[
        "passed",
        "PaSsEd x",
        "über",
        "日本語",
        "本語",
        "a\"b",
        "AND",
        "ſ x",
        "K K",
        "İ ",
        "🎉🎉🎉",
        "128 tests",
        "passed 128",
        "nowhere",
        "x",
        " - ",
        "(*)",
        "\n ",
        "\0 x",
        "e\u{301}",
    ];
    let beginnings = "SELECT substr(CAST(message AS TEXT), 1, 6) FROM agent_logs \
                      WHERE id IN (SELECT value FROM json_each(?1))";
    let mut statement = db.prepare(beginnings).unwrap();
    let changed = statement.query_map([format!("{changed:?}")], |row| row.get(0));
    let changed: Vec<String> = changed.unwrap().map(Result::unwrap).collect();
    let texts = changed.iter().map(String::as_str);
    for text in texts.chain(TEXTS.iter().copied()) {
        let level = [None, Some("ERROR")][usize::try_from(random.below(2)).unwrap()];
        let descending = random.below(2) == 0;
        let limit = usize::try_from(1 + random.below(400)).unwrap();
        let found = ids(db, text, level, descending, limit);
        assert!(
            found == expected(db, text, level, descending),
            "{text:?} {level:?} {descending} {limit}"
        );
    }
}

#[tokio::test]
async fn what_is_found_is_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let db = writer(folder.path()).await;
    let mut random = Random(7);
    let mut changed = Vec::new();
    for _ in 0..12 {
        changed.clear();
        let highest = number(&db, "SELECT coalesce(max(id), 0) FROM agent_logs");
        db.execute_batch("BEGIN").unwrap();
        for _ in 0..random.below(2500) {
            put(&db, None, &mut random);
        }
        for _ in 0..random.below(40) {
            let id = i64::try_from(random.below(highest.unsigned_abs() + 1)).unwrap();
            changed.push(id);
            match random.below(4) {
                0 => put(&db, Some(id), &mut random),
                1 => {
                    let message = message(&mut random);
                    let update = "UPDATE agent_logs SET message = CAST(?2 AS TEXT) WHERE id = ?1";
                    db.prepare(update)
                        .unwrap()
                        .execute(params![id, message])
                        .unwrap();
                }
                2 => {
                    let delete = "DELETE FROM agent_logs WHERE id = ?1";
                    db.prepare(delete).unwrap().execute([id]).unwrap();
                }
                // From one block to another.
                _ => {
                    let update = "UPDATE OR REPLACE agent_logs SET id = ?2 WHERE id = ?1";
                    let to = i64::try_from(random.below(30_000)).unwrap();
                    changed.push(to);
                    db.prepare(update).unwrap().execute([id, to]).unwrap();
                }
            }
        }
        db.execute_batch("COMMIT").unwrap();
        compare(&db, &mut random, &changed);
        fill(&db, random.below(12));
        compare(&db, &mut random, &changed);
    }
    fill(&db, u64::MAX);
    assert!(!Log::Agent.is_unsearched(&db).unwrap());
    compare(&db, &mut random, &changed);
}

/// More parts than are looked through at first, and entries that are larger than what one step fills in.
#[tokio::test]
async fn many_parts_and_large_entries_are_found_too() {
    let folder = tempfile::tempdir().unwrap();
    let db = writer(folder.path()).await;
    db.execute_batch(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 80000)
         INSERT INTO agent_logs (agent_id, log_level, log_type, message)
         SELECT 'a', 'INFO', 'milestone', 'entry ' || n || iif(n % 60 = 0, ' sixty', '') || iif(n = 11, ' eleven', '')
            || iif(n IN (70, 40000), printf('%.*c', 100000, '.') || 'large', '') FROM n",
    )
    .unwrap();
    fill(&db, u64::MAX);
    for (text, number) in [
        ("sixty", 1333),
        ("eleven", 1),
        ("large", 2),
        ("..large", 2),
        ("nowhere", 0),
        ("entry 4", 11111),
    ] {
        for descending in [true, false] {
            let expected = expected(&db, text, None, descending);
            assert_eq!(expected.len(), number, "{text}");
            assert!(
                ids(&db, text, None, descending, 1000) == expected,
                "{text} {descending}"
            );
        }
    }
}

/// A deleted block's parts do not stay in the index.
#[tokio::test]
async fn the_index_forgets_blocks_that_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let db = writer(folder.path()).await;
    db.execute_batch(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000)
         INSERT INTO agent_logs (agent_id, log_level, log_type, message) SELECT 'a', 'INFO', 'milestone', 'entry ' || n FROM n",
    )
    .unwrap();
    fill(&db, u64::MAX);
    let parts = || number(&db, "SELECT count(*) FROM agent_logs_text_docsize");
    assert_eq!(parts(), 64);
    db.execute_batch("DELETE FROM agent_logs WHERE id < 3000")
        .unwrap();
    fill(&db, u64::MAX);
    assert_eq!(parts(), 64 - 46);
    assert_eq!(ids(&db, "entry 29", None, true, 100), Vec::<i64>::new());
    assert_eq!(ids(&db, "entry 31", None, true, 1000).len(), 100);
}
