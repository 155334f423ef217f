"""What is pasted into clients to point them at this panel, as they read it.

PANEL_URL, PANEL_SCHEME, PANEL_HOST, PANEL_KEY and PANEL_NOW stand for what `setup` fills in.
"""

LITELLM_CONFIG = """
litellm_settings:
  callbacks: ["panta"]
  turn_off_message_logging: true

callback_settings:
  panta:
    callback_type: generic_api
    endpoint: PANEL_URL/api/v1/litellm
    headers:
      Authorization: "Bearer PANEL_KEY"
    max_retries: 3
"""

LITELLM_CALL = """
{
  "model": "gpt-4o-mini",
  "messages": [{"role": "user", "content": "…"}],
  "metadata": {"tags": ["assistant:Contract review"]}
}
"""

LITELLM_ENVIRONMENT = """
export GENERIC_LOGGER_ENDPOINT="PANEL_URL/api/v1/litellm"
export GENERIC_LOGGER_HEADERS="Authorization=Bearer PANEL_KEY"
"""

LITELLM_PROGRAM = """
import asyncio

import litellm
from litellm.integrations.generic_api.generic_api_callback import GenericAPILogger


async def main():
    # Not by the name "generic_api": without LiteLLM's enterprise package that stands for nothing.
    litellm.callbacks = [GenericAPILogger(max_retries=3)]
    litellm.turn_off_message_logging = True
    answer = await litellm.acompletion(
        model="openai/gpt-4o-mini",
        messages=[{"role": "user", "content": "…"}],
        user="u-481",
        metadata={"tags": ["assistant:Contract review"]},
    )


asyncio.run(main())
"""

# Metrics and logs have no address here. Values of the headers are percent-encoded, as the specification has it.
OTEL_ENVIRONMENT = """
export OTEL_SERVICE_NAME="my-app"
export OTEL_TRACES_EXPORTER="otlp"
export OTEL_METRICS_EXPORTER="none"
export OTEL_LOGS_EXPORTER="none"
export OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf"
export OTEL_EXPORTER_OTLP_ENDPOINT="PANEL_URL"
export OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20PANEL_KEY"
"""

# Tried on a clean machine: the instrumentation fits only some releases of util-genai, and needs httpx, which it does
# not bring along. Where it cannot be loaded, nothing is instrumented and nothing is said.
OTEL_PYTHON_START = """
pip install opentelemetry-distro opentelemetry-exporter-otlp-proto-http httpx \\
    opentelemetry-instrumentation-openai-v2==2.4b0 opentelemetry-util-genai==1.1b0
opentelemetry-instrument python app.py
"""

# In the context, not in baggage: that would travel on to the model's provider. On every span, not on the one around:
# spans are sent as they end, and the one around may end after the call's has gone.
OTEL_PYTHON_PROGRAM = """
from opentelemetry import context, trace
from opentelemetry.sdk.trace import SpanProcessor


class WhoAsks(SpanProcessor):
    def on_start(self, span, parent_context=None):
        span.set_attributes(context.get_value("who-asks", parent_context) or {})


trace.get_tracer_provider().add_span_processor(WhoAsks())


def handle(message):
    who = {
        "user.id": "u-481",
        "team.id": "legal",
        "gen_ai.agent.name": "Contract review",
    }
    token = context.attach(context.set_value("who-asks", who))
    try:
        with trace.get_tracer("my-app").start_as_current_span("handle"):
            return answer(message)
    finally:
        context.detach(token)
"""

OTEL_NODE_TELEMETRY = """
const { createContextKey } = require("@opentelemetry/api");
const { NodeSDK, tracing } = require("@opentelemetry/sdk-node");
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-http");
const { OpenAIInstrumentation } = require("@opentelemetry/instrumentation-openai");

const WHO_ASKS = createContextKey("who-asks");

const whoAsks = {
  onStart: (span, context) => span.setAttributes(context.getValue(WHO_ASKS) ?? {}),
  onEnd: () => {},
  forceFlush: async () => {},
  shutdown: async () => {},
};

new NodeSDK({
  spanProcessors: [whoAsks, new tracing.BatchSpanProcessor(new OTLPTraceExporter())],
  instrumentations: [new OpenAIInstrumentation()],
}).start();

module.exports = { WHO_ASKS };
"""

OTEL_NODE_START = """
npm install @opentelemetry/api @opentelemetry/sdk-node \\
    @opentelemetry/exporter-trace-otlp-http @opentelemetry/instrumentation-openai
node --require ./telemetry.js app.js
"""

OTEL_NODE_PROGRAM = """
const { context, trace } = require("@opentelemetry/api");
const { WHO_ASKS } = require("./telemetry.js");

function handle(message) {
  const who = {
    "user.id": "u-481",
    "team.id": "legal",
    "gen_ai.agent.name": "Contract review",
  };
  return context.with(context.active().setValue(WHO_ASKS, who), () =>
    trace.getTracer("my-app").startActiveSpan("handle", async (span) => {
      try {
        return await answer(message);
      } finally {
        span.end();
      }
    }),
  );
}
"""

CURL_EVENT = """
curl PANEL_URL/api/v1/events \\
  -H "Authorization: Bearer PANEL_KEY" \\
  -H "Content-Type: application/json" \\
  -d '[{"event_id": "hello", "occurred_at": "PANEL_NOW",
        "model": "gpt-4o-mini", "input_tokens": 12, "output_tokens": 3}]'
"""

WHOLE_EVENT = """
{
  "event_id": "7f0c2b1e",
  "occurred_at": "PANEL_NOW",
  "user_id": "u-481",
  "email": "ada@example.com",
  "user_name": "Ada Example",
  "team": "Legal",
  "assistant": "Contract review",
  "model": "gpt-4o-mini",
  "input_tokens": 812,
  "cached_tokens": 640,
  "output_tokens": 164,
  "status": "success",
  "latency_ms": 2150
}
"""

CURL_USAGE = """
curl "PANEL_URL/api/v1/usage?by=team&range=last_30_days" \\
  -H "Authorization: Bearer PANEL_KEY"
"""

CURL_LIMITS = """
curl "PANEL_URL/api/v1/limits/check?user=u-481&model=gpt-4o-mini" \\
  -H "Authorization: Bearer PANEL_KEY"
"""

PROMETHEUS = """
scrape_configs:
  - job_name: panta
    scheme: PANEL_SCHEME
    authorization:
      credentials: PANEL_KEY
    static_configs:
      - targets: ["PANEL_HOST"]
"""
