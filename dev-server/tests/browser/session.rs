//! One session: its agents on an axis of time, and one of them in full.

use fantoccini::key::Key;
use serde_json::json;

use crate::board::Setup;

pub(crate) const SESSION: &str = "
agent('a1', 'Orchestrator', status='executing')
agent('a2', 'Builder', parent='a1')
agent('a3', 'Tester', parent='a2')
prompt('p', 'Build it all', 'a2', prompt_name='build it', status='completed', tokens_input=1200, tokens_output=34, cost_usd=0.25)
";

#[tokio::test]
async fn a_session_shows_its_agents_as_a_tree() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(SESSION);
    let browser = &setup.browser;
    browser
        .goto(&setup.url("/dashboard#/sessions/demo?agent=a2"))
        .await;
    browser
        .until_text("[role=treeitem][data-id=a3][aria-level='3']", "Tester")
        .await;
    browser
        .until("document.querySelector('[data-id=a2] .seg[data-status=planning]')")
        .await;
    browser.until_text(".agent h2", "Builder").await;
    browser.until_text(".turn.prompt", "1.2k → 34").await;
    browser.until_text(".turn.prompt", "$0.25").await;
    for status in ["executing", "reviewing"] {
        setup.python(&format!(
            "db.execute(\"UPDATE agents SET status = '{status}' WHERE id = 'a2'\")"
        ));
    }
    browser.until_text(".agent .pill", "Reviewing").await;
    for status in ["Planning", "Executing", "Reviewing"] {
        browser.until_text(".steps", status).await;
    }
    setup.python("agent('a4', 'Reviewer', parent='a1')");
    browser
        .until_text("[data-id=a4][aria-level='2']", "Reviewer")
        .await;
    // What is below costs too.
    browser
        .until("document.querySelector('[data-id=a1]').title.includes('With the 3 below: $0.25')")
        .await;
    setup.browser.close().await;
}

#[tokio::test]
async fn the_tree_is_walked_by_keys() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(SESSION);
    let browser = &setup.browser;
    browser.goto(&setup.url("/dashboard#/sessions/demo")).await;
    browser.until_text(".tree-row[data-id=a3]", "Tester").await;
    browser
        .run("document.querySelector('.tree-row').focus()")
        .await;
    let focused = "return document.activeElement.dataset.id";
    for (key, id) in [
        (Key::Down, "a2"),
        (Key::Right, "a3"),
        (Key::Left, "a2"),
        (Key::End, "a3"),
        (Key::Home, "a1"),
    ] {
        browser.press(key).await;
        assert_eq!(browser.run(focused).await, json!(id));
    }
    browser.press(Key::Left).await;
    browser
        .until("document.querySelectorAll('.tree-row').length === 1")
        .await;
    browser.press(Key::Right).await;
    browser.press(Key::Down).await;
    browser.press(Key::Enter).await;
    browser.until_text(".agent h2", "Builder").await;
    setup.browser.close().await;
}

#[tokio::test]
async fn a_session_of_thousands_shows_all_and_draws_those_in_view() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(
        "agent('root', 'Orchestrator')
for n in range(2500): agent(f'a{n:04}', 'Builder', parent='root', started_at=f'2026-01-01 00:{n // 60:02}:{n % 60:02}')",
    );
    let browser = &setup.browser;
    browser.goto(&setup.url("/dashboard#/sessions/demo")).await;
    browser.until_text(".waterfall .count", "2501").await;
    let drawn = "return document.querySelectorAll('.tree-row').length";
    assert!(browser.run(drawn).await.as_u64().unwrap() < 100);
    browser
        .run("document.querySelector('.tree-row').focus()")
        .await;
    browser.press(Key::End).await;
    browser
        .until("document.activeElement.dataset.id === 'a2499'")
        .await;
    // A link leads to any of them.
    browser
        .run("location.hash = '#/sessions/demo?agent=a1200'")
        .await;
    browser.until("(({ top, bottom }) => top > 0 && bottom < innerHeight)(document.querySelector('[data-id=a1200]').getBoundingClientRect())").await;
    setup.browser.close().await;
}

