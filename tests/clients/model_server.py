"""A model provider that speaks OpenAI's protocol and does what it is told: no model, no network.

The last message of a chat, or the input of an embedding, says what to answer: `in=30 out=12 cached=10 reasoning=4`, or
`fail=429`. What was told to callers is kept, so that a test can compare.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER = "canary of the answer"


@dataclass
class ModelServer:
    address: str
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, usage: dict[str, Any]) -> None:
        with self._lock:
            self.calls += 1
            self.input_tokens += usage.get("prompt_tokens", 0)
            self.output_tokens += usage.get("completion_tokens", 0)


@contextmanager
def model_server() -> Iterator[ModelServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    told = ModelServer(f"http://127.0.0.1:{server.server_port}/v1")
    server.told = told  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the tests say what matters."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = dict(re.findall(r"(\w+)=(\d+)", _text(asked)))
        if "fail" in said:
            self._count({})
            error = {"message": "told to fail", "type": "error", "code": None, "param": None}
            self._send(int(said["fail"]), {"error": error})
        elif self.path.endswith("/embeddings"):
            self._embed(asked["model"], said)
        elif asked.get("stream"):
            self._stream(asked, said)
        else:
            usage = self._count(_usage(said))
            message = {"role": "assistant", "content": ANSWER}
            choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
            self._send(200, {**_head(asked["model"], "chat.completion"), "choices": choices, "usage": usage})

    def _embed(self, model: str, said: dict[str, str]) -> None:
        usage = self._count({"prompt_tokens": int(said["in"]), "total_tokens": int(said["in"])})
        data = [{"object": "embedding", "index": 0, "embedding": [0.25, 0.5]}]
        self._send(200, {"object": "list", "model": model, "data": data, "usage": usage})

    def _stream(self, asked: dict[str, Any], said: dict[str, str]) -> None:
        with_usage = (asked.get("stream_options") or {}).get("include_usage")
        usage = self._count(_usage(said) if with_usage else {})
        head = _head(asked["model"], "chat.completion.chunk")
        deltas = [{"role": "assistant", "content": ANSWER[:6]}, {"content": ANSWER[6:]}]
        chunks: list[dict[str, Any]] = [
            {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
        ]
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        if with_usage:
            chunks.append({"choices": [], "usage": usage})
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(b"data: " + json.dumps(head | chunk).encode() + b"\n\n")
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def _count(self, usage: dict[str, Any]) -> dict[str, Any]:
        self.server.told.count(usage)  # type: ignore[attr-defined]
        return usage

    def _send(self, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _text(asked: dict[str, Any]) -> str:
    if "messages" in asked:
        return str(asked["messages"][-1]["content"])
    return str(asked["input"])


def _head(model: str, kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-same-every-time", "object": kind, "created": 1_700_000_000, "model": f"{model}-2026-01-01"}


def _usage(said: dict[str, str]) -> dict[str, Any]:
    prompt, completion = int(said["in"]), int(said["out"])
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": int(said.get("cached", 0))},
        "completion_tokens_details": {"reasoning_tokens": int(said.get("reasoning", 0))},
    }
