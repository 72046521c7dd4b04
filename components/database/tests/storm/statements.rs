//! Statements of writers that know nothing of what is counted: every form in which a row comes, changes and goes, foreign
//! keys on and off, values of any type. The same for the same seed.

/// A small generator of numbers (xorshift), so that a seed gives the same everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let place = usize::try_from(self.below(from.len() as u64)).unwrap_or(0);
        from[place]
    }
}

const STATUSES: [&str; 7] = [
    "'initializing'",
    "'planning'",
    "'executing'",
    "'reviewing'",
    "'completed'",
    "'failed'",
    "'cancelled'",
];
const PROMPT_STATUSES: [&str; 5] = [
    "'pending'",
    "'streaming'",
    "'completed'",
    "'failed'",
    "'cancelled'",
];
const TIMES: [&str; 12] = [
    "'2026-02-05 10:00:00'",
    "'2026-02-05T10:00:00.123456'",
    "'2026-02-05T12:30:00+02:00'",
    "'2026-02-05T09:59:59.999Z'",
    "'2026-02-05T10:00:00Z'",
    "datetime('now')",
    "'now'",
    "'yesterday'",
    "''",
    "1234567",
    "x'00ff41'",
    "'2026-02-05'",
];
const TOKENS: [&str; 14] = [
    "0",
    "10",
    "100000",
    "-7",
    "9223372036854775807",
    "-9223372036854775808",
    "4611686018427387904",
    "1.5",
    "1e30",
    "'12 tokens'",
    "'many'",
    "x'3132'",
    "NULL",
    "4294967296",
];
const COSTS: [&str; 12] = [
    "0",
    "0.5",
    "0.000001",
    "0.1",
    "12.345678901",
    "-1.25",
    "1e12",
    "1e308",
    "9e999",
    "'0.25'",
    "'free'",
    "NULL",
];
const MODELS: [&str; 5] = ["'opus'", "'haiku'", "NULL", "x'ff'", "''"];
const CONFLICTS: [&str; 5] = ["", "OR REPLACE ", "OR IGNORE ", "OR FAIL ", "OR ABORT "];
const LEVELS: [&str; 5] = ["'DEBUG'", "'INFO'", "'WARNING'", "'ERROR'", "'CRITICAL'"];

const WORKFLOW_STATUSES: [&str; 5] = [
    "'pending'",
    "'in_progress'",
    "'completed'",
    "'failed'",
    "'cancelled'",
];
const PARTIES: [&str; 3] = ["'user'", "'orchestrator'", "'agent'"];

/// So many statements. Some break a rule of the schema and fail, as some of real writers do.
pub(crate) fn statements(seed: u64, count: usize) -> Vec<String> {
    let random = &mut Random::new(seed);
    let mut all: Vec<String> = (0..4)
        .map(|n| {
            format!(
                "INSERT OR IGNORE INTO orchestrator_agents (id, name, agent_type) VALUES ('d{n}', 'Definition {n}', 'tester')"
            )
        })
        .collect();
    all.extend((0..count).map(|_| statement(random)));
    all
}

