#!/usr/bin/env python3
"""An agent that shows on the board: all that a process sends, from its start to its end.

    python3 examples/agent.py [SESSION]

Needs Python 3.9 and nothing else. The environment may set ORCHESTRATOR_URL (http://localhost:8000), API_TOKEN,
LEASE_SECONDS (15: after how long without a heartbeat the agent counts as lost), WORK_SECONDS (2: how long each piece
of its pretended work takes) and ANSWER_SECONDS (10: how long it waits for an answer to its question). Who answers it and
writes to it uses examples/steer.py. Ctrl-C cancels it, and so does

    curl -X PATCH localhost:8000/api/runtime/agents/ID -H 'Content-Type: application/json' \\
        -d '{"cancel_requested": true}'
"""

import http.client
import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

URL = os.environ.get("ORCHESTRATOR_URL", "http://localhost:8000").rstrip("/")
TOKEN = os.environ.get("API_TOKEN")
LEASE_SECONDS = int(os.environ.get("LEASE_SECONDS", "15"))
WORK_SECONDS = float(os.environ.get("WORK_SECONDS", "2"))
ANSWER_SECONDS = float(os.environ.get("ANSWER_SECONDS", "10"))
TRIES = 8


class Failed(Exception):
    """A request that had no success, with the status of the answer, if there was one."""

    def __init__(self, what, status=None):
        super().__init__(what)
        self.status = status


class Cancelled(Exception):
    """Somebody asked the agent to stop."""


