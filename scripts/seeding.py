"""What some teams of agents would have written in the last hour, for pictures of the board."""

import datetime
import json
import random
import sqlite3

TEAM = {
    "Planner": "planner", "API builder": "builder", "UI builder": "builder", "Migrator": "builder",
    "Code reviewer": "reviewer", "Unit tester": "tester", "Load tester": "tester", "Docs writer": "utility",
}
SESSIONS = ["checkout-v2", "search-latency", "billing-eu", "login-bugfix", "docs-refresh"]
TASKS = {
    "Planner": ["Split the checkout rewrite into steps", "Find why search is slow at night", "Plan the move to the EU region"],
    "API builder": ["Add idempotency to POST /orders", "Page through /invoices by cursor", "Return 409 for a taken name"],
    "UI builder": ["Show the total while it is computed", "Keep the filter in the address", "Make the cart work by keyboard"],
    "Migrator": ["Backfill orders.currency in batches", "Drop the old sessions table"],
    "Code reviewer": ["Review the rounding of totals", "Review the retry of webhooks"],
    "Unit tester": ["Cover amounts below one cent", "Cover the lost connection"],
    "Load tester": ["500 requests a second on /search", "Soak the importer for an hour"],
    "Docs writer": ["Describe the webhook's signature", "Update the upgrade guide"],
}
STEPS = ["initializing", "planning", "executing", "reviewing"]
# How many agents stand where, of 34, and how long ago the last of them came there, in seconds.
BOARD = [
    ("initializing", 2, 8), ("planning", 4, 40), ("executing", 7, 60), ("reviewing", 5, 90),
    ("completed", 12, 30), ("failed", 3, 400), ("cancelled", 1, 900),
]
ERRORS = ["cargo test: 3 of 214 failed in checkout::totals", "429 Too Many Requests: retry after 21 s",
          "429 Too Many Requests: retry after 8 s"]
CALLS = [
    ("Bash: cargo test -p checkout", {"arguments": {"command": "cargo test -p checkout"}, "result": "214 passed; 0 failed", "duration_ms": 8400}),
    ("Read: src/checkout/totals.rs", {"arguments": {"path": "src/checkout/totals.rs"}, "result": "312 lines"}),
    ("Edit: src/checkout/totals.rs", {"arguments": {"path": "src/checkout/totals.rs", "old": "round(x)", "new": "round_half_even(x)"}}),
    ("Grep: round\\(", {"arguments": {"pattern": "round\\("}, "result": "7 matches in 3 files"}),
    ("Bash: git diff --stat", {"arguments": {"command": "git diff --stat"}, "result": "2 files changed, 14 insertions(+), 3 deletions(-)"}),
]
MESSAGES = ["read 14 files", "214 of 214 tests pass", "asked for a review", "one query took 840 ms"]
ANSWER = """Amounts below one cent were **rounded twice**: once in `Line::total`, once in `Cart::total`.

I round only at the end now:

```rust
pub fn total(&self) -> Money {
    self.lines.iter().map(Line::exact).sum::<Exact>().round_half_even()
}
```

| case | before | after |
| --- | ---: | ---: |
| 3 × 0.333 | 0.99 | 1.00 |
| 0.005 | 0.01 | 0.00 |

1. All 214 tests pass.
2. `totals.rs` is the only file that changed.
"""
QUESTIONS = [
    ("May I run `cargo test --workspace`? It takes about four minutes.", ["Allow", "Allow always", "Deny"], {"tool": "Bash", "input": "cargo test --workspace"}),
    ("The column `orders.currency` is empty in 1,204 old rows. What shall I write there?", ["EUR", "Leave them empty", "Stop"], {}),
    ("Which region shall the invoices live in?", [], {}),
]


