"""The charts of the Analytics tab, and that of the budget, as Plotly figures. The only room that knows Plotly.

In: an `AnalyticsReport`. Out: JSON for the page's one Plotly wrapper (`static/js/charts.js`), "" where there is nothing
to draw. Colours are names of design tokens, `var(--…)`, which the wrapper looks up when it draws: a figure fits both
themes. Names come from people and Plotly reads labels as markup, so every one goes through `literal`. No
markup of ours but <br>: the others become inline styles, which the content security policy refuses.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.io
from django.utils.formats import get_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext, pgettext_lazy

from analytics.labels import Noun, abbreviate, label, mark, none_label
from analytics.metrics.figures import Bucket, DayFigures, Named
from analytics.report import AnalyticsReport

plotly.io.templates.default = None  # the look is the wrapper's, Plotly's own would be copied into every figure

MAX_SLICES = 8
MAX_BARS = 10
AXIS_LETTERS = 26
DAYS_WITH_MARKERS = 45  # beyond, one dot a day would hide the line
DAYS_WITH_A_WIDE_LINE = 120
DAY_MS = 24 * 3600 * 1000

ACCENT = "var(--series-1)"
MUTED = "var(--text-muted)"
TEXT = "var(--text)"
SURFACE = "var(--surface)"
CLEAR = "rgba(0,0,0,0)"
HATCHED = {"fgcolor": SURFACE, "size": 6, "solidity": 0.35}


def literal(text: str) -> str:
    """`text` so that Plotly shows it letter by letter: its labels are pseudo-HTML, in which names could form links."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the pie: a team, those without one, or all that are left (`others` of them)."""

    name: str
    tokens: int
    share: float
    color: int  # 1..8, 9 for what is left over, 0 for no team
    others: int = 0


def team_slices(report: AnalyticsReport) -> tuple[Slice, ...]:
    """At most `MAX_SLICES` slices by tokens, plus one for the rest; those without a team are never part of the rest.

    Their tokens sum exactly to the range's tokens. Teams without tokens have no slice.
    """
    total = report.totals.tokens
    counted = [team for team in report.teams if team.tokens]
    teamless = [team for team in counted if team.id == 0]
    named = [team for team in counted if team.id != 0]
    room = MAX_SLICES - len(teamless)
    slices = [
        Slice(label(team, Noun.TEAM), team.tokens, team.tokens / total, color)
        for color, team in enumerate(named[:room], start=1)
    ]
    slices += [Slice(none_label(Noun.TEAM), team.tokens, team.tokens / total, 0) for team in teamless]
    slices.sort(key=lambda part: -part.tokens)
    rest = named[room:]
    if rest:
        tokens = sum(team.tokens for team in rest)
        name = ngettext("Other (%(teams)s team)", "Other (%(teams)s teams)", len(rest)) % {"teams": len(rest)}
        slices.append(Slice(name, tokens, tokens / total, 9, len(rest)))
    return tuple(slices)


def active_users(report: AnalyticsReport) -> str:
    """A line with one point per day; a day still going on hangs on it by dashes, hollow."""
    if not report.totals.active_users:
        return ""
    days = report.days
    complete = [day for day in days if not day.incomplete]
    traces: list[dict[str, Any]] = [
        dict(
            type="scatter",
            x=_dates(complete),
            y=[day.active_users for day in complete],
            mode="lines+markers" if len(days) <= DAYS_WITH_MARKERS else "lines",
            line={"color": ACCENT, "width": 2 if len(days) <= DAYS_WITH_A_WIDE_LINE else 1.5},
            marker={"color": ACCENT, "size": 5},
            fill="tozeroy",
            fillcolor="var(--chart-area)",
            hoverinfo="skip",
            cliponaxis=False,
        ),
        *(trace for day in days if day.incomplete for trace in _running_day(complete[-1:], day)),
        dict(  # what the hover reads: one trace, so that one day is told at a time
            type="scatter",
            x=_dates(days),
            y=[day.active_users for day in days],
            customdata=[f" ({literal(_('so far'))})" if day.incomplete else "" for day in days],
            mode="markers",
            marker={"color": CLEAR},
            hovertemplate=_day_hover(),
        ),
    ]
    return _json(
        traces,
        xaxis=_day_axis(days),
        yaxis=_count_axis(max(day.active_users for day in days)),
        hovermode="x",
        margin={"l": 4, "r": 12, "t": 12, "b": 4},
    )