def request(method, path, body=None, key=None):
    """Sends a request, again while the server is away or busy, and gives the answer."""
    headers = {"Content-Type": "application/json"}
    if TOKEN:
        headers["Authorization"] = f"Bearer {TOKEN}"
    if method == "POST":
        # All tries have one key: the server does it once, and gives the first answer again.
        headers["Idempotency-Key"] = key or str(uuid.uuid4())
    data = None if body is None else json.dumps(body).encode()
    for attempt in range(1, TRIES + 1):
        pause = min(0.25 * 2**attempt, 5)
        try:
            whole = urllib.request.Request(URL + path, data, headers, method=method)
            with urllib.request.urlopen(whole, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            detail = error.read().decode(errors="replace")
            failed = Failed(f"{method} {path}: {error.code} {detail}", error.code)
            if error.code != 503:
                raise failed from None
            pause = float(error.headers.get("Retry-After", pause))
        except (OSError, http.client.HTTPException) as error:
            failed = Failed(f"{method} {path}: {error}")
        if attempt < TRIES:
            print(f"{failed}; trying again in {pause:g} s", file=sys.stderr)
            time.sleep(pause)
    raise failed


def definition(name, agent_type):
    """The id of the definition of this name, which is made where there is none."""
    try:
        return request("POST", "/api/agents", {"name": name, "agent_type": agent_type})["id"]
    except Failed as error:
        # The name is taken.
        if error.status != 409:
            raise
    found = request("GET", "/api/agents?" + urllib.parse.urlencode({"q": name}))
    return next(each["id"] for each in found if each["name"] == name)


class Agent:
    """A running agent, which sends heartbeats and hears messages from its start on."""

    def __init__(self, definition_id, session):
        agent = {"orchestrator_agent_id": definition_id, "session_id": session}
        self.id = request("POST", "/api/runtime/agents", agent)["id"]
        self.path = f"/api/runtime/agents/{self.id}"
        self.cancelled = threading.Event()
        self.answers = {}
        self.heard = threading.Condition()
        threading.Thread(target=self.heartbeats, daemon=True).start()
        threading.Thread(target=self.listen, daemon=True).start()

    def heartbeats(self):
        """Says that the agent is alive, several times in each lease, and hears whether it is to stop."""
        while not self.cancelled.is_set():
            try:
                answer = request("POST", f"{self.path}/heartbeat", {"lease_seconds": LEASE_SECONDS})
                if answer["cancel_requested"]:
                    self.cancelled.set()
            except Failed as error:
                # Finished, by this program or by another; then the next change will fail.
                if error.status == 409:
                    return
                print(error, file=sys.stderr)
            self.cancelled.wait(LEASE_SECONDS / 3)

    def listen(self):
        """Acts on messages in their order, and acknowledges each after that. One that was not acknowledged comes again,
        also after a crash of either side; so what is done for it has a key, and happens once."""
        while not self.cancelled.is_set():
            try:
                for message in request("GET", f"{self.path}/messages?wait=20"):
                    self.act_on(message)
                    request("POST", f"{self.path}/messages/ack", {"up_to": message["number"]})
            except Failed as error:
                print(error, file=sys.stderr)
                self.cancelled.wait(1)

    def act_on(self, message):
        if message["reply_to"] is not None:
            with self.heard:
                self.answers[message["reply_to"]] = message["message"]
                self.heard.notify_all()
            return
        print(f"told: {message['message']}", flush=True)
        self.say(f"Heard: {message['message']}", message["id"], key=f"reply to {message['id']}")

    def say(self, text, reply_to=None, key=None, **more):
        message = {"agent_id": self.id, "sender_type": "agent", "receiver_type": "user", "message": text}
        return request("POST", "/api/runtime/messages", {**message, "reply_to": reply_to, **more}, key)

    def question(self, text, options, otherwise):
        """Asks a person, and gives the answer; `otherwise` where none comes in time."""
        question = self.say(text, options=options)["id"]

        def wait(seconds):
            end = time.monotonic() + seconds
            with self.heard:
                while question not in self.answers and time.monotonic() < end:
                    if self.cancelled.is_set():
                        raise Cancelled
                    self.heard.wait(min(0.2, max(end - time.monotonic(), 0)))
                return self.answers.get(question)

        answer = wait(ANSWER_SECONDS)
        if answer is None:
            try:
                # Takes the question back, so that nobody answers it any more.
                self.say(f"Nobody answered: {otherwise}", question)
                return otherwise
            except Failed as error:
                # Somebody has just answered it.
                if error.status != 409:
                    raise
                answer = wait(60) or otherwise
        print(f"answer: {answer}", flush=True)
        return answer

    def set(self, status, **more):
        request("PATCH", self.path, {"status": status, **more})
        print(status, flush=True)

    def log(self, *entries):
        """Stores log entries: one as an object, several as an array, which is stored whole or not at all."""
        entries = [{"agent_id": self.id, **entry} for entry in entries]
        request("POST", "/api/runtime/logs", entries[0] if len(entries) == 1 else entries)

    def work(self):
        """What a real agent would do here, in pieces between which it looks whether it is to stop."""
        if self.cancelled.wait(WORK_SECONDS):
            raise Cancelled

    def ask(self, text):
        """Sends a prompt to a model, as far as the board can see."""
        model = {"prompt_type": "command", "prompt_name": "plan", "model_used": "example-model"}
        prompt = {"agent_id": self.id, "prompt_text": text, "status": "pending", **model}
        path = f"/api/runtime/prompts/{request('POST', '/api/runtime/prompts', prompt)['id']}"
        start = time.monotonic()
        try:
            request("PATCH", path, {"status": "streaming"})
            self.work()
        except Cancelled:
            request("PATCH", path, {"status": "cancelled"})
            raise
        answer = {"response_text": "1. Read. 2. Write. 3. Test.", "tokens_input": 1200, "tokens_output": 340}
        latency = round((time.monotonic() - start) * 1000)
        request("PATCH", path, {"status": "completed", "cost_usd": 0.0087, "latency_ms": latency, **answer})


def run(agent):
    agent.log({"log_type": "milestone", "message": "started"})
    agent.set("planning")
    agent.ask('Plan how to say "hello".')
    if agent.question("Shall I carry out the plan?", ["yes", "no"], otherwise="yes") == "no":
        raise Cancelled
    agent.set("executing")
    agent.work()
    agent.log(
        {"log_type": "tool_call", "message": "read", "details": {"file": "README.md"}},
        {"log_type": "performance", "message": "a slow read", "log_level": "warning"},
        {"log_type": "milestone", "message": "done"},
    )
    agent.set("reviewing")
    agent.work()
    agent.set("completed")


def main():
    session = sys.argv[1] if len(sys.argv) > 1 else "example"
    agent = Agent(definition("Python example", "builder"), session)
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: agent.cancelled.set())
    print(f"agent {agent.id} in session {session}", flush=True)
    try:
        run(agent)
    except Cancelled:
        agent.set("cancelled")
    except Failed:
        raise
    except Exception as error:
        agent.set("failed", error_message=str(error))
        raise


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(str(failed))
