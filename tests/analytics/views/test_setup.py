"""What is pasted into clients: filled in, and understood by the clients themselves."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from shutil import which
from threading import Thread
from typing import Any

import pytest
import yaml

from analytics.ingest import native, otlp
from analytics.ingest.draft import EventDraft
from analytics.models import Scope
from analytics.views import setup
from analytics.views.setup import Guide, Snippet
from tests.cast import NOW

KEY = "panta_" + "k" * 43
ALL = [scope.value for scope in Scope]
URL = "https://panel.example.com"


@pytest.fixture(autouse=True)
def _address(settings: Any) -> None:
    settings.BASE_URL = URL


def guide(name: str, key: str = KEY) -> Guide:
    (found,) = [guide for guide in setup.guides(ALL, NOW, key) if guide.name == name]
    return found


def snippet(guide_name: str, number: int = 0, key: str = KEY) -> Snippet:
    return [step.snippet for step in guide(guide_name, key).steps if step.snippet][number]


def environment(text: str) -> dict[str, str]:
    """What a shell makes of `export` lines."""
    words = shlex.split(text)
    return dict(word.split("=", 1) for word in words if word != "export")


# --- Filled in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scopes", "names"),
    [
        ([], []),
        (["ingest"], ["litellm-proxy", "litellm-sdk", "otel-python", "otel-node", "own-code"]),
        (["read", "metrics"], ["read", "metrics"]),
        (["limits"], ["limits"]),
    ],
)
def test_a_key_is_told_what_it_can_be_used_for(scopes: list[str], names: list[str]) -> None:
    assert [guide.name for guide in setup.guides(scopes, NOW)] == names


def test_every_guide_holds_the_address_and_the_key_and_nothing_is_left_to_fill_in() -> None:
    for each in setup.guides(ALL, NOW, KEY):
        texts = [step.snippet.text for step in each.steps if step.snippet]
        assert any(KEY in text for text in texts), each.name
        assert any("panel.example.com" in text for text in texts), each.name
        assert not any("PANEL_" in text for text in texts), each.name


def test_without_a_key_a_placeholder_stands_out() -> None:
    shown = snippet("litellm-proxy", key=setup.PLACEHOLDER)
    before, after = shown.pieces
    assert before.endswith('"Bearer ')
    assert after.startswith('"\n')
    assert setup.PLACEHOLDER.join(shown.pieces) == shown.text


def test_an_address_below_a_path_and_with_a_slash_is_kept_whole(settings: Any) -> None:
    settings.BASE_URL = "http://localhost:8000/"
    assert "http://localhost:8000/api/v1/events \\" in snippet("own-code").text


# --- Understood by clients ----------------------------------------------------------------------------------------


def in_a_loop(make: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """In a thread of its own: where browser tests run too, this one has a loop already."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(make())).result()


def test_litellms_proxy_makes_a_logger_of_the_configuration() -> None:
    import litellm
    from litellm.litellm_core_utils.logging_callback_manager import LoggingCallbackManager

    config = yaml.safe_load(snippet("litellm-proxy").text)
    assert config["litellm_settings"] == {"callbacks": ["panta"], "turn_off_message_logging": True}
    litellm.callback_settings = config["callback_settings"]

    async def make() -> Any:
        return LoggingCallbackManager._add_custom_callback_generic_api_str("panta")

    try:
        logger = in_a_loop(make)
    finally:
        litellm.callback_settings = {}
    assert logger.endpoint == f"{URL}/api/v1/litellm"
    assert logger.headers["Authorization"] == f"Bearer {KEY}"
    assert logger.max_retries == 3


def test_litellms_sdk_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from litellm.integrations.generic_api.generic_api_callback import GenericAPILogger

    for name, value in environment(snippet("litellm-sdk").text).items():
        monkeypatch.setenv(name, value)

    (made,) = re.findall(r"GenericAPILogger\(.*?\)", snippet("litellm-sdk", 1).text)

    async def make() -> Any:
        return eval(made, {"GenericAPILogger": GenericAPILogger})  # noqa: S307  # a line of our own

    logger = in_a_loop(make)
    assert logger.endpoint == f"{URL}/api/v1/litellm"
    assert logger.headers["Authorization"] == f"Bearer {KEY}"
    assert logger.max_retries == 3


