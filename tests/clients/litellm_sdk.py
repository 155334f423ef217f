"""An application that asks models through the LiteLLM SDK. Run by tests as a program of its own (see `forks`)."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import litellm
import openai
from litellm.integrations.generic_api.generic_api_callback import GenericAPILogger

from tests.clients import forks


async def ask(call: dict[str, Any], api_base: str) -> None:
    to = {"api_base": api_base, "api_key": "sk-fake", "max_retries": 0, "num_retries": 0, **call.get("with", {})}
    with suppress(openai.APIError):
        if call["kind"] == "embedding":
            await litellm.aembedding(model="openai/text-embedding-3-small", input=[call["text"]], **to)
            return
        messages = [{"role": "user", "content": call["text"]}]
        if call["kind"] == "stream":
            to |= {"stream": True, "stream_options": {"include_usage": True}}
        answer = await litellm.acompletion(model="openai/gpt-4o-mini", messages=messages, **to)
        if call["kind"] == "stream":
            async for _chunk in answer:
                pass


async def carry_out(plan: dict[str, Any], until_the_end: Callable[[], object]) -> None:
    # By its class: the name "generic_api" finds it only where LiteLLM's enterprise package is installed.
    litellm.callbacks = [GenericAPILogger(**plan["callback"])]
    litellm.generic_api_use_v1 = plan["old_payload"]
    for call in plan["calls"]:
        await ask(call, plan["api_base"])
    await asyncio.to_thread(until_the_end)


forks.serve(lambda plan, until_the_end: asyncio.run(carry_out(plan, until_the_end)))
