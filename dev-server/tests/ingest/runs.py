"""Runs of agents with models that are made up, each by a framework and its public instrumentation."""

import contextlib

from agents import Agent as OpenAiAgent
from agents import Model, ModelResponse, Runner, Usage, function_tool, generation_span
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText
from openinference.instrumentation import using_session
from openinference.instrumentation.langchain import LangChainInstrumentor
from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor
from opentelemetry.trace import StatusCode
from pydantic_ai import Agent, InstrumentationSettings
from pydantic_ai.capabilities import Instrumentation
from pydantic_ai.models.test import TestModel


def by_hand(provider):
    """Spans as the conventions have them, without a framework: an agent with another one below it that fails."""
    tracer = provider.get_tracer("by_hand")

    def span(name, **attributes):
        attributes = {name.replace("__", "."): value for name, value in attributes.items()}
        return tracer.start_as_current_span(name, attributes=attributes)

    agent = {"gen_ai__operation__name": "invoke_agent", "gen_ai__conversation__id": "by-hand"}
    chat = {"gen_ai__operation__name": "chat", "gen_ai__request__model": "m", "gen_ai__usage__output_tokens": 5}
    with span("invoke_agent Lead", gen_ai__agent__name="Lead", **agent):
        with span("chat m", gen_ai__usage__input_tokens=10, gen_ai__usage__cost=0.5, **chat):
            pass
        with span("invoke_agent Helper", gen_ai__agent__name="Helper", **agent) as helper:
            with span("execute_tool find", gen_ai__operation__name="execute_tool", gen_ai__tool__name="find") as tool:
                tool.set_status(StatusCode.ERROR, "nothing found")
            helper.set_status(StatusCode.ERROR, "gave up")


def pydantic_ai(provider):
    """Pydantic AI, with the conventions of OpenTelemetry."""
    settings = InstrumentationSettings(tracer_provider=provider)
    agent = Agent(TestModel(), name="weather", capabilities=[Instrumentation(settings=settings)])

    @agent.tool_plain
    def get_weather(city: str) -> str:
        return f"sunny in {city}"

    agent.run_sync("What is the weather in Paris?", conversation_id="pydantic-ai")


class LangChainModel(GenericFakeChatModel):
    """Says what it was given to say."""

    def bind_tools(self, tools, **_):
        return self


def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@contextlib.contextmanager
def instrumented(instrumentor, provider):
    """Instruments a framework for as long as it is needed."""
    instrumentor.instrument(tracer_provider=provider)
    try:
        yield
    finally:
        instrumentor.uninstrument()


def langchain(provider):
    """LangChain on LangGraph, with OpenInference. An agent is a chain there, so the whole run is one."""
    call = {"name": "add", "args": {"a": 1, "b": 2}, "id": "call-1"}
    usage = {"input_tokens": 11, "output_tokens": 4, "total_tokens": 15}
    messages = [AIMessage("", tool_calls=[call], usage_metadata=usage), AIMessage("It is 3", usage_metadata=usage)]
    with instrumented(LangChainInstrumentor(), provider), using_session("langchain"):
        agent = create_agent(LangChainModel(messages=iter(messages)), [add], name="calculator")
        agent.invoke({"messages": [("user", "What is 1 + 2?")]})


class OpenAiModel(Model):
    """Calls a tool, and then answers."""

    async def get_response(self, system_instructions, input, *_, **__):
        if isinstance(input, str) or len(input) == 1:
            output = ResponseFunctionToolCall(
                arguments='{"a": 1, "b": 2}', call_id="call-1", name="add", type="function_call"
            )
        else:
            text = ResponseOutputText(text="It is 3", type="output_text", annotations=[])
            output = ResponseOutputMessage(
                id="message-1", role="assistant", status="completed", type="message", content=[text]
            )
        asked = [{"role": "user", "content": str(input)}]
        usage = {"input_tokens": 10, "output_tokens": 3}
        with generation_span(input=asked, output=[output.model_dump()], model="made-up-1", usage=usage):
            pass
        return ModelResponse(output=[output], usage=Usage(**usage), response_id=None)

    def stream_response(self, *_, **__):
        raise NotImplementedError


def openai_agents(provider):
    """The OpenAI Agents SDK, with OpenInference."""
    with instrumented(OpenAIAgentsInstrumentor(), provider), using_session("openai-agents"):
        agent = OpenAiAgent(name="Calculator", instructions="Add.", model=OpenAiModel(), tools=[function_tool(add)])
        Runner.run_sync(agent, "What is 1 + 2?")


RUNS = [by_hand, pydantic_ai, langchain, openai_agents]
