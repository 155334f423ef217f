"""How a client is pointed at this panel: what to paste where, with the panel's address and a key filled in.

In: what a key may do, the key or what stands for it. Out: `Guide`s for the template. To add a client, write what is
pasted into `snippets`, its guide here, and a line into `_GUIDES`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from analytics.views import snippets

PLACEHOLDER = "YOUR_KEY"


@dataclass(frozen=True, slots=True)
class Snippet:
    """Text to paste. `place` is where it goes: the name of a file, or a word for it."""

    place: str
    text: str
    key: str

    @property
    def pieces(self) -> list[str]:
        """The text without the key, which stands between each two of them."""
        return self.text.split(self.key)


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do, with what is pasted; without a snippet, something to know. Code stands in backticks."""

    text: str
    snippet: Snippet | None = None


@dataclass(frozen=True, slots=True)
class Guide:
    """`name` is unique among guides."""

    name: str
    label: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class _Filling:
    """What snippets are filled in with."""

    url: str
    key: str
    now: dt.datetime

    def snippet(self, place: str, text: str) -> Snippet:
        address = urlsplit(self.url)
        for token, value in {
            "PANEL_URL": self.url,
            "PANEL_SCHEME": address.scheme,
            "PANEL_HOST": address.netloc,
            "PANEL_NOW": self.now.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "PANEL_KEY": self.key,
        }.items():
            text = text.replace(token, value)
        return Snippet(place, text.strip("\n"), self.key)


def guides(scopes: Collection[str], now: dt.datetime, key: str = PLACEHOLDER) -> list[Guide]:
    """Those that a key with these scopes can follow, in their order."""
    filling = _Filling(settings.BASE_URL.rstrip("/"), key, now)
    return [guide(filling) for scope, guide in _GUIDES if scope in scopes]


# --- Usage comes in -----------------------------------------------------------------------------------------------


def _litellm_proxy(fill: _Filling) -> Guide:
    return Guide(
        "litellm-proxy",
        _("LiteLLM proxy"),
        (
            Step(
                _("Add this to the proxy's configuration and restart it. It then reports its calls every few seconds."),
                fill.snippet("config.yaml", snippets.LITELLM_CONFIG),
            ),
            Step(
                _(
                    "`max_retries` matters: without it LiteLLM drops a batch that could not be delivered. "
                    "`turn_off_message_logging` keeps prompts and answers inside LiteLLM, for all of its callbacks; "
                    "without it they are sent along, and thrown away here unread."
                )
            ),
            Step(
                _(
                    "People and teams are those of LiteLLM's own keys. Assistants and workflows are named by a tag of "
                    "the call, `assistant:NAME` or `workflow:NAME`."
                ),
                fill.snippet(_("a call"), snippets.LITELLM_CALL),
            ),
        ),
    )


def _litellm_sdk(fill: _Filling) -> Guide:
    return Guide(
        "litellm-sdk",
        _("LiteLLM SDK"),
        (
            Step(_("Set these where the program runs."), fill.snippet(_("environment"), snippets.LITELLM_ENVIRONMENT)),
            Step(
                _("Turn the callback on, and say who asks and by which assistant."),
                fill.snippet("app.py", snippets.LITELLM_PROGRAM),
            ),
            Step(_("Only asynchronous calls are reported: LiteLLM's `completion()`, without the “a”, never posts.")),
        ),
    )


def _otel_python(fill: _Filling) -> Guide:
    return Guide(
        "otel-python",
        _("OpenTelemetry, Python"),
        (
            Step(_("Set these where the program runs."), fill.snippet(_("environment"), snippets.OTEL_ENVIRONMENT)),
            Step(
                _("Install the instrumentation of your model library (here OpenAI's) and start the program with it."),
                fill.snippet(_("shell"), snippets.OTEL_PYTHON_START),
            ),
            Step(_who_asks(), fill.snippet("app.py", snippets.OTEL_PYTHON_PROGRAM)),
            Step(_attributes()),
        ),
    )


def _otel_node(fill: _Filling) -> Guide:
    return Guide(
        "otel-node",
        _("OpenTelemetry, Node"),
        (
            Step(_("Set these where the program runs."), fill.snippet(_("environment"), snippets.OTEL_ENVIRONMENT)),
            Step(
                _("Set up tracing in its own file, with the instrumentation of your model library (here OpenAI's)."),
                fill.snippet("telemetry.js", snippets.OTEL_NODE_TELEMETRY),
            ),
            Step(
                _("Install what it needs, and have it loaded before the program."),
                fill.snippet(_("shell"), snippets.OTEL_NODE_START),
            ),
            Step(_who_asks(), fill.snippet("app.js", snippets.OTEL_NODE_PROGRAM)),
            Step(_attributes()),
        ),
    )


def _who_asks() -> str:
    return _("Libraries know the model and its tokens, but not who asks. Say so around whatever answers a message.")


def _attributes() -> str:
    return _(
        "`user.id` is the platform's id of a person; `user.email` does as well, or both. `team.id` is optional: "
        "without it the person's primary team counts. `gen_ai.agent.name` is the assistant, `gen_ai.workflow.name` "
        "the workflow; with neither it is a chat. One trace is one request, however many model calls it holds."
    )


def _own_code(fill: _Filling) -> Guide:
    return Guide(
        "own-code",
        _("Your own code"),
        (
            Step(
                _("A first event, from any shell. It names nobody, so it creates nobody; sent twice, it counts once."),
                fill.snippet(_("shell"), snippets.CURL_EVENT),
            ),
            Step(
                _(
                    "With most of what it can say, an event looks like this. Send arrays of up to 10,000, or one event "
                    "a line. People, teams, assistants and workflows that are not known yet are created."
                ),
                fill.snippet(_("an event"), snippets.WHOLE_EVENT),
            ),
            Step(
                _(
                    "The answer says of each event whether it was accepted, had been before, or was rejected and why. "
                    "“Accepted” means that it is on disk. On 503, or without an answer, send the same again."
                )
            ),
        ),
    )


# --- Numbers go out -----------------------------------------------------------------------------------------------


def _read(fill: _Filling) -> Guide:
    step = _("The numbers of the Analytics tab, by day, team, assistant, workflow or user.")
    return Guide("read", _("Read numbers"), (Step(step, fill.snippet(_("shell"), snippets.CURL_USAGE)),))


def _limits(fill: _Filling) -> Guide:
    step = _("Asked before a model is called: allowed, warn or blocked, by which limit, and what remains.")
    return Guide("limits", _("Check token limits"), (Step(step, fill.snippet(_("shell"), snippets.CURL_LIMITS)),))


def _metrics(fill: _Filling) -> Guide:
    step = _("How much comes in, what waits to be counted, and how long requests take.")
    return Guide("metrics", "Prometheus", (Step(step, fill.snippet("prometheus.yml", snippets.PROMETHEUS)),))


# Each with the scope that it needs.
_GUIDES: tuple[tuple[str, Callable[[_Filling], Guide]], ...] = (
    ("ingest", _litellm_proxy),
    ("ingest", _litellm_sdk),
    ("ingest", _otel_python),
    ("ingest", _otel_node),
    ("ingest", _own_code),
    ("read", _read),
    ("limits", _limits),
    ("metrics", _metrics),
)
