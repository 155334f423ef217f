"""What LiteLLM's `generic_api` callback posts of a call, as far as it is read. The rest is skipped."""

from __future__ import annotations

from typing import Literal

import msgspec

from analytics.ingest.decoding import Counted

Name = str | int | None


class PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_creation_tokens: int | None = None
    cache_write_tokens: int | None = None


class CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class Usage(msgspec.Struct):
    """The provider's numbers as LiteLLM passes them on, the Anthropic ones beside those that all have."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class CallerMetadata(msgspec.Struct):
    """What the caller put into the request's metadata, as far as it is ours."""

    assistant_id: Name = None
    assistant: Name = None
    workflow_id: Name = None
    workflow: Name = None
    request: msgspec.Raw = msgspec.Raw()
    task: msgspec.Raw = msgspec.Raw()


class CallerHeaders(msgspec.Struct, rename=lambda name: "x-" + name.replace("_", "-")):
    assistant_id: str | None = None
    assistant: str | None = None
    workflow_id: str | None = None
    workflow: str | None = None
    request: str | None = None


class Metadata(msgspec.Struct):
    user_api_key_hash: str | None = None
    user_api_key_user_id: str | None = None
    user_api_key_user_email: str | None = None
    user_api_key_team_id: str | None = None
    user_api_key_team_alias: str | None = None
    requester_metadata: CallerMetadata | None = None
    requester_custom_headers: CallerHeaders | None = None
    usage_object: Usage | None = None
    is_silent_experiment: bool | None = None


class Parameters(msgspec.Struct):
    user: Name = None


class Failure(msgspec.Struct):
    error_code: Name = None


class Call(Counted):
    """One element. `usage`, `user` and texts in place of times and metadata are those of the old payload."""

    id: str | None = None
    litellm_call_id: str | None = None
    call_type: str | None = None
    status: Literal["success", "failure"] | None = None
    startTime: float | str | None = None  # noqa: N815
    endTime: float | str | None = None  # noqa: N815
    response_time: float | None = None
    model: str | None = None
    model_group: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    request_tags: msgspec.Raw = msgspec.Raw()
    metadata: Metadata | str | None = None
    model_parameters: Parameters | None = None
    error_information: Failure | None = None
    usage: str | None = None
    user: str | None = None
