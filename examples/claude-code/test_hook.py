"""Hooks as Claude Code runs them, with recorded events, against the real server."""

import contextlib
import http.server
import json
import os
import pathlib
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from support import Server, until

from orchestrator_client import Client, models

HERE = pathlib.Path(__file__).parent
RECORDED = [json.loads(line) for line in (HERE / "recorded.jsonl").read_text().splitlines()]
SESSION = {"session_id": "4f0c", "cwd": "/home/user/project", "permission_mode": "default"}
REQUEST = {
    **SESSION,
    "hook_event_name": "PermissionRequest",
    "tool_name": "Bash",
    "tool_input": {"command": "rm -rf node_modules", "description": "Remove node_modules directory"},
    "permission_suggestions": [
        {
            "type": "addRules",
            "rules": [{"toolName": "Bash", "ruleContent": "rm -rf node_modules"}],
            "behavior": "allow",
            "destination": "localSettings",
        }
    ],
}
IDLE = {**SESSION, "hook_event_name": "Notification", "message": "Claude waits", "notification_type": "idle_prompt"}


def event(name: str, **fields: Any) -> dict[str, Any]:
    return {**SESSION, "hook_event_name": name, **fields}


def tool(name: str = "PreToolUse", command: str = "ls") -> dict[str, Any]:
    return event(name, tool_name="Bash", tool_input={"command": command}, tool_use_id="toolu_9")


class Hooks:
    """The script, as Claude Code runs it."""

    def __init__(self, spool: pathlib.Path, url: str) -> None:
        self.spool = spool
        self.environment = {"PATH": os.environ["PATH"], "ORCHESTRATOR_URL": url, "ORCHESTRATOR_SPOOL": str(spool)}

    def start(self, given: Any) -> subprocess.Popen[str]:
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen([sys.executable, HERE / "hook.py"], env=self.environment, **pipes)
        assert process.stdin
        process.stdin.write(given if isinstance(given, str) else json.dumps(given))
        process.stdin.close()
        process.stdin = None
        return process

    def run(self, given: Any) -> Any:
        """What a hook answers."""
        process = self.start(given)
        said, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")
        return json.loads(said) if said else None

    def send(self) -> int:
        """Sends what waits, in the foreground."""
        command = [sys.executable, str(HERE / "hook.py"), "--send"]
        return subprocess.run(command, check=False, env=self.environment, capture_output=True, timeout=60).returncode

    def waiting(self) -> list[str]:
        return os.listdir(self.spool / "events")

    def settle(self) -> None:
        """Waits until all is sent."""
        until(lambda: not self.waiting() or (self.send() and False))


@pytest.fixture
def hooks(server: Server, tmp_path: pathlib.Path) -> Iterator[Hooks]:
    hooks = Hooks(tmp_path / "spool", server.url)
    yield hooks
    # Who sends in the background is to be gone before the folder is.
    hooks.settle()
    assert not (hooks.spool / "refused.log").exists()


def question(client: Client) -> models.Message:
    return until(lambda: list(client.list_messages(waiting="user")))[0]


def main_agent(client: Client) -> models.RuntimeAgent:
    return next(iter(client.list_agents(session_id="4f0c", limit=1)))


def see_the_recorded_session(client: Client) -> None:
    subagent, agent = client.list_agents(session_id="4f0c")
    assert {each["id"]: each["name"] for each in client.list_definitions()} == {
        agent["orchestrator_agent_id"]: "Claude Code",
        subagent["orchestrator_agent_id"]: "Claude Code: Explore",
    }
    assert agent["metadata"]["claude_code"]["model"] == "claude-sonnet-5"
    assert [each["status"] for each in client.list_history(agent["id"])] == [
        "initializing", "executing", "reviewing", "planning", "reviewing", "completed",
    ]  # fmt: skip
    assert subagent["parent_agent_id"] == agent["id"]
    assert [each["status"] for each in client.list_history(subagent["id"])] == ["executing", "completed"]
    first, second = client.list_prompts(agent_id=agent["id"])
    assert (first["status"], first["model_used"]) == ("completed", "claude-sonnet-5")
    assert first["prompt_text"] == "Find the API endpoints and run the tests"
    assert first["response_text"] == "12 endpoints; the tests need express."
    assert (second["status"], second["error_message"]) == ("failed", "429 Too Many Requests")
    entries = [(each["log_type"], each["message"]) for each in client.list_agent_logs(agent["id"], order="asc")]
    assert entries == [
        ("milestone", "Session: startup"),
        ("tool_call", "Agent: Find API endpoints"),
        ("performance", "Agent took 48211 ms"),
        ("tool_call", "Bash: npm test"),
        ("error", "Bash failed"),
        ("error", "Denied: Bash: rm -rf /tmp/build"),
        ("milestone", "Authentication has completed"),
        ("milestone", "Compacts its context (manual)"),
        ("milestone", "Session: compact"),
        ("error", "The turn has failed: rate_limit"),
        ("milestone", "Session ended: prompt_input_exit"),
    ]
    of_subagent = [each["message"] for each in client.list_agent_logs(subagent["id"], order="asc")]
    assert of_subagent == ["Subagent: started", "Grep: router", "Grep took 12 ms", "Found 12 endpoints"]


