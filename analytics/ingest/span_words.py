"""The attributes that are read of spans, by what they tell: today's name first, then older ones and those of others.

OpenTelemetry's GenAI conventions, OpenInference (Arize) and Traceloop (OpenLLMetry) are spoken; what names people and
teams is agreed on nowhere, and set by applications.
"""

from __future__ import annotations

OPERATION, OPENINFERENCE, TRACELOOP = "gen_ai.operation.name", "openinference.span.kind", "llm.request.type"
ANSWERING = {
    OPERATION: {"chat", "text_completion", "generate_content"},
    OPENINFERENCE: {"LLM"},
    TRACELOOP: {"chat", "completion"},
}
EMBEDDING = {OPERATION: {"embeddings"}, OPENINFERENCE: {"EMBEDDING"}, TRACELOOP: {"embedding"}}

USER_ID = ("user.id", "enduser.id", "traceloop.association.properties.user_id")
EMAIL = ("user.email",)
USER_NAME = ("user.full_name", "user.name")
TEAM_ID = ("team.id", "traceloop.association.properties.team_id")
TEAM = ("team.name",)
AGENT = ("gen_ai.agent.name", "gen_ai.agent.id")
AGENT_SPANS = {OPENINFERENCE: "agent.name", "traceloop.span.kind": "traceloop.entity.name"}  # kind → name
RUNS_WORKFLOW = "invoke_workflow"  # the operation of spans whose agent's name is since 2026 that of the workflow
WORKFLOW = ("gen_ai.workflow.name", "traceloop.workflow.name")
MODEL = (
    "gen_ai.request.model", "gen_ai.response.model", "llm.model_name", "embedding.model_name", "llm.request.model",
)  # fmt: skip
INPUT = (
    "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt", "llm.usage.prompt_tokens",
)  # fmt: skip
OUTPUT = (
    "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion",
    "llm.usage.completion_tokens",
)  # fmt: skip
TOTAL = ("gen_ai.usage.total_tokens", "llm.token_count.total", "llm.usage.total_tokens")
CACHE_READ = (
    "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
    "llm.token_count.prompt_details.cache_read",
)  # fmt: skip
CACHE_WRITE = (
    "gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens", "llm.token_count.prompt_details.cache_write",
)  # fmt: skip
REASONING = (
    "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens",
    "llm.token_count.completion_details.reasoning",
)  # fmt: skip
PROVIDER = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")
MARK = "panta.request"
ERROR = "error.type"

WANTED = frozenset(
    {OPERATION, OPENINFERENCE, TRACELOOP, MARK, ERROR, *AGENT_SPANS, *AGENT_SPANS.values()}.union(
        USER_ID, EMAIL, USER_NAME, TEAM_ID, TEAM, AGENT, WORKFLOW, MODEL,
        INPUT, OUTPUT, TOTAL, CACHE_READ, CACHE_WRITE, REASONING, PROVIDER,
    )
)  # fmt: skip

# Since 2026 the conventions say that input includes what was cached, and these libraries add it where the provider
# does not. Who writes spans by hand passes on what Anthropic says.
ADD_CACHED = (
    "opentelemetry.instrumentation.", "opentelemetry.util.genai", "@opentelemetry/", "openinference.",
    "@arizeai/openinference", "@traceloop/", "logfire", "pydantic-ai", "litellm",
)  # fmt: skip