fn statement(random: &mut Random) -> String {
    match random.below(56) {
        0 => "PRAGMA foreign_keys = ON".to_owned(),
        1 => "PRAGMA foreign_keys = OFF".to_owned(),
        2..8 => agent(random),
        8..11 => format!(
            "UPDATE agents SET status = {}, completed_at = {} WHERE id = {}",
            random.pick(&STATUSES),
            random.pick(&TIMES),
            id(random, 'a', 12)
        ),
        11 => format!(
            "UPDATE {}agents SET id = {} WHERE id = {}",
            random.pick(&CONFLICTS),
            id(random, 'a', 12),
            id(random, 'a', 12)
        ),
        12 => format!(
            "UPDATE agents SET session_id = {}, started_at = {}, cost_usd = {} WHERE id = {}",
            id(random, 's', 4),
            random.pick(&TIMES),
            random.pick(&COSTS),
            id(random, 'a', 12)
        ),
        13 => format!(
            "UPDATE agents SET heartbeat_at = {}, lease_seconds = {} WHERE id = {}",
            random.pick(&TIMES),
            random.pick(&TOKENS),
            id(random, 'a', 12)
        ),
        14 => format!("DELETE FROM agents WHERE id = {}", id(random, 'a', 12)),
        15..26 => prompt(random),
        26 => format!(
            "UPDATE {}prompts SET id = {} WHERE id = {}",
            random.pick(&CONFLICTS),
            id(random, 'p', 40),
            id(random, 'p', 40)
        ),
        27..30 => format!(
            "UPDATE prompts SET tokens_input = {}, cost_usd = {}, status = {}, model_used = {} WHERE id = {}",
            random.pick(&TOKENS),
            random.pick(&COSTS),
            random.pick(&PROMPT_STATUSES),
            random.pick(&MODELS),
            id(random, 'p', 40)
        ),
        30 => format!(
            "UPDATE prompts SET agent_id = {}, created_at = {} WHERE id = {}",
            id(random, 'a', 12),
            random.pick(&TIMES),
            id(random, 'p', 40)
        ),
        31 => format!("DELETE FROM prompts WHERE id = {}", id(random, 'p', 40)),
        32 if random.below(8) == 0 => format!(
            "DELETE FROM orchestrator_agents WHERE id = {}",
            id(random, 'd', 4)
        ),
        33 => format!(
            "INSERT {}INTO orchestrator_agents (id, name, agent_type) VALUES ({}, 'Definition {}', 'tester')",
            random.pick(&CONFLICTS),
            id(random, 'd', 4),
            random.below(4)
        ),
        40..46 => workflow(random),
        46..52 => message(random),
        52..56 => by_row(random),
        34 if random.below(2) == 0 => definition(random),
        _ => log(random),
    }
}

/// Workflows and messages are in the change log, each change once.
fn workflow(random: &mut Random) -> String {
    let (conflict, id) = (random.pick(&CONFLICTS), id(random, 'w', 10));
    let (status, time, number) = (
        random.pick(&WORKFLOW_STATUSES),
        random.pick(&TIMES),
        random.pick(&TOKENS),
    );
    let json = random.pick(&["NULL", "'{\"a\": 1}'", "'no JSON'", "x'7b7d'", "5"]);
    match random.below(8) {
        0 => format!(
            "UPDATE {conflict}ai_developer_workflows SET id = {} WHERE id = {id}",
            self::id(random, 'w', 10)
        ),
        1 => format!("DELETE FROM ai_developer_workflows WHERE id = {id}"),
        2 => format!(
            "UPDATE ai_developer_workflows SET updated_at = {time} WHERE id = {id} AND {time} IS NOT NULL"
        ),
        3..5 => format!(
            "UPDATE ai_developer_workflows SET status = {status}, total_steps = {number}, output_data = {json}, \
             updated_at = datetime('now') WHERE id = {id}"
        ),
        _ => {
            let id = if random.below(20) == 0 {
                "NULL".to_owned()
            } else {
                id
            };
            format!(
                "INSERT {conflict}INTO ai_developer_workflows (id, orchestrator_agent_id, adw_name, workflow_type, status, \
                 started_at, input_data, error_count) \
                 VALUES ({id}, {}, 'n', 't', {status}, {time}, {json}, {number})",
                self::id(random, 'd', 4)
            )
        }
    }
}