def test_a_session(hooks: Hooks, client: Client) -> None:
    for each in RECORDED:
        assert hooks.run(each) is None
    hooks.settle()
    see_the_recorded_session(client)


def test_a_session_while_the_server_is_away(server: Server, tmp_path: pathlib.Path) -> None:
    hooks = Hooks(tmp_path / "spool", server.url)
    server.kill()
    for each in RECORDED:
        assert hooks.run(each) is None
    assert hooks.send() == 1
    assert len(hooks.waiting()) == len(RECORDED)
    server.start()
    hooks.settle()
    with server.client() as client:
        see_the_recorded_session(client)
    assert not (hooks.spool / "refused.log").exists()


@contextlib.contextmanager
def before(server: Server, meddle: Callable[[str, str, tuple[Any, ...]], bool]) -> Iterator[str]:
    """Something that passes requests on to the server, and loses the answer to those for which `meddle`, which is called
    beforehand, gives false."""

    class Proxy(http.server.BaseHTTPRequestHandler):
        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            is_answered = meddle(self.command, self.path, (body, self.headers.get("Idempotency-Key")))
            answer = httpx.request(self.command, server.url + self.path, content=body, headers=dict(self.headers))
            if is_answered:
                self.send_response(answer.status_code)
                self.end_headers()
                self.wfile.write(answer.content)

        do_GET = do_POST = do_PATCH = pass_on

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}"
        finally:
            proxy.shutdown()
            thread.join()


