"""What shows of runs of real frameworks, whose exporters send to a real server.

With RECORD=1 the batches are kept in `recorded`, from which the tests in Rust take them.
"""

import os

import pytest

import conftest
import runs


def told(server, session):
    """The agents of a session by name, each with its prompts and log entries."""
    names = {each["id"]: each["name"] for each in server.get("/api/agents")}
    agents = {}
    for agent in server.get(f"/api/runtime/agents?session_id={session}"):
        agent["name"] = names[agent["orchestrator_agent_id"]]
        agent["prompts"] = server.get(f"/api/runtime/prompts?agent_id={agent['id']}")
        agent["logs"] = server.get(f"/api/runtime/logs?agent_id={agent['id']}&order=asc")
        agents.setdefault(agent["name"], []).append(agent)
    return agents


def check_by_hand(agents):
    [lead], [helper] = agents["Lead"], agents["Helper"]
    assert (lead["status"], lead["parent_agent_id"]) == ("completed", None)
    assert (lead["tokens_input"], lead["tokens_output"], lead["cost_usd"]) == (10, 5, 0.5)
    assert (helper["status"], helper["error_message"]) == ("failed", "gave up")
    assert helper["parent_agent_id"] == lead["id"]
    assert [(log["log_type"], log["log_level"], log["message"]) for log in helper["logs"]] == [
        ("tool_call", "ERROR", "find")
    ]


def check_pydantic_ai(agents):
    [agent] = agents["weather"]
    assert len(agents) == 1
    assert agent["status"] == "completed"
    assert agent["context"] == {"task": "What is the weather in Paris?"}
    asked, told = agent["prompts"]
    assert asked["prompt_text"] == "What is the weather in Paris?"
    assert asked["response_text"].startswith("get_weather(")
    assert told["prompt_text"].startswith("sunny in")
    assert agent["tokens_input"] == asked["tokens_input"] + told["tokens_input"] > 0
    [call] = agent["logs"]
    assert call["message"].startswith("get_weather: {")
    assert call["details"]["tool_response"].startswith("sunny in")


def check_langchain(agents):
    [agent] = agents["calculator"]
    assert len(agents) == 1
    assert agent["status"] == "completed"
    assert agent["context"] == {"task": "What is 1 + 2?"}
    assert (agent["tokens_input"], agent["tokens_output"]) == (22, 8)
    assert [prompt["response_text"] for prompt in agent["prompts"]] == ['add({"a": 1, "b": 2})', "It is 3"]
    assert [prompt["prompt_text"] for prompt in agent["prompts"]] == ["What is 1 + 2?", "3"]
    assert [log["message"] for log in agent["logs"]] == ['add: {"a":1,"b":2}']


def check_openai_agents(agents):
    [workflow], [agent] = agents["Agent workflow"], agents["Calculator"]
    assert agent["parent_agent_id"] == workflow["id"]
    assert (agent["tokens_input"], agent["tokens_output"]) == (20, 6)
    assert {prompt["model_used"] for prompt in agent["prompts"]} == {"made-up-1"}
    assert [prompt["response_text"] for prompt in agent["prompts"]] == ['add({"a": 1, "b": 2})', "It is 3"]
    assert [log["message"] for log in agent["logs"]] == ['add: {"a":1,"b":2}']


@pytest.mark.parametrize("run", runs.RUNS, ids=lambda run: run.__name__)
def test_run(run, server, exporting):
    provider, twice = exporting
    run(provider)
    provider.force_flush()
    assert twice.sent
    agents = told(server, run.__name__.replace("_", "-"))
    globals()[f"check_{run.__name__}"](agents)
    assert all(agent["status"] in ("completed", "failed") for named in agents.values() for agent in named)
    # Nobody else was made on the way.
    assert sorted(agents) == sorted(each["name"] for each in server.get("/api/agents"))
    if os.environ.get("RECORD") and len(twice.sent) == 1:
        (conftest.RECORDED / f"{run.__name__}.bin").write_bytes(twice.sent[0])