@pytest.mark.parametrize(("name", "number"), [("litellm-sdk", 1), ("otel-python", 2)])
def test_python_programs_are_python(name: str, number: int) -> None:
    import ast

    compile(snippet(name, number).text, "app.py", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_events_are_what_the_api_takes() -> None:
    (whole,) = native.decode(snippet("own-code", 1).text.encode(), NOW)
    assert isinstance(whole, EventDraft)
    assert (whole.user_id, whole.assistant, whole.input_tokens) == ("u-481", "Contract review", 812)
    body = re.search(r"-d '(.*)'", snippet("own-code").text, re.DOTALL)
    assert body is not None
    (first,) = native.decode(body[1].encode(), NOW)
    assert isinstance(first, EventDraft)
    assert first.occurred_at == NOW
    assert (first.user_id, first.email, first.team, first.assistant) == (None, None, None, None)


def test_prometheus_is_sent_to_the_panel() -> None:
    (job,) = yaml.safe_load(snippet("metrics").text)["scrape_configs"]
    assert job["scheme"] == "https"
    assert job["authorization"] == {"credentials": KEY}
    assert job["static_configs"] == [{"targets": ["panel.example.com"]}]


# --- OpenTelemetry, with its own SDK ------------------------------------------------------------------------------


class _Collector(HTTPServer):
    """Takes one export: its path, headers and body."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taker)
        self.taken: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Taker(BaseHTTPRequestHandler):
    server: _Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.taken.append((self.path, headers, body))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Silent."""


@pytest.fixture
def collector() -> Iterator[_Collector]:
    server = _Collector()
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


_PROGRAM = """
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))


def answer(message):
    with trace.get_tracer("library").start_as_current_span("chat gpt-4o-mini") as span:
        span.set_attribute("gen_ai.operation.name", "chat")
        span.set_attribute("gen_ai.request.model", "gpt-4o-mini")
        span.set_attribute("gen_ai.usage.input_tokens", 12)
        span.set_attribute("gen_ai.usage.output_tokens", 3)

{snippet}

handle("hello")
with trace.get_tracer("library").start_as_current_span("chat") as span:  # outside: nobody asks
    span.set_attribute("gen_ai.operation.name", "chat")
trace.get_tracer_provider().shutdown()
"""


def test_opentelemetry_for_python_says_who_asks_to_the_right_address_with_the_key(
    collector: _Collector, settings: Any, tmp_path: Path
) -> None:
    settings.BASE_URL = collector.url
    program = tmp_path / "app.py"
    program.write_text(_PROGRAM.replace("{snippet}", snippet("otel-python", 2).text))
    own = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    env = own | environment(snippet("otel-python").text)
    subprocess.run([sys.executable, str(program)], env=env, check=True, timeout=60)
    ((path, headers, body),) = collector.taken
    assert path == "/v1/traces"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["content-type"] == "application/x-protobuf"
    asked, outside = otlp.decode_protobuf(body, dt.datetime.now(dt.UTC))
    assert isinstance(asked, EventDraft)
    assert (asked.user_id, asked.team_id, asked.assistant) == ("u-481", "legal", "Contract review")
    assert (asked.model, asked.input_tokens, asked.output_tokens) == ("gpt-4o-mini", 12, 3)
    assert isinstance(outside, EventDraft)
    assert (outside.user_id, outside.assistant) == (None, None)


@pytest.mark.skipif(which("node") is None, reason="Node is not installed here")
@pytest.mark.parametrize("number", [1, 3])
def test_what_is_pasted_into_a_node_program_is_javascript(number: int, tmp_path: Path) -> None:
    pasted = snippet("otel-node", number)
    file = tmp_path / pasted.place
    file.write_text(pasted.text)
    told = subprocess.run(["node", "--check", str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert (file.suffix, told.returncode) == (".js", 0), told.stderr


def test_both_opentelemetry_guides_send_traces_alone() -> None:
    for name in ("otel-python", "otel-node"):
        said = environment(snippet(name).text)
        assert said["OTEL_EXPORTER_OTLP_ENDPOINT"] == URL
        assert said["OTEL_EXPORTER_OTLP_HEADERS"] == f"Authorization=Bearer%20{KEY}"
        assert (said["OTEL_METRICS_EXPORTER"], said["OTEL_LOGS_EXPORTER"]) == ("none", "none")


def test_calls_of_litellm_are_json() -> None:
    call = json.loads(snippet("litellm-proxy", 1).text)
    assert call["metadata"]["tags"] == ["assistant:Contract review"]