#[tokio::test]
async fn long_texts_make_nothing_wider_than_the_window() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(&format!(
        "{SESSION}\nprompt('q', 'word ' * 60, 'a2', prompt_name='word ' * 60)\nprompt('r', 'x' * 5000, 'a2')\nlog('y' * 5000, agent='a2', type='tool_call')"
    ));
    let browser = &setup.browser;
    browser
        .goto(&setup.url("/dashboard#/sessions/demo?agent=a2"))
        .await;
    browser
        .until("document.querySelectorAll('.turn').length === 4")
        .await;
    let wide = "const panel = document.querySelector('.agent').getBoundingClientRect();
        return document.documentElement.scrollWidth > innerWidth
            || [...document.querySelectorAll('.turn')].some((turn) => turn.getBoundingClientRect().right > panel.right)";
    assert_eq!(browser.run(wide).await, json!(false));
    setup.browser.close().await;
}

#[tokio::test]
async fn what_happens_to_the_agent_shows_while_it_is_open() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(&format!(
        "{SESSION}\nprompt('q', 'line\\n\\n' * 400, 'a2', status='pending')"
    ));
    let browser = &setup.browser;
    browser
        .goto(&setup.url("/dashboard#/sessions/demo?agent=a2"))
        .await;
    browser.until_text("[data-id=q]", "Show all").await;
    browser.click("[data-id=q] .fold").await;
    browser.until_text("[data-id=q]", "Show less").await;
    browser.run("window.turn = document.querySelector('[data-id=q]'); document.querySelector('.thread').scrollTop = 200").await;
    setup.python(
        "log('Bash: make', agent='a2', type='tool_call', details='{\"arguments\": {\"command\": \"make all\"}}')
log('half way', agent='a2')
prompt('s', 'and then', 'a2')
message('m', 'I have begun', agent='a2')
db.execute(\"UPDATE prompts SET status = 'completed', response_text = 'done it' WHERE id = 'q'\")",
    );
    for text in ["Bash: make", "make all", "and then", "I have begun"] {
        browser
            .until(&format!(
                "document.querySelector('.turns').textContent.includes('{text}')"
            ))
            .await;
    }
    browser.until_text("[data-id=q]", "done it").await;
    browser.until_text(".part.log", "half way").await;
    // What was being read stays: the same node, unfolded, in its place.
    let same = "return window.turn === document.querySelector('[data-id=q]') && window.turn.innerText.includes('Show less') && document.querySelector('.thread').scrollTop === 200";
    assert_eq!(browser.run(same).await, json!(true));
    browser
        .until_text(".fresh:not([hidden])", "New below")
        .await;
    setup.browser.close().await;
}

#[tokio::test]
async fn a_prompt_has_a_link() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(&format!(
        "{SESSION}\nfor n in range(100): prompt(f'p{{n:03}}', f'number {{n}}\\n\\n' * 9, 'a2', created_at=f'2026-01-01 00:{{n // 60:02}}:{{n % 60:02}}')"
    ));
    let browser = &setup.browser;
    browser
        .goto(&setup.url("/dashboard#/sessions/demo?agent=a2&prompt=p010"))
        .await;
    browser.until_text(".turn.here", "number 10").await;
    browser.until("(({ top }) => top > 0 && top < innerHeight)(document.querySelector('.turn.here').getBoundingClientRect())").await;
    setup.browser.close().await;
}

#[tokio::test]
async fn an_agent_that_is_deleted_while_it_is_shown_is_said_to_be() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(SESSION);
    let browser = &setup.browser;
    browser
        .goto(&setup.url("/dashboard#/sessions/demo?agent=a3"))
        .await;
    browser.until_text(".agent h2", "Tester").await;
    browser.until_badge("live").await;
    setup.python("db.execute(\"DELETE FROM agents WHERE id = 'a3'\")");
    browser.until_text("#notes", "Tester a3 is deleted").await;
    browser
        .until("!document.querySelector('.tree-row[data-id=a3]')")
        .await;
    // No other one is shown in its place, also not by its link.
    browser.until_text(".agent", "There is no agent a3").await;
    browser.reload().await;
    browser.until_text(".agent", "There is no agent a3").await;
    setup.python("db.execute('DELETE FROM agents')");
    browser.until_text("main > .note", "no agents").await;
    browser
        .until("document.querySelector('.head .facts .tally').children.length === 0")
        .await;
    setup.browser.close().await;
}

