"""`import_events`: history out of files, exactly once, with every row that cannot be taken said."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import OperationalError

from analytics.ingest.load import store
from analytics.management.commands import import_events
from analytics.models import Assistant, DailyTotal, PendingEvent, UsageEvent, Workflow
from tests.analytics.parallel import python
from usermgmt.models import Team, User

pytestmark = pytest.mark.django_db

DATA = Path(__file__).parents[4] / "shared" / "data"
SAMPLE = DATA / "ai_usage_events.csv.gz"
HEADER = "event_id,occurred_at,user_id,team,kind,assistant,input_tokens,output_tokens"
Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def _current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rejected rows go there."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def table(tmp_path: Path) -> Write:
    """Writes lines as a file and gives its path."""

    def write(*lines: str, name: str = "events.csv") -> Path:
        text = "".join(f"{line}\n" for line in lines).encode()
        path = tmp_path / name
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        return path

    return write


def line(number: int, **given: str) -> str:
    cells = {
        "event_id": f"e{number}", "occurred_at": f"2026-01-{number % 28 + 1:02}T10:00:00+01:00",
        "user_id": f"u{number % 7}", "team": "Sales", "kind": "assistant", "assistant": "docs",
        "input_tokens": "10", "output_tokens": "5",
    }  # fmt: skip
    return ",".join((cells | given).values())


def run(*arguments: object) -> str:
    """What the command prints."""
    output = StringIO()
    call_command("import_events", *map(str, arguments), stdout=output)
    return output.getvalue()


def stopped(*arguments: object) -> tuple[str, str, int]:
    """What the command prints, how it ends, and its exit code, where it ends badly."""
    output = StringIO()
    with pytest.raises(CommandError) as error:
        call_command("import_events", *map(str, arguments), stdout=output)
    return output.getvalue(), str(error.value), error.value.returncode


def figures(output: str) -> dict[str, int]:
    """accepted, duplicate, rejected and tokens of a summary."""
    words = (text.split() for text in output.splitlines() if text.startswith("  "))
    return {w[0]: int(w[1].replace(",", "")) for w in words if len(w) == 2}


def rejects(path: Path = Path("events.rejected.csv")) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


# --- What comes in ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["events.csv", "events.csv.gz"])
def test_a_file_comes_in_and_is_folded(table: Write, name: str) -> None:
    output = run(table(HEADER, *map(line, range(20)), name=name))
    assert figures(output) == {"accepted": 20, "duplicate": 0, "rejected": 0, "tokens": 300}
    assert UsageEvent.objects.count() == 20
    assert not PendingEvent.objects.exists()
    assert DailyTotal.objects.count() == 20
    assert "up to date" in output
    assert not Path("events.rejected.csv").exists()


def test_the_same_file_again_is_all_duplicates(table: Write) -> None:
    path = table(HEADER, *map(line, range(20)))
    run(path)
    totals = list(DailyTotal.objects.order_by("day").values())
    assert figures(run(path)) == {"accepted": 0, "duplicate": 20, "rejected": 0, "tokens": 0}
    assert list(DailyTotal.objects.order_by("day").values()) == totals


def test_another_source_has_ids_of_its_own(table: Write) -> None:
    path = table(HEADER, line(1))
    for source in ("one", "two", "one"):
        run(path, "--source", source)
    assert sorted(UsageEvent.objects.values_list("source", flat=True)) == ["one", "two"]


def test_every_format_says_the_same(table: Write, tmp_path: Path) -> None:
    """The second and third find only duplicates, although their values have other types."""
    cells = [dict(zip(HEADER.split(","), line(n).split(","), strict=True)) for n in range(10)]
    typed: list[dict[str, Any]] = [
        said | {"input_tokens": int(said["input_tokens"]), "output_tokens": int(said["output_tokens"])}
        for said in cells
    ]
    objects = table(*map(json.dumps, typed), name="events.jsonl.gz")
    columns = {name: [said[name] for said in typed] for name in typed[0]}
    columns["occurred_at"] = pa.array([dt.datetime.fromisoformat(at) for at in columns["occurred_at"]])
    pq.write_table(pa.table(columns), tmp_path / "events.parquet")
    assert figures(run(table(HEADER, *map(line, range(10)))))["accepted"] == 10
    assert figures(run(objects))["duplicate"] == 10
    assert figures(run(tmp_path / "events.parquet"))["duplicate"] == 10


def test_several_files_are_one_import(table: Write) -> None:
    first = table(HEADER, line(1), line(2))
    second = table(json.dumps({"event_id": "e3", "occurred_at": "2026-01-03T10:00:00Z"}), name="more.jsonl")
    assert figures(run(first, second, "--batch-size", "1"))["accepted"] == 3


def test_content_and_other_columns_are_ignored_and_said(table: Write) -> None:
    output = run(table("event_id,occurred_at,prompt,answer", '1,2026-01-01T10:00:00Z,"my ""secret""\nprompt",42'))
    assert "ignored columns: prompt, answer" in output
    assert UsageEvent.objects.count() == 1


def test_one_column_names_assistants_and_workflows_by_kind(table: Write) -> None:
    lines = [line(1, kind="workflow", assistant="digest"), line(2), line(3, kind="chat")]
    run(table(HEADER, *lines), "--map", "workflow=assistant")
    assert [item.name for item in Workflow.objects.all()] == ["digest"]
    assert [item.name for item in Assistant.objects.all()] == ["docs"]
    assert sorted(UsageEvent.objects.values_list("kind", "assistant_id", "workflow_id")) == [
        (1, 0, 0), (2, Assistant.objects.get().pk, 0), (3, 0, Workflow.objects.get().pk),
    ]  # fmt: skip


def test_naive_times_need_a_zone(table: Write) -> None:
    path = table("event_id,occurred_at", "1,2026-07-01 10:00:00")
    assert "rejected" in stopped(path)[1]
    run(path, "--naive-zone", "Europe/Berlin")
    assert UsageEvent.objects.get().occurred_at == dt.datetime(2026, 7, 1, 8, tzinfo=dt.UTC)


# --- What is refused ----------------------------------------------------------------------------------------------
def test_rejected_rows_are_written_with_line_and_reason_and_the_rest_comes_in(table: Write) -> None:
    lines = [line(1), line(2, input_tokens="-1"), line(3), "e4,2026-01-01", line(5, occurred_at="soon"), line(6)]
    output, said, code = stopped(table(HEADER, *lines), "--batch-size", "2")
    assert figures(output) == {"accepted": 3, "duplicate": 0, "rejected": 3, "tokens": 45}
    assert (said, code) == ("3 rows were rejected: see events.rejected.csv", 1)
    assert "1 × input_tokens" in output
    found = rejects()
    assert [(row["line"], row["event_id"], row["input_tokens"]) for row in found] == [
        ("3", "e2", "-1"),
        ("5", "", ""),
        ("6", "e5", "10"),
    ]
    assert {row["file"] for row in found} == {str(Path("events.csv").resolve())}
    assert "8" in found[1]["reason"]
    assert not PendingEvent.objects.exists()


def test_a_corrected_copy_of_the_rejected_rows_can_be_imported(table: Write) -> None:
    stopped(table(HEADER, line(1), line(2, kind="Assistant")))
    fixed = Path("fixed.csv")
    fixed.write_text(Path("events.rejected.csv").read_text(encoding="utf-8-sig").replace(",Assistant,", ",assistant,"))
    assert figures(run(fixed))["accepted"] == 1
    assert UsageEvent.objects.filter(input_tokens=10, output_tokens=5, kind=2).count() == 2


def test_rejected_rows_hold_no_content_and_no_formula(table: Write) -> None:
    bad = {
        "event_id": "=1+1",
        "occurred_at": "2026-01-01T10:00:00Z",
        "input_tokens": -1,
        "prompt": "secret",
        "user_id": {"a": "\ud800"},
    }
    good = {
        "event_id": "1",
        "occurred_at": "2026-01-01T10:00:00Z",
        "input_tokens": 1,
        "prompt": "secret",
        "user_id": "u",
    }
    stopped(
        table(json.dumps(good), json.dumps(bad).replace("\\ud800", "x"), name="events.jsonl"), "--rejects", "bad.csv"
    )
    assert "secret" not in Path("bad.csv").read_text()
    assert rejects(Path("bad.csv"))[0]["event_id"] == "'=1+1"


def test_an_input_is_never_overwritten(table: Write) -> None:
    path = table(HEADER, line(1, kind="x"))
    assert "overwrite" in stopped(path, "--rejects", path)[1]
    assert "cannot be written" in stopped(path, "--rejects", "no/folder/bad.csv")[1]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("events.csv", b"", "is empty"),
        ("events.csv", b"event_id,user\n1,2\n", "no column gives occurred_at"),
        ("events.csv", b"\x7fELF\x00\x00", "binary"),
        ("events.csv.gz", b"\x1f\x8b nothing behind it", "cannot|damaged|truncated"),
        ("events.jsonl", b"[1, 2]\n", "one JSON object a line"),
        ("events.parquet", b"PAR1PAR1", "damaged"),
        ("events.docx", b"PK\x03\x04", "only .csv"),
    ],
)
def test_a_file_that_is_none_stops_everything_before_anything_is_written(
    table: Write, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    good = table(HEADER, line(1), name="good.csv")
    (tmp_path / name).write_bytes(content)
    output, message, code = stopped(good, tmp_path / name)
    assert any(part in message for part in said.split("|")), message
    assert "Nothing was imported." in message
    assert (output, code) == ("", 1)
    assert not UsageEvent.objects.exists()
    assert not User.objects.exists()


def test_a_truncated_file_says_how_many_rows_stand_and_is_folded(table: Write) -> None:
    lines = [line(n, event_id=f"{n:030x}{n * 7919 % 100_003:x}") for n in range(6_000)]
    path = table(HEADER, *lines, name="events.csv.gz")
    path.write_bytes(path.read_bytes()[:-2_000])
    output, said, code = stopped(path, "--batch-size", "500")
    stored = UsageEvent.objects.count()
    assert 0 < stored < 6_000
    assert figures(output)["accepted"] == stored
    assert "truncated" in said
    assert f"{stored:,} rows before that are stored" in said
    assert code == 1
    assert not PendingEvent.objects.exists()
    whole = table(HEADER, *lines, name="events.csv.gz")
    assert figures(run(whole)) | {"tokens": 0} == {
        "accepted": 6_000 - stored,
        "duplicate": stored,
        "rejected": 0,
        "tokens": 0,
    }


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--map", "salary=team"], "no field salary"),
        (["--map", "team"], "is not OURS=THEIRS"),
        (["--map", "team=group"], "no column group"),
        (["--naive-zone", "Mars/Olympus"], "no time zone"),
        (["--naive-zone", "../../etc/passwd"], "no time zone"),
        (["--source", "x" * 41], "1 to 40 characters"),
        (["--source", "a\nb"], "1 to 40 characters"),
        (["--batch-size", "0"], "number from 1"),
    ],
)
def test_a_wrong_option_is_said(table: Write, option: list[str], said: str) -> None:
    path = table(HEADER, line(1))
    with pytest.raises(CommandError, match=said):
        run(path, *option)
    assert not UsageEvent.objects.exists()


def test_a_dry_run_checks_all_and_stores_nothing(table: Write) -> None:
    output, _said, code = stopped(table(HEADER, line(1), line(2, kind="x"), line(3)), "--dry-run")
    assert figures(output) == {"acceptable": 2, "duplicate": 0, "rejected": 1, "tokens": 30}
    assert code == 1
    assert len(rejects()) == 1
    assert not any(model._default_manager.exists() for model in (UsageEvent, PendingEvent, User, Team, Assistant))


# --- Interruptions ------------------------------------------------------------------------------------------------
def test_ctrl_c_leaves_whole_batches_and_the_rerun_goes_on(table: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table(HEADER, *map(line, range(50)))
    _interrupt_after(3, KeyboardInterrupt(), monkeypatch)
    _output, said, code = stopped(path, "--batch-size", "10")
    assert (code, UsageEvent.objects.count()) == (130, 30)
    assert "30 rows before that are stored" in said
    monkeypatch.undo()
    assert figures(run(path, "--rejects", path.with_name("r.csv")))["duplicate"] == 30
    assert UsageEvent.objects.count() == 50


def test_a_database_that_stops_is_said(table: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    _interrupt_after(1, OperationalError("terminating connection"), monkeypatch)
    _output, said, code = stopped(table(HEADER, *map(line, range(30))), "--batch-size", "10")
    assert "terminating connection" in said
    assert "10 rows before that are stored" in said
    assert code == 1


def _interrupt_after(batches: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    left = iter(range(batches))

    def interrupted(*arguments: Any) -> None:
        if next(left, None) is None:
            raise error
        store(*arguments)

    monkeypatch.setattr(import_events, "store", interrupted)


@pytest.mark.django_db(transaction=True)
def test_a_real_ctrl_c_in_a_real_process(table: Write) -> None:
    path = table(HEADER, *map(line, range(60_000)))
    manage = str(settings.BASE_DIR / "manage.py")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it, and so would a child
    process = python(manage, "import_events", str(path), "--batch-size", "500")
    while UsageEvent.objects.count() < 500 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    stored = UsageEvent.objects.count()
    assert 0 < stored < 60_000
    assert stored % 500 == 0
    assert PendingEvent.objects.count() == stored
    output = run(path)
    assert figures(output)["duplicate"] == stored
    assert UsageEvent.objects.count() == 60_000


def test_the_help_names_every_field() -> None:
    manage = settings.BASE_DIR / "manage.py"
    shown = subprocess.run(
        [sys.executable, manage, "import_events", "--help"], capture_output=True, text=True, check=True
    )
    for word in ("--map", "--source", "--dry-run", "--rejects", "--naive-zone", "reasoning_tokens", "Parquet"):
        assert word in shown.stdout


# --- The real sample ----------------------------------------------------------------------------------------------
@pytest.mark.skipif(not SAMPLE.exists(), reason="The real sample is not beside this clone.")
def test_the_real_sample_comes_in_whole() -> None:
    """Counted here from raw events; the page, the export and the metrics are compared elsewhere."""
    totals = json.loads((DATA / "totals.json").read_text())["totals"]
    output = run(SAMPLE, "--map", "workflow=assistant", "--map", "user_id=user_id")
    assert figures(output) == {
        "accepted": totals["events"], "duplicate": 0, "rejected": 0, "tokens": totals["total_tokens"],
    }  # fmt: skip
    assert User.objects.count() == totals["active_users"]
    assert Team.objects.count() == totals["teams"]
    assert {item.name for item in (*Assistant.objects.all(), *Workflow.objects.all())} == _column("assistant")
    assert len(_column("assistant")) == totals["assistants"]
    assert _counts("kind", {2: "assistant", 3: "workflow"}) == totals["by_kind"]
    assert _counts("status", {1: "success", 2: "error", 3: "cancelled"}) == totals["by_status"]
    assert UsageEvent.objects.filter(latency_ms__isnull=False).count() == totals["events_with_latency"]
    assert not UsageEvent.objects.filter(assistant_id__gt=0, workflow_id__gt=0).exists()
    ends = UsageEvent.objects.order_by("occurred_at").values_list("occurred_at", flat=True)
    assert [at.isoformat() for at in (ends[0], ends.reverse()[0])] == [totals["first_utc"], totals["last_utc"]]


def _column(name: str) -> set[str]:
    with gzip.open(SAMPLE, "rt", newline="") as file:
        return {row[name] for row in csv.DictReader(file)}


def _counts(field: str, names: dict[int, str]) -> dict[str, int]:
    values: Iterable[int] = UsageEvent.objects.values_list(field, flat=True)
    return {names[value]: count for value, count in Counter(values).items()}
