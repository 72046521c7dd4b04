"""Writers that use the API, and what they were promised: each remembers what was acknowledged to it."""

import http.client
import json
import random
import time
import uuid

FINAL = ("completed", "failed", "cancelled")
STEPS = ("planning", "executing", "reviewing")


class Client:
    """One connection. Every request is sent until it has an answer other than 503, with the same Idempotency-Key."""

    def __init__(self, run, server):
        self.run, self.server = run, server
        self.connection = None
        # The server's life in which the connection was made.
        self.life = 0

    def request(self, method, path, body=None, expected=(200, 201, 204)):
        """The answer's status and JSON."""
        headers = {"Idempotency-Key": str(uuid.uuid4())} if method == "POST" else {}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        lost = False
        while True:
            start = time.monotonic()
            try:
                if self.connection is None:
                    self.life = self.server.life
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
                self.connection.request(method, path, data, headers)
                response = self.connection.getresponse()
                text = response.read()
            except (OSError, http.client.HTTPException) as error:
                self.connection.close()
                self.connection = None
                if self.life % 2 and self.life == self.server.life:
                    self.run.breaks(f"{method} {path} got {error!r} after {time.monotonic() - start:.1f} s from a server that runs")
                lost = True
                self.run.count("requests: lost with the server, sent again")
                time.sleep(0.1)
                continue
            if response.status == 503 and "Retry-After" in response.headers:
                self.run.count("requests: 503, sent again")
                if method == "GET":
                    self.run.breaks(f"GET {path} was made to wait for a writer: {text.decode()}")
                elif not self.run.is_excused(start):
                    self.run.breaks(f"{method} {path} found the database busy, though nobody held it: {text.decode()}")
                time.sleep(float(response.headers["Retry-After"]))
                continue
            # What the first try deleted is not there for the second.
            if response.status not in expected and not (lost and method == "DELETE" and response.status == 404):
                self.run.breaks(f"{method} {path} {body} was answered {response.status}: {text.decode()[:500]}")
            return response.status, json.loads(text) if text else None

    def close(self):
        if self.connection:
            self.connection.close()


