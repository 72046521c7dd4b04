#!/usr/bin/env python3
"""Shows a session of Claude Code on the board, and lets people steer it from there.

    hook.py           # what Claude Code calls, for each of its hooks, with the event on standard input
    hook.py --send    # sends what waits to be sent, as every hook does in the background

Needs Python 3.9 on Linux or macOS, and nothing else. The environment may set ORCHESTRATOR_URL (http://localhost:8000),
API_TOKEN, ORCHESTRATOR_SPOOL (where events wait: ~/.local/state/orchestrator-claude-code), PERMISSION_SECONDS (30: how long
a permission request waits for an answer on the board; 0 asks nobody there) and IDLE_SECONDS (600: the same for a session
that waits for its user).

A hook writes its event into a file and returns: it waits for no server. A process of its own sends the files in order, one
at a time; while the server is away they stay. Each request has a key that follows from its event, so that it may be sent
again and still happens once. Nothing that goes wrong here ends in anything but exit code 0 and silence.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

URL = os.environ.get("ORCHESTRATOR_URL", "http://localhost:8000").rstrip("/")
TOKEN = os.environ.get("API_TOKEN")
STATE = os.path.expanduser(os.environ.get("XDG_STATE_HOME") or "~/.local/state")
SPOOL = pathlib.Path(os.environ.get("ORCHESTRATOR_SPOOL") or f"{STATE}/orchestrator-claude-code")
EVENTS = SPOOL / "events"
# For a hook that answers nothing. Claude Code gives those at the end of a session 1.5 s.
HOOK_SECONDS = 1
REQUEST_SECONDS = 5
SEND_SECONDS = 120
# With more, new events are dropped: somebody has forgotten that there is no server any more.
MOST_EVENTS = 10_000
LONGEST_TEXT, LONGEST_VALUE = 10_000, 100_000
ENDED = ("completed", "failed", "cancelled")


# Events wait in files, whose names sort as they came.


def prepare():
    """Makes the folders, which have what somebody says to Claude, and so are nobody else's."""
    SPOOL.mkdir(mode=0o700, parents=True, exist_ok=True)
    EVENTS.mkdir(mode=0o700, exist_ok=True)


def spool(event):
    prepare()
    if len(os.listdir(EVENTS)) >= MOST_EVENTS:
        return
    now = time.time_ns()
    name = f"{now:020}-{os.getpid()}"
    text = json.dumps({**{key: shortened(value) for key, value in event.items()}, "at": now / 1e9})
    # A process that is ended meanwhile leaves no half of an event.
    unfinished = SPOOL / f"{name}.new"
    unfinished.write_text(text)
    unfinished.rename(EVENTS / f"{name}.json")