def _running_day(before: list[DayFigures], day: DayFigures) -> tuple[dict[str, Any], dict[str, Any]]:
    """Dashes from the day before, if there is one, to a hollow dot."""
    joint = [*before, day]
    dashes = dict(
        type="scatter",
        x=_dates(joint),
        y=[point.active_users for point in joint],
        mode="lines",
        line={"color": ACCENT, "width": 2, "dash": "dot"},
        hoverinfo="skip",
    )
    dot = dict(
        type="scatter",
        x=_dates([day]),
        y=[day.active_users],
        mode="markers",
        marker={"color": SURFACE, "size": 8, "line": {"color": ACCENT, "width": 2}},
        hoverinfo="skip",
        cliponaxis=False,
    )
    return dashes, dot


def token_usage_per_team(report: AnalyticsReport) -> str:
    """A ring of the team slices; the legend is the page's own list beside it."""
    slices = team_slices(report)
    if not slices:
        return ""
    colors = [f"var(--series-{part.color})" if part.color else MUTED for part in slices]
    pie = dict(
        type="pie",
        labels=[str(place) for place in range(len(slices))],  # equal labels would be one slice to Plotly
        values=[part.tokens for part in slices],
        text=[literal(part.name) for part in slices],
        customdata=[part.share * 100 for part in slices],  # Plotly's own percents stand close to their sign
        hole=0.62,
        sort=False,
        direction="clockwise",
        textinfo="none",
        marker={
            "colors": colors,
            "line": {"color": SURFACE, "width": 2},
            "pattern": {
                "shape": ["" if part.color else "/" for part in slices],
                "bgcolor": colors,
                **HATCHED,
            },
        },
        hovertemplate="%{text}<br>"
        + literal(_("%(tokens)s tokens · %(percent)s"))
        % {"tokens": "%{value:,d}", "percent": "%{customdata:.1f}\N{NO-BREAK SPACE}%"}
        + "<extra></extra>",
    )
    return _json([pie], margin={"l": 4, "r": 4, "t": 4, "b": 4})


def shown_workflows(report: AnalyticsReport) -> tuple[Named, ...]:
    """The workflows that have a bar: the most run, in the report's order. One without a run has none."""
    return tuple(workflow for workflow in report.workflows if workflow.requests)[:MAX_BARS]


def top_workflows(report: AnalyticsReport) -> str:
    """Bars of the most run workflows, the most on top; the axis abbreviates names, the hover tells them whole."""
    shown = shown_workflows(report)
    if not shown:
        return ""
    places = list(range(len(shown)))
    bars = dict(
        type="bar",
        x=[workflow.requests for workflow in shown],
        y=places,  # numbers, not names: two names that are abbreviated alike stay two bars
        orientation="h",
        marker={"color": ACCENT, "cornerradius": 4},
        width=0.62,
        text=[workflow.requests for workflow in shown],
        texttemplate="%{x:,d}",
        textposition="outside",
        textfont={"color": TEXT},
        cliponaxis=False,
        customdata=[[literal(label(workflow, Noun.WORKFLOW)), workflow.tokens] for workflow in shown],
        hovertemplate="%{customdata[0]}<br>"
        + literal(_("%(runs)s runs · %(tokens)s tokens")) % {"runs": "%{x:,d}", "tokens": "%{customdata[1]:,d}"}
        + "<extra></extra>",
    )
    return _json(
        [bars],
        xaxis={"visible": False, "fixedrange": True, "range": [0, shown[0].requests * 1.18]},
        yaxis={
            "tickvals": places,
            "ticktext": [literal(_axis_name(workflow)) for workflow in shown],
            "range": [max(len(shown), 5) - 0.5, -0.5],  # a single bar does not fill the whole height
            "automargin": True,
            "fixedrange": True,
            "showgrid": False,
            "zeroline": False,
            "ticks": "outside",
            "ticklen": 6,
            "tickcolor": CLEAR,
            "tickfont": {"color": TEXT},
        },
        hovermode="y",
        margin={"l": 4, "r": 12, "t": 4, "b": 4},
    )