class Writer:
    """Makes definitions, agents, prompts and log entries, and changes and deletes them. Nobody else touches its rows."""

    def __init__(self, run, server, name, definition):
        self.run, self.name, self.definition = run, name, definition
        self.client = Client(run, server)
        self.random = random.Random(f"{run.seed} {name}")
        self.stopped = False
        self.marks = 0
        self.at_work = []
        # What was acknowledged: the row of each id; of log entries, how many have which text, and of which agent.
        self.definitions, self.agents, self.prompts = {}, {}, {}
        self.entries, self.system_entries = {}, {}
        self.deleted = set()

    def mark(self):
        """A text that no other request has, so that one which is done twice shows."""
        self.marks += 1
        return f"{self.name} {self.marks}"

    def work(self):
        kinds = {self.define: 1, self.begin: 4, self.advance: 12, self.ask: 8, self.answer: 6, self.note: 10,
                 self.note_many: 2, self.note_system: 2, self.delete: 1}
        while not self.stopped:
            self.random.choices(list(kinds), kinds.values())[0]()
            time.sleep(self.random.uniform(0, 0.02))
        self.client.close()

    def write(self, kind, method, path, body=None):
        status, answer = self.client.request(method, path, body)
        if 200 <= status < 300 or status == 404:
            self.run.count(f"acknowledged: {kind}")
        return answer

    def define(self):
        name = self.mark()
        made = self.write("definitions", "POST", "/api/agents", {"name": name, "agent_type": "builder"})
        self.definitions[made["id"]] = (name, made["description"])
        if self.random.random() < 0.5:
            self.write("definitions changed", "PUT", f"/api/agents/{made['id']}", {"description": name})
            self.definitions[made["id"]] = (name, name)

    def begin(self):
        body = {"orchestrator_agent_id": self.definition, "session_id": f"rest {self.mark()}", "context": {"by": self.name}}
        made = self.write("agents", "POST", "/api/runtime/agents", body)
        self.agents[made["id"]] = (body["session_id"], "initializing", 0.0)
        self.at_work.append(made["id"])

    def pick(self):
        if not self.at_work:
            self.begin()
        return self.random.choice(self.at_work)

    def advance(self):
        agent = self.pick()
        session, status, cost = self.agents[agent]
        status = self.random.choice(STEPS if self.random.random() < 0.8 else FINAL)
        cost = round(cost + self.random.random(), 3)
        body = {"status": status, "cost_usd": cost}
        self.write("agents changed", "PATCH", f"/api/runtime/agents/{agent}", body)
        self.agents[agent] = (session, status, cost)
        if status in FINAL:
            self.at_work.remove(agent)

    def ask(self):
        body = {"agent_id": self.pick(), "prompt_type": "command", "prompt_text": self.mark(), "model_used": "opus"}
        made = self.write("prompts", "POST", "/api/runtime/prompts", body)
        self.prompts[made["id"]] = (body["agent_id"], body["prompt_text"], "pending", 0)

    def answer(self):
        if not self.prompts:
            return
        # One of the newest; a copy of all ids would take the longer the longer the run is.
        newest = [prompt for prompt, _ in zip(reversed(self.prompts), range(20))]
        prompt = self.random.choice(newest)
        agent, text, _, _ = self.prompts[prompt]
        if agent in self.deleted:
            return
        tokens = self.random.randrange(10_000)
        body = {"status": "completed", "response_text": "done", "tokens_input": 7, "tokens_output": tokens, "cost_usd": 0.01}
        self.write("prompts changed", "PATCH", f"/api/runtime/prompts/{prompt}", body)
        self.prompts[prompt] = (agent, text, "completed", tokens)

    def entry(self, agent, mark):
        return {"agent_id": agent, "log_type": "milestone", "log_level": self.random.choice(["INFO", "ERROR"]), "message": mark}

    def note(self):
        agent, mark = self.pick(), self.mark()
        self.write("log entries", "POST", "/api/runtime/logs", self.entry(agent, mark))
        self.entries[mark] = (agent, 1)

    def note_many(self):
        agent, mark, many = self.pick(), self.mark(), self.random.randint(2, 200)
        self.write("log batches", "POST", "/api/runtime/logs", [self.entry(agent, mark) for _ in range(many)])
        self.entries[mark] = (agent, many)

    def note_system(self):
        mark = self.mark()
        self.write("system log entries", "POST", "/api/runtime/system-logs", {"component": "soak", "message": mark})
        self.system_entries[mark] = 1

    def delete(self):
        agent = self.pick()
        self.write("agents deleted", "DELETE", f"/api/runtime/agents/{agent}")
        self.at_work.remove(agent)
        self.deleted.add(agent)


class Reader:
    """Reads lists, page after page, which must never wait for a writer."""

    PATHS = ("/api/agents?limit=50", "/api/runtime/agents?limit=100", "/api/runtime/logs?level=ERROR", "/api/runtime/sessions?limit=100",
             "/api/runtime/stats", "/api/runtime/prompts?status=completed&order=desc", "/health")

    def __init__(self, run, server):
        self.run = run
        self.client = Client(run, server)
        self.random = random.Random(f"{run.seed} reader")
        self.stopped = False

    def work(self):
        while not self.stopped:
            self.client.request("GET", self.random.choice(self.PATHS))
            self.run.count("requests: reads")
            time.sleep(0.05)
        self.client.close()


class Alive:
    """An agent that says each second that it is alive, and so must not end up failed."""

    LEASE = 5

    def __init__(self, run, server, definition):
        self.run = run
        self.client = Client(run, server)
        body = {"orchestrator_agent_id": definition, "session_id": "alive", "status": "executing"}
        self.id = self.client.request("POST", "/api/runtime/agents", body)[1]["id"]
        # Says so once and never again, so it must end up failed.
        self.silent = self.client.request("POST", "/api/runtime/agents", body)[1]["id"]
        self.client.request("POST", f"/api/runtime/agents/{self.silent}/heartbeat", {"lease_seconds": self.LEASE})
        self.stopped = False

    def work(self):
        while not self.stopped:
            self.client.request("POST", f"/api/runtime/agents/{self.id}/heartbeat", {"lease_seconds": self.LEASE})
            self.run.count("requests: heartbeats")
            time.sleep(1)
        self.client.close()