def test_what_was_done_and_not_answered_is_done_once(
    client: Client, server: Server, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = Hooks(tmp_path / "spool", "http://127.0.0.1:1")
    for each in RECORDED:
        hooks.run(each)
    seen = set()

    def is_no_first_write(method: str, path: str, what: tuple[Any, ...]) -> bool:
        is_known = method == "GET" or (method, path, what) in seen
        seen.add((method, path, what))
        return is_known

    failures = 0
    with before(server, is_no_first_write) as url:
        monkeypatch.setenv("ORCHESTRATOR_URL", url)
        monkeypatch.setenv("ORCHESTRATOR_SPOOL", str(hooks.spool))
        # In this process, as it is to be done so often.
        script = runpy.run_path(str(HERE / "hook.py"))
        while hooks.waiting():
            try:
                script["send"]()
            except script["Away"]:
                failures += 1
                assert failures < 300, "it does the same again and again"
    assert failures == len([method for method, _, _ in seen if method != "GET"]) > len(RECORDED)
    see_the_recorded_session(client)
    assert not (hooks.spool / "refused.log").exists()


def test_a_session_that_is_resumed_is_another_agent(server: Server, tmp_path: pathlib.Path) -> None:
    hooks = Hooks(tmp_path / "spool", server.url)
    server.kill()
    # All of it is sent by one process.
    for name in ("SessionStart", "SessionEnd", "SessionStart", "Stop"):
        hooks.run(event(name))
    server.start()
    hooks.settle()
    with server.client() as client:
        assert [each["status"] for each in client.list_agents(order="asc")] == ["completed", "reviewing"]
        client.delete_agent(main_agent(client)["id"])
        hooks.run(event("Stop"))
        hooks.settle()
    assert not (hooks.spool / "refused.log").exists()


@pytest.mark.parametrize(
    ("answer", "decision"),
    [
        ("allow", {"behavior": "allow"}),
        ("always allow", {"behavior": "allow", "updatedPermissions": REQUEST["permission_suggestions"]}),
        ("deny", {"behavior": "deny", "message": "The user has answered on the board: deny"}),
        ("use npm ci", {"behavior": "deny", "message": "The user has answered on the board: use npm ci"}),
    ],
)
def test_a_permission_request_is_decided_on_the_board(
    hooks: Hooks, client: Client, answer: str, decision: dict[str, Any]
) -> None:
    hooks.run(RECORDED[0])
    process = hooks.start(REQUEST)
    asked = question(client)
    assert asked["message"] == "Bash: rm -rf node_modules (Remove node_modules directory)"
    assert asked["options"] == ["allow", "always allow", "deny"]
    client.answer(asked["id"], answer)
    said, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    output = json.loads(said)["hookSpecificOutput"]
    assert output == {"hookEventName": "PermissionRequest", "decision": decision}
    hooks.settle()
    newest = next(iter(client.list_agent_logs(main_agent(client)["id"])))
    assert newest["message"] == f"Permission: Bash: rm -rf node_modules: {answer}"


def test_a_permission_request_that_nobody_answers(hooks: Hooks, client: Client) -> None:
    hooks.environment["PERMISSION_SECONDS"] = "1"
    assert hooks.run(REQUEST) is None
    assert next(client.list_messages(order="asc"))["options"] == ["allow", "always allow", "deny"]
    assert list(client.list_messages(waiting="user")) == []
    hooks.environment["PERMISSION_SECONDS"] = "0"
    assert hooks.run(REQUEST) is None
    assert hooks.run({**REQUEST, "tool_name": "AskUserQuestion"}) is None
    assert len(list(client.list_messages())) == 2


def test_an_answer_at_the_last_moment_decides(client: Client, server: Server, tmp_path: pathlib.Path) -> None:
    def answer_before_the_last_look(method: str, path: str, what: tuple[Any, ...]) -> bool:
        if "waiting=user" in path:
            for each in client.list_messages(waiting="user"):
                client.answer(each["id"], "allow")
        return True

    with before(server, answer_before_the_last_look) as url:
        hooks = Hooks(tmp_path / "spool", url)
        hooks.environment["PERMISSION_SECONDS"] = "1"
        output = hooks.run(REQUEST)
        hooks.settle()
    assert output["hookSpecificOutput"]["decision"] == {"behavior": "allow"}


def test_a_permission_request_that_is_decided_at_the_terminal(hooks: Hooks, client: Client) -> None:
    # Also in the moment after it has asked.
    for _ in range(20):
        process = hooks.start(REQUEST)
        while not list(client.list_messages(waiting="user")):
            assert process.poll() is None
        process.terminate()
        assert process.communicate(timeout=60) == ("", "")
        assert process.returncode == 0
        assert list(client.list_messages(waiting="user")) == []
    # Nor does one stay whose hook had no chance to say so.
    for done in (tool("PostToolUse", "rm -rf node_modules"), event("Stop")):
        process = hooks.start(REQUEST)
        question(client)
        hooks.run(tool("PostToolUse", "ls"))
        hooks.settle()
        question(client)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        hooks.run(done)
        hooks.settle()
        assert list(client.list_messages(waiting="user")) == []


def test_a_session_that_waits_is_answered(hooks: Hooks, client: Client) -> None:
    process = hooks.start(IDLE)
    client.answer(question(client)["id"], "Now add tests")
    assert process.communicate(timeout=60) == ("", "The user has answered on the board: Now add tests\n")
    assert process.returncode == 2
    # What is just written to it does the same.
    process = hooks.start(IDLE)
    question(client)
    client.tell(main_agent(client)["id"], "And docs")
    assert process.communicate(timeout=60) == ("", "The user has answered on the board: And docs\n")
    assert process.returncode == 2
    hooks.settle()
    assert hooks.run(tool()) is None
    assert list(client.list_messages(waiting="user")) == []


def test_a_session_that_is_answered_at_the_terminal(hooks: Hooks, client: Client) -> None:
    process = hooks.start(IDLE)
    question(client)
    hooks.run(event("UserPromptSubmit", prompt="Now add tests"))
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 0


def test_claude_reads_what_is_written_to_it(hooks: Hooks, client: Client) -> None:
    hooks.run(event("UserPromptSubmit", prompt="Add pages"))
    hooks.settle()
    agent = main_agent(client)["id"]
    client.tell(agent, "Stop at noon")
    client.tell(agent, "Use tabs")
    # It hears of them with what it sends.
    assert hooks.run(tool()) is None
    hooks.settle()
    output = hooks.run(tool())["hookSpecificOutput"]
    texts = "The user has written on the board: Stop at noon\nThe user has written on the board: Use tabs"
    assert output == {"hookEventName": "PreToolUse", "additionalContext": texts}
    hooks.settle()
    assert client.receive_messages(agent) == []
    assert hooks.run(tool()) is None


def test_it_is_stopped(hooks: Hooks, client: Client) -> None:
    hooks.run(event("UserPromptSubmit", prompt="Add pages"))
    hooks.run(event("SubagentStart", agent_id="a4d2c8f1", agent_type="Explore"))
    hooks.settle()
    subagent, agent = client.list_agents()
    client.cancel_agent(agent["id"])
    hooks.run(tool())
    hooks.settle()
    stopped = {"continue": False, "stopReason": "Somebody has asked for this on the board."}
    assert hooks.run({**tool(), "agent_id": "a4d2c8f1"}) == stopped
    hooks.settle()
    assert [each["status"] for each in client.list_agents()] == ["cancelled", "cancelled"]
    assert [each["status"] for each in client.list_prompts(agent_id=agent["id"])] == ["cancelled"]
    # The session goes on with the next prompt, as another agent.
    hooks.run(event("UserPromptSubmit", prompt="Something else"))
    assert hooks.run(tool()) is None
    hooks.settle()
    assert (main_agent(client)["status"], main_agent(client)["id"] != agent["id"]) == ("executing", True)
    assert subagent["parent_agent_id"] == agent["id"]


def test_what_is_long_is_cut(hooks: Hooks, client: Client) -> None:
    response = {"stdout": "x" * 5_000_000, "rows": [{"name": "y" * 9000}] * 1000}
    hooks.run({**tool("PostToolUse"), "tool_response": response})
    hooks.settle()
    (entry,) = client.list_agent_logs(main_agent(client)["id"])
    assert entry["details"]["tool_response"]["stdout"] == "x" * 10_000 + "…"
    assert len(entry["details"]["tool_response"]["rows"]) == 10_001


@pytest.mark.parametrize("given", ["", "{}", "[]", "null", "not JSON", '{"session_id": 1, "hook_event_name": "Stop"}'])
def test_what_is_no_event(tmp_path: pathlib.Path, given: str) -> None:
    assert Hooks(tmp_path / "spool", "http://127.0.0.1:1").run(given) is None


def test_an_event_that_makes_no_sense_holds_up_no_other(server: Server, client: Client, tmp_path: pathlib.Path) -> None:
    hooks = Hooks(tmp_path / "spool", server.url)
    hooks.run(event("PreToolUse"))
    hooks.run(event("Unheard", of=True))
    hooks.run(event("UserPromptSubmit", prompt=["no", "text"]))
    hooks.run(event("Stop", last_assistant_message="Done"))
    hooks.settle()
    assert main_agent(client)["status"] == "reviewing"
    assert len((hooks.spool / "refused.log").read_text().splitlines()) == 2


def test_where_nothing_can_be_written(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").touch()
    hooks = Hooks(tmp_path / "file/spool", "no address")
    hooks.environment |= {"PERMISSION_SECONDS": "soon", "API_TOKEN": "two\nlines"}
    assert hooks.run(tool()) is None
    assert hooks.run(REQUEST) is None


def test_a_server_that_does_not_answer_holds_up_nothing(tmp_path: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hooks = Hooks(tmp_path / "spool", f"http://127.0.0.1:{silent.getsockname()[1]}")
        for each in RECORDED:
            assert hooks.run(each) is None
        assert hooks.run(REQUEST) is None
        assert len(hooks.waiting()) == len(RECORDED) + 1


def test_settings() -> None:
    settings = json.loads((HERE / "settings.json").read_text())["hooks"]
    handled = {each["hook_event_name"] for each in [*RECORDED, REQUEST]}
    assert set(settings) == handled
    script = "~/.claude/hooks/orchestrator.py"
    assert script in (HERE / "README.md").read_text()
    for (matcher,) in settings.values():
        (hook,) = matcher["hooks"]
        assert hook["command"] == f"python3 {script}"