fn message(random: &mut Random) -> String {
    let (conflict, id) = (random.pick(&CONFLICTS), id(random, 'm', 20));
    let (from, to, time) = (
        random.pick(&PARTIES),
        random.pick(&PARTIES),
        random.pick(&TIMES),
    );
    match random.below(9) {
        0 => format!(
            "UPDATE {conflict}orchestrator_chat SET id = {} WHERE id = {id}",
            self::id(random, 'm', 20)
        ),
        1 => format!("DELETE FROM orchestrator_chat WHERE id = {id}"),
        2 => format!(
            "UPDATE orchestrator_chat SET number = {} WHERE id = {id}",
            random.pick(&TOKENS)
        ),
        3 => format!(
            "UPDATE orchestrator_chat SET delivered_at = {time}, reply_to = {} WHERE id = {id}",
            self::id(random, 'm', 20)
        ),
        4 => format!(
            "UPDATE orchestrator_chat SET message = {time}, options = {} WHERE id = {id}",
            random.pick(&TOKENS)
        ),
        _ => {
            let id = if random.below(20) == 0 {
                "NULL".to_owned()
            } else {
                id
            };
            format!(
                "INSERT {conflict}INTO orchestrator_chat (id, orchestrator_agent_id, sender_type, receiver_type, message, \
                 agent_id, created_at) VALUES ({id}, {}, {from}, {to}, 'x', {}, {time})",
                self::id(random, 'd', 4),
                self::id(random, 'a', 12)
            )
        }
    }
}

fn definition(random: &mut Random) -> String {
    let (conflict, id, other) = (
        random.pick(&CONFLICTS),
        id(random, 'd', 4),
        id(random, 'd', 4),
    );
    let number = random.below(4);
    match random.below(6) {
        0 => format!("UPDATE {conflict}orchestrator_agents SET id = {other} WHERE id = {id}"),
        1 => format!(
            "UPDATE {conflict}orchestrator_agents SET id = {other}, description = 'moved', name = 'Definition {number}' \
             WHERE id = {id}"
        ),
        2 => format!(
            "UPDATE {conflict}orchestrator_agents SET name = 'Definition {number}' WHERE id = {id}"
        ),
        3 => format!(
            "UPDATE orchestrator_agents SET name = name, is_active = is_active WHERE id = {id}"
        ),
        4 => format!(
            "INSERT INTO orchestrator_agents (id, name, agent_type) VALUES ({id}, 'Definition {number}', 'planner') \
             ON CONFLICT DO UPDATE SET description = 'again {number}', metadata = {}",
            random.pick(&["NULL", "'{\"a\": 1}'", "'no JSON'", "x'7b7d'", "5"])
        ),
        _ => format!(
            "UPDATE orchestrator_agents SET is_active = 1 - is_active WHERE id IN ({id}, {other})"
        ),
    }
}

fn agent(random: &mut Random) -> String {
    let (conflict, id, definition) = (
        random.pick(&CONFLICTS),
        id(random, 'a', 12),
        id(random, 'd', 4),
    );
    let (session, status, time, cost) = (
        self::id(random, 's', 4),
        random.pick(&STATUSES),
        random.pick(&TIMES),
        random.pick(&COSTS),
    );
    let context = random.pick(&["NULL", "'{\"task\": \"x\"}'", "'no JSON'", "x'7b7d'", "5"]);
    let upsert = match (conflict, random.below(3)) {
        ("", 0) => {
            " ON CONFLICT (id) DO UPDATE SET status = excluded.status, session_id = excluded.session_id"
        }
        _ => "",
    };
    format!(
        "INSERT {conflict}INTO agents (id, orchestrator_agent_id, session_id, status, started_at, cost_usd, context) \
         VALUES ({id}, {definition}, {session}, {status}, {time}, {cost}, {context}){upsert}"
    )
}