def time_to_first_value(report: AnalyticsReport) -> str:
    """Bars of people who joined in the range by time to first value; "never" in two parts by time since joining."""
    answer = report.first_value
    if not answer.included:
        return ""
    buckets = list(Bucket)
    reached = [0 if bucket is Bucket.NEVER else answer.buckets.get(bucket, 0) for bucket in buckets]
    names = [literal(bucket_name(bucket)) for bucket in buckets]
    parts = (
        (_("Reached value"), reached, "var(--series-1)", ""),
        (_("Never, joined 7 days ago or earlier"), _only_never(answer.never_old), "var(--series-3)", ""),
        (_("Never, joined less than 7 days ago"), _only_never(answer.never_recent), "var(--series-3)", "/"),
    )
    traces = [
        dict(
            type="bar",
            x=names,
            y=values,
            marker={
                "color": color,
                "cornerradius": 3,
                "pattern": {"shape": pattern, "bgcolor": color, **HATCHED},
            },
            customdata=[literal(name)] * len(values),
            hovertemplate="%{x}<br>%{customdata}: %{y:,d}<extra></extra>",
        )
        for name, values, color, pattern in parts
    ]
    heights = [*reached[:-1], answer.never_old + answer.never_recent]
    totals = dict(
        type="scatter",
        x=names,
        y=heights,
        mode="text",
        text=heights,
        texttemplate="%{y:,d}",
        textposition="top center",
        textfont={"color": TEXT},
        cliponaxis=False,
        hoverinfo="skip",
    )
    return _json(
        [*traces, totals],
        barmode="stack",
        bargap=0.35,
        xaxis={
            "type": "category",
            "fixedrange": True,
            "showgrid": False,
            "tickangle": 0,
            "ticklabelstandoff": 4,
            "automargin": "height",
        },
        yaxis=_count_axis(max(heights)),
        hovermode="x",
        margin={"l": 4, "r": 8, "t": 20, "b": 4},
    )


@dataclass(frozen=True, slots=True)
class PeriodBar:
    """One bar of `tokens_per_period`; the present period is still going on."""

    name: str
    tick: str  # the name as an axis has room for it; a new line in it is one there
    tokens: int
    is_present: bool = False


