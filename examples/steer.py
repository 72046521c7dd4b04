#!/usr/bin/env python3
"""The person's side of agents that ask: lists their questions, answers them, and writes to agents.

    python3 examples/steer.py                       # the questions that nobody has answered
    python3 examples/steer.py answer QUESTION TEXT
    python3 examples/steer.py tell AGENT TEXT

Needs Python 3.9 and nothing else. The environment may set ORCHESTRATOR_URL (http://localhost:8000) and API_TOKEN.
"""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
import uuid

URL = os.environ.get("ORCHESTRATOR_URL", "http://localhost:8000").rstrip("/")
TOKEN = os.environ.get("API_TOKEN")


def request(method, path, body=None):
    headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
    if TOKEN:
        headers["Authorization"] = f"Bearer {TOKEN}"
    data = None if body is None else json.dumps(body).encode()
    try:
        whole = urllib.request.Request(URL + path, data, headers, method=method)
        with urllib.request.urlopen(whole, timeout=30) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        answer = json.load(error)
        sys.exit(f"{error.code}: {answer['detail']}")
    except OSError as error:
        sys.exit(f"{URL}: {error}")


def questions():
    """Prints what agents wait for, oldest first."""
    for question in request("GET", "/api/runtime/messages?waiting=user&order=asc"):
        options = ", ".join(map(str, question["options"])) or "anything"
        print(f"{question['id']}  agent {question['agent_id']}: {question['message']} ({options})")


def answer(question, text):
    path = "/api/runtime/messages/" + urllib.parse.quote(question, safe="")
    options = request("GET", path)["options"]
    if options and text not in options:
        sys.exit(f"one of: {', '.join(options)}")
    # Whom it is to follows from the question. It has one answer: who is second hears so.
    request("POST", "/api/runtime/messages", {"sender_type": "user", "message": text, "reply_to": question})


def tell(agent, text):
    message = {"agent_id": agent, "sender_type": "user", "receiver_type": "agent", "message": text}
    request("POST", "/api/runtime/messages", message)


def main(arguments):
    if not arguments:
        questions()
    elif len(arguments) == 3 and arguments[0] in ("answer", "tell"):
        {"answer": answer, "tell": tell}[arguments[0]](*arguments[1:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
