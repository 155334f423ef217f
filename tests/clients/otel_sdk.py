"""An application that asks models through OpenAI's client, instrumented by OpenTelemetry, exported by OTLP/HTTP.

The exporter is set up by the environment alone, as administrators do. Who asks is put on every span by a processor.
Run by tests as a program of its own (see `forks`).
"""

from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any

import openai
from opentelemetry import baggage, context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.util.genai.handler import TelemetryHandler

from tests.clients import forks


class WhoAsks(SpanProcessor):
    def on_start(self, span: Span, parent_context: context.Context | None = None) -> None:
        for key, value in baggage.get_all(parent_context).items():
            span.set_attribute(key, str(value))


def ask(client: openai.OpenAI, call: dict[str, Any]) -> None:
    with suppress(openai.OpenAIError):
        if call["kind"] == "embedding":
            client.embeddings.create(model="text-embedding-3-small", input=call["text"])
            return
        asked: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": call["text"]}]}
        if call["kind"] == "stream":
            asked |= {"stream": True, "stream_options": {"include_usage": True}}
        answer = client.chat.completions.create(**asked)
        if call["kind"] == "stream":
            for _chunk in answer:
                pass


def carry_out(plan: dict[str, Any], until_the_end: Callable[[], object]) -> None:
    provider = TracerProvider()
    provider.add_span_processor(WhoAsks())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    OpenAIInstrumentor().instrument()  # type: ignore[no-untyped-call]
    tracer, agents = trace.get_tracer("workspace"), TelemetryHandler(tracer_provider=provider)
    client = openai.OpenAI(base_url=plan["api_base"], api_key="sk-fake", max_retries=0)
    for message in plan["messages"]:
        about = context.get_current()
        for key, value in message.get("about", {}).items():
            about = baggage.set_baggage(key, value, about)
        token = context.attach(about)
        agent = message.get("agent")
        run = agents.invoke_local_agent(agent_name=agent) if agent else nullcontext()
        with tracer.start_as_current_span("handle_message"), run:
            for call in message["calls"]:
                ask(client, call)
        context.detach(token)
    provider.force_flush()
    until_the_end()
    provider.shutdown()


forks.serve(carry_out)