def shortened(value):
    """A value whose texts are not long, and that is not either."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else value[:LONGEST_TEXT] + "…"
    if isinstance(value, (dict, list)):
        keys = value.items() if isinstance(value, dict) else enumerate(value)
        short = {key: shortened(each) for key, each in keys}
        short = short if isinstance(value, dict) else list(short.values())
        text = json.dumps(short)
        return short if len(text) <= LONGEST_VALUE else text[:LONGEST_TEXT] + "…"
    return value


@contextlib.contextmanager
def turn(seconds):
    """The turn to send, for one process at a time. Gives whether it is this one's."""
    prepare()
    end = time.monotonic() + seconds
    with open(SPOOL / "lock", "w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() >= end:
                    yield False
                    return
                time.sleep(0.02)
        yield True


def send_in_background():
    with turn(0) as is_free:
        pass
    # Who sends now looks for more once it is done.
    if is_free:
        nowhere = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.Popen([sys.executable, __file__, "--send"], start_new_session=True, cwd=SPOOL, **nowhere)


def send():
    end = time.monotonic() + SEND_SECONDS
    while time.monotonic() < end:
        with turn(end - time.monotonic()) as is_free:
            if not is_free:
                return
            Sender().send_all(end)
        # One that came after the last look, and found somebody else at it.
        if not os.listdir(EVENTS):
            return


# Requests.


class Away(Exception):
    """The server is not there, is busy, or wants another token: later it may do what was asked."""


class Refused(Exception):
    """The server does not do this, now or later."""

    def __init__(self, status, what):
        super().__init__(what)
        self.status = status


def request(method, path, body=None, key=None, wait=0):
    # Only who sends needs these, and they take a while.
    import http.client
    import urllib.error
    import urllib.request

    headers = {"Content-Type": "application/json"}
    if TOKEN:
        headers["Authorization"] = f"Bearer {TOKEN}"
    if key:
        headers["Idempotency-Key"] = key
    data = None if body is None else json.dumps(body).encode()
    try:
        whole = urllib.request.Request(URL + path, data, headers, method=method)
        with urllib.request.urlopen(whole, timeout=REQUEST_SECONDS + wait) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        what = f"{method} {path}: {error.code} {error.read(1000).decode(errors='replace')}"
        if error.code in (401, 403, 408, 421, 429) or error.code >= 500:
            raise Away(what) from None
        raise Refused(error.code, what) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Away(f"{method} {path}: {error}") from None


def query(path, **parameters):
    import urllib.parse

    return request("GET", f"{path}?{urllib.parse.urlencode(parameters)}")


# What each event becomes.


class Sender:
    """Sends events in their order. What it has to know of a session, it asks the server."""

    def __init__(self):
        self.agents = {}
        self.event, self.key = {}, ""

    def send_all(self, end):
        while files := sorted(EVENTS.glob("*.json")):
            for file in files:
                if time.monotonic() > end:
                    return
                try:
                    self.send(json.loads(file.read_text()), file.stem)
                except Away:
                    raise
                except Exception as error:  # noqa: BLE001
                    # It would be so the next time too, and those after it are to be sent.
                    with open(SPOOL / "refused.log", "a") as log:
                        print(file.stem, repr(error), file=log)
                file.unlink()
        for session, _ in [each for each in self.agents if each[1] is None]:
            # Where somebody has deleted it, nobody wants anything from it.
            with contextlib.suppress(Refused):
                self.hear(session)

    def send(self, event, key):
        self.event, self.key = event, key
        name = event["hook_event_name"]
        if name[:1].isupper() and hasattr(self, name):
            getattr(self, name)(self.agent(event), event)

    def post(self, path, body, what):
        return request("POST", path, body, f"claude-code {self.key} {what}")

    def change(self, path, **fields):
        # Who has ended has ended, whatever comes late; and who was deleted is gone.
        with contextlib.suppress(Refused):
            request("PATCH", path, fields)

    def agent(self, event):
        """The running agent of the session, or of a subagent in it: the newest there is, else a new one."""
        session, subagent = event["session_id"], event.get("agent_id")
        begins = event["hook_event_name"] in (("SubagentStart",) if subagent else ("SessionStart", "UserPromptSubmit"))
        known = self.agents.get((session, subagent)) or self.find(session, subagent)
        if known is None or (begins and known["status"] in ENDED):
            known = self.make(event, session, subagent)
        self.agents[session, subagent] = known
        return known

    def find(self, session, subagent):
        for each in query("/api/runtime/agents", session_id=session, limit=1000):
            about = (each["metadata"] or {}).get("claude_code")
            if about and about.get("agent_id") == subagent:
                return each
        return None

    def make(self, event, session, subagent):
        parent = self.agent({"session_id": session, "hook_event_name": ""})["id"] if subagent else None
        name = f"Claude Code: {event['agent_type']}"[:255] if event.get("agent_type") else "Claude Code"
        what = "subagent" if subagent else "agent"
        names = ("agent_id", "cwd", "transcript_path", "model", "source")
        about = {"agent_id": None, **{each: event[each] for each in names if event.get(each)}}
        made = {
            "orchestrator_agent_id": self.definition(name, what),
            "session_id": session,
            "parent_agent_id": parent,
            "status": "executing" if subagent else "initializing",
            "metadata": {"claude_code": about},
        }
        return self.post("/api/runtime/agents", made, what)

    def definition(self, name, what):
        try:
            return self.post("/api/agents", {"name": name, "agent_type": "builder"}, f"definition of {what}")["id"]
        except Refused as refused:
            # The name is taken.
            if refused.status != 409:
                raise
        return next(each["id"] for each in query("/api/agents", q=name, limit=1000) if each["name"] == name)

    def log(self, agent, log_type, message, details=None, level="INFO"):
        seconds, milliseconds = divmod(int(self.event["at"] * 1000), 1000)
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{milliseconds:03}Z"
        entry = {"agent_id": agent["id"], "log_type": log_type, "log_level": level, "message": message}
        self.post("/api/runtime/logs", {**entry, "details": details, "created_at": at}, "log")

    def finish_prompts(self, agent, status, besides=None, **fields):
        for prompt in query("/api/runtime/prompts", agent_id=agent["id"], status="streaming", limit=100):
            if prompt["id"] != besides:
                self.change(f"/api/runtime/prompts/{prompt['id']}", status=status, **fields)

    def take_back(self, agent, matches=lambda about: True):
        """Nobody is to answer what has been decided elsewhere."""
        for question in query("/api/runtime/messages", agent_id=agent["id"], waiting="user"):
            about = (question["metadata"] or {}).get("claude_code")
            # One that was asked later is of something else.
            if about and about["at"] < self.event["at"] and matches(about):
                take_back(question)

    def hear(self, session):
        """Leaves word of what people want from the session, for its next hook."""
        path = f"/api/runtime/agents/{self.agents[session, None]['id']}"
        agent = request("GET", path)
        if agent["status"] in ENDED:
            word(session).unlink(missing_ok=True)
            word(session).with_suffix(".told").unlink(missing_ok=True)
            return
        # An answer has its own reader.
        said = [each for each in query(f"{path}/messages", limit=100) if each["reply_to"] is None]
        if agent["cancel_requested"] or said:
            told = [[each["number"], each["message"]] for each in said]
            write(word(session), json.dumps({"stop": agent["cancel_requested"], "told": told}))
        else:
            word(session).unlink(missing_ok=True)

    def end(self, agent, status):
        """Ends an agent, with those that it has started and whose end nobody tells."""
        for each in query("/api/runtime/agents", parent_agent_id=agent["id"], limit=1000):
            if each["status"] not in ENDED:
                self.change(f"/api/runtime/agents/{each['id']}", status="cancelled")
        self.finish_prompts(agent, "cancelled")
        self.take_back(agent)
        self.change(f"/api/runtime/agents/{agent['id']}", status=status)
        agent["status"] = status

    def SessionStart(self, agent, event):
        self.log(agent, "milestone", f"Session: {event.get('source', 'started')}")

    def UserPromptSubmit(self, agent, event):
        prompt = {
            "agent_id": agent["id"],
            "prompt_type": "command",
            "prompt_text": event["prompt"],
            "status": "streaming",
        }
        prompt["model_used"] = (agent["metadata"] or {}).get("claude_code", {}).get("model")
        made = self.post("/api/runtime/prompts", prompt, "prompt")
        # An interrupted one has no other end.
        self.finish_prompts(agent, "cancelled", besides=made["id"])
        self.take_back(agent)
        status = "planning" if event.get("permission_mode") == "plan" else "executing"
        self.change(f"/api/runtime/agents/{agent['id']}", status=status)

    def PreToolUse(self, agent, event):
        details = {"tool_input": event.get("tool_input"), "tool_use_id": event.get("tool_use_id")}
        self.log(agent, "tool_call", summary(event), details)

    def PostToolUse(self, agent, event):
        details = {"tool_use_id": event.get("tool_use_id"), "tool_response": event.get("tool_response")}
        took = f" took {event['duration_ms']} ms" if "duration_ms" in event else " is done"
        self.log(agent, "performance", event["tool_name"] + took, details, "DEBUG")
        self.take_back(agent, lambda about: about.get("asked") == summary(event))

    def PostToolUseFailure(self, agent, event):
        details = {"tool_use_id": event.get("tool_use_id"), "error": event.get("error")}
        self.log(agent, "error", f"{event['tool_name']} failed", details, "ERROR")
        self.take_back(agent, lambda about: about.get("asked") == summary(event))

    def PermissionDenied(self, agent, event):
        self.log(agent, "error", f"Denied: {summary(event)}", {"reason": event.get("reason")}, "WARNING")

    def PermissionRequest(self, agent, event):
        decision = event.get("decision") or "left to the terminal"
        self.log(agent, "milestone", f"Permission: {summary(event)}: {decision}")

    def Notification(self, agent, event):
        # A permission request is an event of its own.
        if event.get("notification_type") != "permission_prompt":
            self.log(agent, "milestone", event["message"], {"notification_type": event.get("notification_type")})

    def SubagentStart(self, agent, event):
        self.log(agent, "milestone", "Subagent: started")

    def SubagentStop(self, agent, event):
        self.log(agent, "milestone", event.get("last_assistant_message") or "Subagent: finished")
        self.end(agent, "completed")

    def Stop(self, agent, event):
        self.finish_prompts(agent, "completed", response_text=event.get("last_assistant_message"))
        self.take_back(agent)
        self.change(f"/api/runtime/agents/{agent['id']}", status="reviewing")

    def StopFailure(self, agent, event):
        error = event.get("error_details") or event.get("error")
        self.log(agent, "error", f"The turn has failed: {event.get('error')}", {"error": error}, "ERROR")
        self.finish_prompts(agent, "failed", error_message=error)
        self.change(f"/api/runtime/agents/{agent['id']}", status="reviewing")

    def PreCompact(self, agent, event):
        self.log(agent, "milestone", f"Compacts its context ({event.get('trigger')})")

    def SessionEnd(self, agent, event):
        self.log(agent, "milestone", f"Session ended: {event.get('reason')}")
        self.end(agent, "completed")

    def Stopped(self, agent, event):
        """Not a hook of Claude Code, but what this script has done at somebody's wish."""
        self.end(agent, "cancelled")

    def Told(self, agent, event):
        """The same: Claude has what was said up to this number."""
        request("POST", f"/api/runtime/agents/{agent['id']}/messages/ack", {"up_to": event["number"]})


def summary(event):
    """A tool call in one line."""
    given = event.get("tool_input") or {}
    for name in ("command", "file_path", "pattern", "url", "query", "description"):
        if isinstance(given, dict) and isinstance(given.get(name), str):
            return f"{event['tool_name']}: {given[name][:500]}"
    return event["tool_name"]


# What people answer and say.


def word(session):
    return SPOOL / f"session-{''.join(each if each.isalnum() else '_' for each in session)}"


def write(file, text):
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    unfinished.write_text(text)
    unfinished.rename(file)


def pass_on(event):
    """Tells Claude, before a tool call, what people have said since the last one, and stops it where they want that. What
    they want was left here when the events before were sent, so this asks no server."""
    file = word(event["session_id"])
    try:
        left = json.loads(file.read_text())
    except (OSError, ValueError):
        return
    if left["stop"]:
        # This stays until the server knows that it is done: subagents are to stop too.
        spool({"session_id": event["session_id"], "hook_event_name": "Stopped"})
        print(json.dumps({"continue": False, "stopReason": "Somebody has asked for this on the board."}))
    elif "agent_id" not in event:
        file.unlink(missing_ok=True)
        told = [(number, text) for number, text in left["told"] if number > last_told(event)]
        if told:
            note_told(event, told[-1][0])
            text = "\n".join(f"The user has written on the board: {text}" for _, text in told)
            print(json.dumps({"hookSpecificOutput": {"hookEventName": "PreToolUse", "additionalContext": text}}))


def last_told(event):
    """The number of the last message that Claude was told."""
    try:
        return int(word(event["session_id"]).with_suffix(".told").read_text())
    except (OSError, ValueError):
        return 0


def note_told(event, number):
    write(word(event["session_id"]).with_suffix(".told"), str(number))
    spool({"session_id": event["session_id"], "hook_event_name": "Told", "number": number})


def take_back(question):
    """Answers a question that nobody waits for any more; where somebody just has, that stands."""
    message = {"sender_type": "agent", "receiver_type": "user", "reply_to": question["id"]}
    with contextlib.suppress(Refused):
        request("POST", "/api/runtime/messages", {**message, "message": "Not needed any more"})


def ask(event, text, options, seconds):
    """Asks people, and gives their answer; None where there is none in time, or was one elsewhere. Without options, what is
    said meanwhile is an answer too."""
    end = time.monotonic() + seconds
    sender = Sender()
    # What was before comes first; and who is asked has to be there.
    with turn(2) as is_free:
        if not is_free:
            return None
        sender.send_all(time.monotonic() + 5)
    sender.key = f"{time.time_ns()}-{os.getpid()}"
    agent = sender.agent(event)
    about = {"claude_code": {"at": time.time(), "asked": summary(event) if "tool_name" in event else None}}
    message = {"agent_id": agent["id"], "sender_type": "agent", "receiver_type": "user", "message": text}

    def give_up(*_):
        take_back(question)
        os._exit(0)

    # Claude Code ends a hook whose answer it has got elsewhere, or that takes too long: while it asks, as soon as it has.
    ends = {signal.SIGTERM, signal.SIGALRM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    try:
        question = request("POST", "/api/runtime/messages", {**message, "options": options, "metadata": about})
        for end_of_hook in ends:
            signal.signal(end_of_hook, give_up)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ends)
    after = question["number"] if options else last_told(event)
    is_over = False
    while True:
        # Once it is over, there is one more look: somebody may have answered since the last one.
        wait = 0 if is_over else max(1, min(int(end - time.monotonic()), 5))
        path = f"/api/runtime/agents/{agent['id']}/messages?after={after}&wait={wait}"
        for message in request("GET", path, wait=wait):
            after = message["number"]
            if message["reply_to"] == question["id"]:
                return message["message"]
            if message["reply_to"] is None and not options:
                note_told(event, after)
                take_back(question)
                return message["message"]
        if is_over:
            return None
        waiting = query("/api/runtime/messages", agent_id=agent["id"], waiting="user")
        is_over = question["id"] not in [each["id"] for each in waiting]
        if not is_over and time.monotonic() >= end:
            take_back(question)
            is_over = True


def ask_for_permission(event):
    seconds = given_seconds("PERMISSION_SECONDS", 30)
    if seconds <= 0:
        return
    signal.setitimer(signal.ITIMER_REAL, seconds + 15)
    suggestions = event.get("permission_suggestions")
    options = ["allow", "always allow", "deny"] if suggestions else ["allow", "deny"]
    why = (event.get("tool_input") or {}).get("description")
    answer = ask(event, summary(event) + (f" ({why})" if why else ""), options, seconds)
    if answer is None:
        return
    decision = {"behavior": "allow"}
    if answer == "always allow":
        decision["updatedPermissions"] = suggestions
    elif answer != "allow":
        # Any other text says what to do instead.
        decision = {"behavior": "deny", "message": f"The user has answered on the board: {answer}"}
    event["decision"] = answer
    print(json.dumps({"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": decision}}))