def seed(path, agents=34):
    pick = random.Random(11)
    now = datetime.datetime.now(datetime.timezone.utc)
    ago = lambda seconds: (now - datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%f")
    new_id = lambda: f"{pick.getrandbits(128):032x}"
    db = sqlite3.connect(path, timeout=30)
    db.execute("PRAGMA foreign_keys = ON")

    def insert(table, **row):
        values = [json.dumps(value) if isinstance(value, (dict, list)) else value for value in row.values()]
        db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", values)

    for name, kind in [("Orchestrator", "orchestrator"), *TEAM.items()]:
        insert("orchestrator_agents", id=name, name=name, agent_type=kind)
    made = []

    def agent(name, session, status, started, entered, parent, context):
        finished = status in ("completed", "failed", "cancelled")
        lively = not finished and status != "initializing"
        cost = 0 if status == "initializing" else round(pick.uniform(0.03, 1.4), 2)
        made.append(dict(id=new_id(), name=name, session=session, status=status, started=started, entered=entered))
        insert("agents", id=made[-1]["id"], orchestrator_agent_id=name, session_id=session, status=status, parent_agent_id=parent,
               started_at=ago(started), completed_at=ago(entered) if finished else None, context={"task": context}, cost_usd=cost,
               error_message=ERRORS[len(made) % len(ERRORS)] if status == "failed" else None)
        for _ in range(pick.randint(1, 5)):
            insert("prompts", id=new_id(), agent_id=made[-1]["id"], prompt_type="command", prompt_name="run the tests",
                   prompt_text="Fix what the failing test shows, and change no other file.", status="completed",
                   response_text=ANSWER, model_used=pick.choice(["opus", "sonnet", "haiku"]), latency_ms=pick.randint(400, 9000),
                   tokens_input=pick.randint(900, 20000), tokens_output=pick.randint(80, 4000),
                   cost_usd=round(pick.uniform(0.005, 0.2), 3), created_at=ago(pick.uniform(entered, started)))
        for text, details in pick.choices(CALLS, k=pick.randint(2, 7)):
            at = pick.uniform(3, 50) if lively else pick.uniform(entered, started)
            insert("agent_logs", agent_id=made[-1]["id"], log_type="tool_call", message=text, details=details, created_at=ago(at))
        insert("agent_logs", agent_id=made[-1]["id"], log_type="milestone", message=pick.choice(MESSAGES),
               log_level=pick.choice(["DEBUG", "INFO", "INFO", "INFO", "WARNING", "ERROR"]))
        return made[-1]["id"]

    leads = {session: agent("Orchestrator", session, "executing", 3300 - 400 * number, 3000, None, f"Lead {session}")
             for number, session in enumerate(SESSIONS)}
    for status, many, last in BOARD:
        for number in reversed(range(max(1, many * agents // 34))):
            name, session = pick.choice(list(TEAM)), pick.choice(SESSIONS)
            entered = last + number * pick.randint(40, 150) * 34 // agents
            started = entered + (0 if status == "initializing" else pick.randint(20, 900))
            siblings = [other["id"] for other in made if other["session"] == session and other["name"] == "Planner"]
            parent = pick.choice(siblings) if siblings and pick.random() < 0.4 else leads[session]
            agent(name, session, status, started, entered, parent, pick.choice(TASKS[name]))

    # What each went through, as if it had been written while it happened.
    db.execute("DELETE FROM agent_history")
    for one in made:
        path = STEPS[: STEPS.index(one["status"]) + 1] if one["status"] in STEPS else [*STEPS, one["status"]]
        spans = sorted(pick.uniform(one["entered"], one["started"]) for _ in path[2:])[::-1]
        for seq, (status, at) in enumerate(zip(path, [one["started"], *spans, one["entered"]])):
            db.execute("INSERT INTO agent_history (agent_id, seq, status, at) VALUES (?, ?, ?, ?)", (one["id"], seq, status, ago(at)))

    working = [one for one in made if one["status"] == "executing" and one["name"] != "Orchestrator"]
    # Who asks first has waited longest.
    for number, (one, (text, options, metadata)) in enumerate(zip(working, QUESTIONS)):
        insert("orchestrator_chat", id=new_id(), orchestrator_agent_id=one["name"], agent_id=one["id"], sender_type="user",
               receiver_type="agent", message="Keep to the files of the issue, please.", created_at=ago(300), delivered_at=ago(290))
        insert("orchestrator_chat", id=new_id(), orchestrator_agent_id=one["name"], agent_id=one["id"], sender_type="agent",
               receiver_type="user", message=text, options=options, metadata=metadata, created_at=ago(210 - 60 * number))
    insert("ai_developer_workflows", id="checkout-v2", orchestrator_agent_id="Orchestrator", adw_name="Checkout, version 2",
           workflow_type="plan_build_review", status="in_progress", current_step="build", total_steps=5, completed_steps=2, started_at=ago(3300))
    db.commit()
    db.close()