fn prompt(random: &mut Random) -> String {
    let (conflict, agent) = (random.pick(&CONFLICTS), id(random, 'a', 12));
    let id = match random.below(30) {
        0 => "NULL".to_owned(),
        _ => id(random, 'p', 40),
    };
    let (status, model, time) = (
        random.pick(&PROMPT_STATUSES),
        random.pick(&MODELS),
        random.pick(&TIMES),
    );
    let (input, output, cost) = (
        random.pick(&TOKENS),
        random.pick(&TOKENS),
        random.pick(&COSTS),
    );
    let upsert = match (conflict, random.below(3)) {
        ("", 0) => {
            " ON CONFLICT (id) DO UPDATE SET tokens_input = excluded.tokens_input, status = excluded.status, \
             agent_id = excluded.agent_id"
        }
        ("", 1) => " ON CONFLICT DO NOTHING",
        _ => "",
    };
    format!(
        "INSERT {conflict}INTO prompts (id, agent_id, prompt_type, prompt_text, status, model_used, created_at, \
         tokens_input, tokens_output, cost_usd) \
         VALUES ({id}, {agent}, 'command', 'x', {status}, {model}, {time}, {input}, {output}, {cost}){upsert}"
    )
}

/// A row that names the rowid of another, and may so take its place.
fn by_row(random: &mut Random) -> String {
    let (table, kind, count, columns, values) = match random.below(8) {
        0 => (
            "orchestrator_agents",
            'd',
            4,
            "name, agent_type",
            format!("'Definition {}', 'tester'", random.below(4)),
        ),
        1 => (
            "ai_developer_workflows",
            'w',
            10,
            "adw_name, workflow_type",
            "'n', 't'".to_owned(),
        ),
        2 => (
            "orchestrator_chat",
            'm',
            20,
            "orchestrator_agent_id, sender_type, receiver_type, message",
            format!("{}, 'user', 'agent', 'x'", id(random, 'd', 4)),
        ),
        3..5 => (
            "agents",
            'a',
            12,
            "orchestrator_agent_id, session_id, cost_usd",
            format!(
                "{}, {}, {}",
                id(random, 'd', 4),
                id(random, 's', 4),
                random.pick(&COSTS)
            ),
        ),
        _ => (
            "prompts",
            'p',
            40,
            "agent_id, prompt_type, prompt_text, tokens_input",
            format!(
                "{}, 'command', 'x', {}",
                id(random, 'a', 12),
                random.pick(&TOKENS)
            ),
        ),
    };
    let conflict = random.pick(&["OR REPLACE ", "OR REPLACE ", "OR IGNORE ", "OR FAIL ", ""]);
    let row = match random.below(3) {
        0 => random.below(50).to_string(),
        _ => format!(
            "(SELECT rowid FROM {table} WHERE id = {})",
            id(random, kind, count)
        ),
    };
    let id = match random.below(10) {
        0 if kind != 'a' => "NULL".to_owned(),
        _ => id(random, kind, count),
    };
    format!("INSERT {conflict}INTO {table} (rowid, id, {columns}) VALUES ({row}, {id}, {values})")
}

fn log(random: &mut Random) -> String {
    let (agent, level, time) = (
        id(random, 'a', 12),
        random.pick(&LEVELS),
        random.pick(&TIMES),
    );
    match random.below(12) {
        0 => format!(
            "INSERT OR REPLACE INTO agent_logs (id, agent_id, log_level, log_type, message, created_at) \
             VALUES ({}, {agent}, {level}, 'milestone', 'x', {time})",
            random.below(9000)
        ),
        1 => format!(
            "UPDATE agent_logs SET log_level = {level}, created_at = {time} WHERE id = {}",
            random.below(9000)
        ),
        2 => format!(
            "UPDATE OR REPLACE agent_logs SET id = {} WHERE id = {}",
            random.below(9000),
            random.below(9000)
        ),
        3 => format!("DELETE FROM agent_logs WHERE id = {}", random.below(9000)),
        4 => format!(
            "INSERT INTO system_logs (log_level, component, message, created_at) \
             SELECT {level}, 'c', 'x', {time} FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8))"
        ),
        _ => format!(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20) \
             INSERT INTO agent_logs (agent_id, log_level, log_type, message, created_at) \
             SELECT {agent}, {level}, 'milestone', 'x', {time} FROM n"
        ),
    }
}

fn id(random: &mut Random, kind: char, count: u64) -> String {
    format!("'{kind}{}'", random.below(count))
}
