"""An agent as a block."""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from support import Server, until

from orchestrator_client import ApiError, AsyncClient, Client, NoAnswer, models


def answer(client: Client, text: str) -> models.Message:
    """Answers the only question that waits, as soon as it does."""
    question = until(lambda: list(client.list_messages(waiting="user")))[0]
    return client.answer(question["id"], text)


def beside(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_it_is_completed(client: Client) -> None:
    with client.run("Builder", session_id="demo", context={"task": "Add pages"}) as agent:
        running = client.get_agent(agent.id)
        assert (running["status"], running["session_id"], running["context"]) == (
            "executing",
            "demo",
            {"task": "Add pages"},
        )
        with client.run("Tester", "tester", parent=agent) as child:
            assert client.get_agent(child.id)["parent_agent_id"] == agent.id
            assert child.session_id == "demo"
        agent.update(status="reviewing", cost_usd=0.5)
    assert client.get_agent(agent.id)["cost_usd"] == 0.5
    history = [each["status"] for each in client.list_history(agent.id)]
    assert history == ["executing", "reviewing", "completed"]
    assert {each["name"]: each["agent_type"] for each in client.list_definitions()} == {
        "Builder": "builder",
        "Tester": "tester",
    }


def test_the_same_definition_is_taken_again(client: Client) -> None:
    for _ in range(2):
        with client.run("Builder"):
            pass
    assert len(list(client.list_definitions())) == 1
    assert len(list(client.list_agents())) == 2


def test_heartbeats_are_sent(client: Client) -> None:
    with client.run("Builder", lease_seconds=1) as agent:
        beats: set[str | None] = set()

        def several() -> bool:
            beats.add(client.get_agent(agent.id)["heartbeat_at"])
            # More than one lease has room for.
            return len(beats - {None}) >= 5

        until(several)
        assert client.get_agent(agent.id)["status"] == "executing"


def test_it_fails(client: Client) -> None:
    with pytest.raises(ZeroDivisionError), client.run("Builder") as agent:
        agent.log("still fine")
        1 / 0  # noqa: B018
    failed = client.get_agent(agent.id)
    assert (failed["status"], failed["error_message"]) == ("failed", "ZeroDivisionError: division by zero")
    fine, error = client.list_agent_logs(agent.id, order="asc")
    assert fine["message"] == "still fine"
    assert (error["log_level"], error["log_type"]) == ("ERROR", "error")
    assert "1 / 0" in error["details"]["traceback"]


def test_what_it_says_of_its_end_itself_stands(client: Client) -> None:
    with client.run("Builder") as agent:
        agent.update(status="failed", error_message="the tests are red")
    assert client.get_agent(agent.id)["error_message"] == "the tests are red"


@pytest.mark.parametrize(("raised", "status"), [(SystemExit(0), "completed"), (SystemExit(2), "failed"),
                                                (KeyboardInterrupt(), "cancelled")])  # fmt: skip
def test_a_program_that_ends_in_the_block(client: Client, raised: BaseException, status: str) -> None:
    with pytest.raises(type(raised)), client.run("Builder") as agent:
        raise raised
    assert client.get_agent(agent.id)["status"] == status


def test_it_is_cancelled(client: Client) -> None:
    with client.run("Builder", lease_seconds=1) as agent:
        client.cancel_agent(agent.id)
        agent.sleep(60)
        pytest.fail("it goes on")
    assert client.get_agent(agent.id)["status"] == "cancelled"
    with client.run("Builder", lease_seconds=1) as agent:
        client.cancel_agent(agent.id)
        assert agent.cancelled.wait(60)
        with pytest.raises(Exception, match="is to stop"):
            agent.update(status="reviewing")
    assert client.get_agent(agent.id)["status"] == "completed"


def test_it_hears_that_somebody_else_has_ended_it(client: Client) -> None:
    with client.run("Builder", lease_seconds=1) as agent:
        client.update_agent(agent.id, status="failed", error_message="by hand")
        agent.sleep(60)
    assert client.get_agent(agent.id)["error_message"] == "by hand"
    with client.run("Builder", lease_seconds=1) as agent:
        client.delete_agent(agent.id)
        agent.sleep(60)


def test_log_entries(client: Client) -> None:
    logger = logging.getLogger("test")
    logger.setLevel(logging.DEBUG)
    # Not what the client itself does to send them.
    logging.getLogger("httpx").setLevel(logging.DEBUG)
    with client.run("Builder") as agent:
        agent.capture(level=logging.DEBUG)
        logger.debug("looking at %s", "README.md")
        logger.info("read", extra={"log_type": "tool_call", "details": {"file": "README.md", "odd": {1, float("nan")}}})
        logger.info("no such type", extra={"log_type": "gossip"})
        try:
            raise ValueError("a bad value")
        except ValueError:
            logger.exception("it went wrong")
        agent.log("half \ud83d way", level="WARNING", log_type="performance", details={"percent": float("inf")})
        around: Any = []
        around.append(around)
        agent.log("long " * 100_000, details=around)
        with pytest.raises(ValueError, match="gossip"):
            agent.log("x", log_type="gossip")  # type: ignore[arg-type]
    logger.critical("after its end")

    entries = list(client.list_agent_logs(agent.id, order="asc"))
    assert [(each["log_level"], each["log_type"]) for each in entries] == [
        ("DEBUG", "milestone"),
        ("INFO", "tool_call"),
        ("INFO", "milestone"),
        ("ERROR", "error"),
        ("WARNING", "performance"),
        ("INFO", "milestone"),
    ]
    debug, tool, _, error, half, long = entries
    assert (debug["message"], debug["details"]) == ("looking at README.md", {"logger": "test"})
    assert tool["details"]["file"] == "README.md"
    assert "ValueError: a bad value" in error["details"]["traceback"]
    assert (half["message"], half["details"]) == ("half \ufffd way", {"percent": "Infinity"})
    assert long["message"].startswith("long ") and long["message"].endswith("…")
    assert long["details"] == "[[...]]"


def test_log_entries_come_once_and_in_order_however_many(client: Client) -> None:
    with client.run("Builder") as agent:
        for number in range(2500):
            agent.log(str(number))
        # Of this size, each is a batch of its own.
        for number in range(2500, 2503):
            agent.log(f"{number} " + "\U0001f600" * 49_000, details="\U0001f600" * 49_000)
    entries = client.list_agent_logs(agent.id, order="asc")
    assert [int(each["message"].split()[0]) for each in entries] == list(range(2503))


def test_log_entries_wait_for_a_server_that_is_away(server: Server) -> None:
    with server.client() as client:
        with client.run("Builder") as agent:
            agent.log("before")
            until(lambda: list(client.list_agent_logs(agent.id)))
            server.kill()
            for number in range(10_005):
                agent.log(str(number))
            server.start()
        entries = [each["message"] for each in client.list_agent_logs(agent.id, order="asc")]
    assert entries[0] == "before"
    numbers = [int(each) for each in entries[1:] if each.isdigit()]
    # The oldest may have gone, and then it says so.
    assert numbers == list(range(10_005 - len(numbers), 10_005))
    assert len(numbers) >= 10_000
    assert ("5 log entries were dropped, as they could not be sent" in entries) == (len(numbers) == 10_000)


def test_prompts(client: Client) -> None:
    with client.run("Builder") as agent:
        with agent.prompt("Plan it", name="plan", model="example-model", prompt_type="adw") as answer:
            assert client.get_prompt(answer.id)["status"] == "pending"
            answer.text, answer.tokens_input, answer.tokens_output, answer.cost_usd = "1. Read.", 12, 3, 0.25
        with pytest.raises(TimeoutError), agent.prompt("Again") as failing:
            raise TimeoutError("the model does not answer")
    done = client.get_prompt(answer.id)
    assert (done["status"], done["response_text"], done["model_used"]) == ("completed", "1. Read.", "example-model")
    assert (done["tokens_input"], done["tokens_output"], done["cost_usd"]) == (12, 3, 0.25)
    assert done["latency_ms"] is not None
    failed = client.get_prompt(failing.id)
    assert (failed["status"], failed["error_message"]) == ("failed", "TimeoutError: the model does not answer")
    assert client.get_agent(agent.id)["tokens_input"] == 12


def test_questions(client: Client) -> None:
    with client.run("Builder") as agent:
        person = beside(lambda: answer(client, "blue"))
        assert agent.ask("Which colour?", ["red", "blue"], timeout=60) == "blue"
        person.join()
        assert agent.ask("And now?", timeout=0, default="go on") == "go on"
        with pytest.raises(NoAnswer):
            agent.ask("And now?", timeout=0)
        # Nobody is asked any more what nobody waits for.
        assert list(client.list_messages(waiting="user")) == []


def test_a_question_ends_with_its_agent(client: Client) -> None:
    with client.run("Builder", lease_seconds=1) as agent:
        canceller = beside(
            lambda: until(lambda: list(client.list_messages(waiting="user"))) and client.cancel_agent(agent.id)
        )
        agent.ask("Which colour?")
    canceller.join()
    assert client.get_agent(agent.id)["status"] == "cancelled"
    assert list(client.list_messages(waiting="user")) == []


def test_a_question_that_somebody_answers_to_somebody_else(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hasty(httpx.HTTPTransport):
        """The real network, where each question is answered at once, but to the orchestrator."""

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            response = super().handle_request(request)
            if b'"options": ["red"]' in request.content:
                response.read()
                with server.client() as client:
                    client.create_message(
                        sender_type="user", receiver_type="orchestrator", reply_to=response.json()["id"], message="red"
                    )
            return response

    monkeypatch.setattr("orchestrator_client._sync.run.LONGEST_POLL_SECONDS", 1)
    with server.client(transport=Hasty()) as client, client.run("Builder") as agent:
        assert agent.ask("Which colour?", ["red"], timeout=0, default="none") == "none"


def test_messages_come_in_order_until_they_are_acknowledged(client: Client) -> None:
    with client.run("Builder") as agent:
        for text in ("one", "two"):
            client.tell(agent.id, text)
        for message in agent.messages(timeout=0):
            # It asks meanwhile; the answer comes after what waits, and takes nothing away.
            person = beside(lambda: answer(client, "yes"))
            assert agent.ask(f"{message['message']}?", timeout=60) == "yes"
            person.join()
            agent.reply(message, f"Heard: {message['message']}")
            agent.reply(message, f"Heard: {message['message']}")
            if message["message"] == "two":
                break
        # The one that the block was left in is not done, nor what came after it.
        assert [each["message"] for each in client.receive_messages(agent.id)] == ["two", "yes", "yes"]
        replies = [each["message"] for each in client.list_messages(agent_id=agent.id, order="asc")]
        assert [each for each in replies if each.startswith("Heard")] == ["Heard: one", "Heard: two"]
        assert [each["message"] for each in agent.messages(timeout=0)] == ["two"]
        assert client.receive_messages(agent.id) == []
        late = beside(lambda: client.tell(agent.id, "three"))
        assert next(agent.messages())["message"] == "three"
        late.join()


def test_an_agent_that_is_async(server: Server) -> None:
    async def main() -> str:
        async with AsyncClient(server.url) as client:
            async with client.run("Builder", lease_seconds=1) as agent:
                agent.capture(logging.getLogger("test"))
                logging.getLogger("test").warning("careful")
                async with agent.prompt("Plan it") as answer:
                    answer.text = "1. Read."

                async def person() -> None:
                    while not (waiting := [each async for each in client.list_messages(waiting="user")]):
                        await asyncio.sleep(0.01)
                    await client.answer(waiting[0]["id"], "yes")
                    await client.tell(agent.id, "well done")

                person_task = asyncio.create_task(person())
                assert await agent.ask("Go on?", ["yes", "no"], timeout=60) == "yes"
                await person_task
                async for message in agent.messages(timeout=0):
                    await agent.reply(message, "Thanks")
                await client.cancel_agent(agent.id)
                await agent.sleep(60)
                pytest.fail("it goes on")
            assert (await client.get_agent(agent.id))["status"] == "cancelled"
            with pytest.raises(ValueError, match="bad"):
                async with client.run("Builder") as failing:
                    raise ValueError("bad")
            assert (await client.get_agent(failing.id))["error_message"] == "ValueError: bad"

            async def forever() -> None:
                async with client.run("Stopped") as stopped:
                    ids.append(stopped.id)
                    await asyncio.sleep(3600)

            ids: list[str] = []
            task = asyncio.create_task(forever())
            while not ids:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await client.get_agent(ids[0]))["status"] == "cancelled"
            return agent.id

    id = asyncio.run(main())
    with server.client() as client:
        assert [each["message"] for each in client.list_agent_logs(id)] == ["careful"]
        assert [each["response_text"] for each in client.list_prompts(agent_id=id)] == ["1. Read."]
        with pytest.raises(ApiError, match="409"):
            client.heartbeat(id)