def tokens_per_period(bars: Sequence[PeriodBar], budget: int | None, tick: Callable[[int], str]) -> str:
    """Bars of tokens, one a period in the given order, the present one hatched; the budget as a dashed line across.

    `tick` writes a round number for the axis: Plotly knows no language's millions.
    """
    highest = max((bar.tokens for bar in bars), default=0)
    if not highest:
        return ""
    places = list(range(len(bars)))  # numbers, not names: two periods of one name stay two bars
    bar_trace = dict(
        type="bar",
        x=places,
        y=[bar.tokens for bar in bars],
        marker={
            "color": ACCENT,
            "cornerradius": 4,
            "pattern": {"shape": ["/" if bar.is_present else "" for bar in bars], "bgcolor": ACCENT, **HATCHED},
        },
        customdata=[[literal(bar.name), f" ({literal(_('so far'))})" if bar.is_present else ""] for bar in bars],
        hovertemplate="%{customdata[0]}%{customdata[1]}<br>"
        + literal(_("%(tokens)s tokens")) % {"tokens": "%{y:,d}"}
        + "<extra></extra>",
    )
    layout: dict[str, Any] = {
        "bargap": 0.4,
        "xaxis": {
            "tickvals": places,
            "ticktext": ["<br>".join(map(literal, bar.tick.split("\n"))) for bar in bars],
            "fixedrange": True,
            "showgrid": False,
            "zeroline": False,
            "tickangle": 0,
            "ticklabelstandoff": 4,
            "automargin": "height",
        },
        "yaxis": _count_axis(max(highest, budget or 0)) | _round_ticks(max(highest, budget or 0), tick),
        "hovermode": "closest",
        "margin": {"l": 4, "r": 12, "t": 12, "b": 4},
    }
    if budget is not None:
        line = {"color": TEXT, "width": 1.5, "dash": "dash"}
        layout["shapes"] = [
            {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": budget, "y1": budget, "line": line}
        ]
        layout["yaxis"] |= {"range": [0, max(highest, budget) * 1.08]}
    return _json([bar_trace], **layout)


@dataclass(frozen=True, slots=True)
class BucketRow:
    """The people of one bar, as the table beside the chart has them."""

    name: str
    users: int
    share: float


def bucket_rows(report: AnalyticsReport) -> tuple[BucketRow, ...]:
    """A row per bar of `time_to_first_value`, in its order. The shares are of everybody included."""
    answer = report.first_value
    counts = [(bucket_name(bucket), answer.buckets.get(bucket, 0)) for bucket in Bucket]
    return tuple(BucketRow(name, users, users / (answer.included or 1)) for name, users in counts)


_BUCKETS = {
    Bucket.UNDER_1H: pgettext_lazy("time to first value", "<1h"),
    Bucket.H1_6: pgettext_lazy("time to first value", "1–6h"),
    Bucket.H6_24: pgettext_lazy("time to first value", "6–24h"),
    Bucket.D1_3: pgettext_lazy("time to first value", "1–3d"),
    Bucket.D3_7: pgettext_lazy("time to first value", "3–7d"),
    Bucket.D7_PLUS: pgettext_lazy("time to first value", "7+d"),
    Bucket.NEVER: pgettext_lazy("time to first value", "Never"),
}


def bucket_name(bucket: Bucket) -> str:
    """The bucket as the reader's language writes it."""
    return str(_BUCKETS[bucket])


def _only_never(users: int) -> list[int]:
    return [users if bucket is Bucket.NEVER else 0 for bucket in Bucket]


def _axis_name(workflow: Named) -> str:
    if workflow.id == 0:
        return none_label(Noun.WORKFLOW)
    return abbreviate(workflow.name, AXIS_LETTERS, mark(workflow))


def _dates(days: Sequence[DayFigures]) -> list[str]:
    return [day.day.isoformat() for day in days]


def _day_hover() -> str:
    """The day in words, then the count. The format is d3's; the wrapper brings the language's names of days."""
    people = literal(_("Active users: %(people)s")) % {"people": "%{y:,d}"}
    return "%{x|" + _day_format() + "}%{customdata}<br>" + people + "<extra></extra>"


def _day_format() -> str:
    return pgettext("d3 date format: weekday, day, month, year", "%a %-d %b %Y")


def _day_axis(days: tuple[DayFigures, ...]) -> dict[str, Any]:
    half = dt.timedelta(hours=12)
    start = dt.datetime.combine(days[0].day, dt.time.min)
    end = dt.datetime.combine(days[-1].day, dt.time.min)
    edge = half if len(days) == 1 else dt.timedelta(hours=2) * (len(days) / 30)
    axis: dict[str, Any] = {
        "type": "date",
        "range": [(start - edge).isoformat(), (end + edge).isoformat()],
        "fixedrange": True,
        "hoverformat": _day_format(),
        "showgrid": False,
        "nticks": 7,
        "tickangle": 0,
        "ticklabelstandoff": 4,
        "automargin": "height",
        "zeroline": False,
        "showspikes": True,
        "spikemode": "across",
        "spikesnap": "data",
        "spikethickness": 1,
        "spikedash": "solid",
        "spikecolor": "var(--border-strong)",
    }
    if len(days) <= 7:  # left alone, Plotly would mark noon as well
        axis |= {"dtick": DAY_MS, "tick0": days[0].day.isoformat()}
    return axis


def _count_axis(highest: int) -> dict[str, Any]:
    """An axis of whole things from 0: no halves of a person on it."""
    axis: dict[str, Any] = {
        "rangemode": "tozero",
        "fixedrange": True,
        "gridcolor": "var(--grid)",
        "zerolinecolor": "var(--border-strong)",
        "nticks": 5,
        "tickformat": ",d",
        "automargin": True,
        "ticks": "outside",
        "ticklen": 6,
        "tickcolor": CLEAR,
    }
    if highest < 5:
        axis |= {"dtick": 1, "range": [0, max(highest, 1) + 0.4]}
    return axis


def _round_ticks(highest: int, tick: Callable[[int], str]) -> dict[str, Any]:
    """Three to six marks from 0 on, at 1, 2 or 5 of a power of ten."""
    steps = (digit * 10**power for power in range(18) for digit in (1, 2, 5))
    step = next(step for step in steps if highest / step <= 5)
    values = list(range(0, highest + 1, step))
    return {"tickvals": values, "ticktext": [literal(tick(value)) for value in values]}


def _json(traces: list[Any], **layout: Any) -> str:
    separators = get_format("DECIMAL_SEPARATOR") + get_format("THOUSAND_SEPARATOR")
    figure = {"data": traces, "layout": {**layout, "separators": separators}}
    # That Plotly takes it is for the tests to say: its validation would be a fifth of the page's time.
    return str(plotly.io.to_json(figure, validate=False, engine="json"))