def ask_what_next(event):
    """Asks for a session that waits, and gives the exit code, which with "asyncRewake" wakes Claude."""
    seconds = given_seconds("IDLE_SECONDS", 600)
    if seconds <= 0:
        return 0
    signal.setitimer(signal.ITIMER_REAL, seconds + 15)
    answer = ask(event, event["message"], [], seconds)
    if answer is None:
        return 0
    print(f"The user has answered on the board: {answer}", file=sys.stderr)
    return 2


def given_seconds(name, otherwise):
    try:
        return float(os.environ[name])
    except (KeyError, ValueError):
        return otherwise


def hook():
    event = json.load(sys.stdin)
    name, session = event["hook_event_name"], event["session_id"]
    if not isinstance(session, str):
        return 0
    code = 0
    # These two are answered by choosing or approving something, which is done at the terminal.
    if name == "PermissionRequest" and event["tool_name"] not in ("AskUserQuestion", "ExitPlanMode"):
        with contextlib.suppress(Away, Refused):
            ask_for_permission(event)
    elif name == "PreToolUse":
        pass_on(event)
    spool(event)
    if name == "Notification" and event.get("notification_type") == "idle_prompt":
        with contextlib.suppress(Away, Refused):
            code = ask_what_next(event)
    send_in_background()
    return code


def main():
    if sys.argv[1:] == ["--send"]:
        try:
            send()
        except (Away, OSError) as error:
            sys.exit(str(error))
        return
    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, HOOK_SECONDS)
    try:
        code = hook()
    except Exception:  # noqa: BLE001
        # The session that is watched comes first.
        code = 0
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