#[tokio::test]
async fn an_agent_that_is_deleted_beside_the_one_shown_leaves_the_tree() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(SESSION);
    let browser = &setup.browser;
    browser
        .goto(&setup.url("/dashboard#/sessions/demo?agent=a1"))
        .await;
    browser.until_text("[role=tree]", "Tester").await;
    browser.until_badge("live").await;
    setup.python("db.execute(\"DELETE FROM agents WHERE id = 'a3'\")");
    browser
        .until("!document.querySelector('.tree-row[data-id=a3]')")
        .await;
    browser.until_text(".agent h2", "Orchestrator").await;
    setup.browser.close().await;
}

#[tokio::test]
async fn a_workflow_shows_its_steps() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(&format!(
        "{SESSION}\ninsert('ai_developer_workflows', dict(id='demo', adw_name='Add pages', workflow_type='plan_build', status='in_progress', current_step='plan', total_steps=4, completed_steps=1))"
    ));
    let browser = &setup.browser;
    browser.goto(&setup.url("/dashboard#/sessions/demo")).await;
    browser
        .until_text(".workflow", "1 of 4 steps, now: plan")
        .await;
    setup.python("db.execute(\"UPDATE ai_developer_workflows SET completed_steps = 2, current_step = 'build'\")");
    browser
        .until_text(".workflow", "2 of 4 steps, now: build")
        .await;
    setup.browser.close().await;
}

#[tokio::test]
async fn a_person_and_an_agent_talk() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(SESSION);
    let browser = &setup.browser;
    browser
        .goto(&setup.url("/dashboard#/sessions/demo?agent=a2"))
        .await;
    browser.until_text(".turns", "Build it all").await;
    browser
        .type_into(".composer textarea", "Is it *done*?")
        .await;
    browser.press(Key::Enter).await;
    browser
        .until_text(".turn.message[data-sender=user] em", "done")
        .await;
    browser
        .until("document.querySelector('.composer textarea').value === ''")
        .await;
    setup.python(
        "number, = db.execute(\"SELECT id FROM orchestrator_chat WHERE agent_id = 'a2' AND message = 'Is it *done*?' AND sender_type = 'user'\").fetchone()
db.execute(\"UPDATE orchestrator_chat SET delivered_at = datetime('now')\")
message('m2', 'Yes:\\n\\n```sh\\nmake test\\n```', agent='a2', reply_to=number)",
    );
    browser
        .until_text(".turn.message[data-sender=user]", "read")
        .await;
    browser
        .until_text(".turn.message[data-sender=agent] pre code", "make test")
        .await;
    setup.python("db.execute(\"UPDATE agents SET status = 'completed' WHERE id = 'a2'\")");
    browser
        .until("document.querySelector('.composer textarea').disabled")
        .await;
    setup.browser.close().await;
}

#[tokio::test]
async fn a_piece_of_the_time_can_be_looked_at() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python("agent('a1', 'Builder', status='completed', started_at='2026-01-01 00:00:00', completed_at='2026-01-01 01:00:00')");
    let browser = &setup.browser;
    browser.goto(&setup.url("/dashboard#/sessions/demo")).await;
    let ticks = "[...document.querySelectorAll('.axis .tick')].map((tick) => tick.textContent)";
    browser.until(&format!("{ticks}[0] === '0s'")).await;
    let all = browser.run(&format!("return {ticks}")).await;
    browser.click(".zoom button:nth-child(2)").await;
    browser.until(&format!("{ticks}[0] !== '0s'")).await;
    browser.click(".zoom button:nth-child(3)").await;
    browser
        .until(&format!("{ticks}.join() === {all}.join()"))
        .await;
    setup.browser.close().await;
}

#[tokio::test]
async fn only_new_prompts_are_read() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.python(SESSION);
    let browser = &setup.browser;
    browser
        .goto(&setup.url("/dashboard#/sessions/demo?agent=a2"))
        .await;
    browser.until_text(".turns", "Build it all").await;
    browser.run("performance.clearResourceTimings()").await;
    for number in 0..3 {
        setup.python(&format!(
            "prompt('n{number}', 'number {number}', 'a2', created_at='2999-01-01 00:00:0{number}')"
        ));
        browser
            .until_text(".turns", &format!("number {number}"))
            .await;
    }
    let read = "return [...new Set(performance.getEntriesByType('resource').map(({ name }) => new URL(name)).filter(({ pathname }) => pathname === '/api/runtime/prompts').map(({ searchParams }) => searchParams.get('limit')))]";
    assert_eq!(browser.run(read).await, json!(["1"]));
    setup.browser.close().await;
}
