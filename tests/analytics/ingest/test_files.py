"""Files as rows: every format, every encoding accident, line numbers, and memory that stays where it is."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.ingest.columns import Columns
from analytics.ingest.draft import EventDraft, Rejected
from analytics.ingest.files import open_file
from tests.analytics.streams import examples
from tests.cast import NOW
from usermgmt import sheets
from usermgmt.sheets import Damaged, UnmatchedColumns, UnreadableFile

Put = Callable[[str, "bytes | str"], Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Writes a file of this name and content; packs it where the name says so."""

    def write(name: str, content: bytes | str) -> Path:
        data = content.encode() if isinstance(content, str) else content
        path = tmp_path / name
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write


def rows(path: Path, *wanted: str) -> list[tuple[int, Any]]:
    with open_file(path) as file:
        return [(line, v if isinstance(v, Damaged) else list(v)) for line, v in file.rows(wanted or file.columns)]


# --- CSV ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.tsv", "A.CSV", "a.txt"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_in_every_dialect(put: Put, name: str, end: str, mark: str, delimiter: str) -> None:
    lines = [["id", " two words "], ["1", "ü研"], ["2", ""]]
    path = put(name, mark + end.join(delimiter.join(line) for line in lines) + end)
    with open_file(path) as file:
        assert file.columns == ["id", "two words"]
        assert [list(cells) for _line, cells in file.rows(file.columns)] == [["1", "ü研"], ["2", ""]]  # type: ignore[arg-type]


def test_a_row_stands_on_the_line_where_it_begins(put: Put) -> None:
    path = put("a.csv", 'id,prompt\n1,"two\nlines"\n\n2,"say ""hi"", you"\n3,end')
    assert rows(path) == [(2, ["1", "two\nlines"]), (5, ["2", 'say "hi", you']), (6, ["3", "end"])]


def test_only_the_wanted_columns_come_in_the_wanted_order_also_twice(put: Put) -> None:
    path = put("a.csv", "id,prompt,team\n1,secret,Sales\n")
    assert rows(path, "team", "id", "team") == [(2, ["Sales", "1", "Sales"])]


def test_a_line_of_another_width_is_damaged_and_its_neighbours_are_not(put: Put) -> None:
    path = put("a.csv", "a,b\n1,2\n1\n1,2,3\n3,4\n")
    found = rows(path)
    assert [(line, isinstance(cells, Damaged)) for line, cells in found] == [
        (2, False),
        (3, True),
        (4, True),
        (5, False),
    ]
    assert found[1][1].reason == "1 cell where the first line has 2"


def test_a_line_of_broken_quotes_is_damaged_and_its_neighbours_are_not(put: Put) -> None:
    found = rows(put("a.csv", 'a,b\n1,2\n"x"y,2\n3,4\n'))
    assert [(line, isinstance(cells, Damaged)) for line, cells in found] == [(2, False), (3, True), (4, False)]


def test_a_quote_that_is_never_closed_says_which_lines_it_swallowed(put: Put) -> None:
    found = rows(put("a.csv", 'a,b\n1,2\n3,"four\n5,6\n7,8\n'))
    assert found[0] == (2, ["1", "2"])
    assert found[1] == (3, Damaged("a quoted cell is never closed: lines 3 to 5 could not be read"))


# --- JSON lines ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson.gz", "a.json"])
def test_json_lines(put: Put, name: str) -> None:
    path = put(name, '\ufeff{"id":"1","n":5,"prompt":{"deep":["secret"]}}\n\n{"id":"2","ok":true}\n')
    assert rows(path, "id", "n", "ok") == [(1, ["1", 5, None]), (3, ["2", None, True])]


@pytest.mark.parametrize(
    "line", ["{", "[1]", "5", "null", '"text"', '{"id":"\\ud800"}', "[" * 100_000, '{"id":1e999}', "\x1b"]
)
def test_a_line_that_is_no_object_is_damaged_and_its_neighbours_are_not(put: Put, line: str) -> None:
    found = rows(put("a.jsonl", f'{{"id":"1"}}\n{line}\n{{"id":"2"}}\n'), "id")
    assert [found[0], found[2]] == [(1, ["1"]), (3, ["2"])]
    assert isinstance(found[1][1], Damaged)


def test_a_json_line_that_is_not_utf8_is_damaged_and_its_neighbours_are_not(put: Put) -> None:
    found = rows(put("a.jsonl", b'{"id":"1"}\n{"id":"\xff"}\n{"id":"2"}\n'), "id")
    assert [isinstance(values, Damaged) for _line, values in found] == [False, True, False]


def test_keys_may_come_with_later_lines(put: Put) -> None:
    with open_file(put("a.jsonl", '{"id":"1"}\n{"id":"2","team":"Sales"}\n')) as file:
        assert file.columns == ["id", "team"]


# --- Parquet ------------------------------------------------------------------------------------------------------
def parquet(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=2)
    return path


def test_parquet_keeps_types(tmp_path: Path) -> None:
    at = dt.datetime(2026, 1, 31, 10, tzinfo=dt.UTC)
    path = parquet(
        tmp_path / "a.parquet",
        id=pa.array(["1", "2", None]),
        n=pa.array([1, None, 3], pa.int32()),
        at=pa.array([at, at, None], pa.timestamp("ns", "Europe/Berlin")),
        ok=[True, False, None],
        team=pa.array(["a", "b", "a"]).dictionary_encode(),
        prompt=["secret"] * 3,
    )
    assert rows(path, "ok", "n", "at", "team", "id") == [
        (1, [True, 1, at, "a", "1"]),
        (2, [False, None, at, "b", "2"]),
        (3, [None, 3, None, "a", None]),
    ]


def test_a_parquet_file_cut_short_or_damaged_is_unreadable(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", id=["1", "2", "3"])
    whole = path.read_bytes()
    for content in (whole[:-10], whole[:4], b"PAR1" + bytes(200) + b"PAR1", whole[:10] + b"\xff" * 30 + whole[40:]):
        path.write_bytes(content)
        with pytest.raises(UnreadableFile, match="damaged"):
            rows(path)


# --- Files that are none ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv.gz", b"", "is empty"),
        ("a.jsonl", b"", "is empty"),
        ("a.parquet", b"", "is empty"),
        ("a.csv", b"\n\n", "column names"),
        ("a.csv", b"a,a\n1,2\n", "several columns named a"),
        ("a.csv", b"\x00\x01\x02", "binary"),
        ("a.csv", "id\nü\n".encode("utf-16"), "UTF-16"),
        ("a.csv", b"id\n\xff\n", "not UTF-8 .byte 0xff"),
        ("a.csv", b'"id\n1\n', "column names"),
        ("a.jsonl", b"\n \n", "one JSON object a line"),
        ("a.jsonl", b'[{"id": "1"}]', "one JSON object a line"),
        ("a.jsonl", b"id,team\n1,2\n", "one JSON object a line"),
        ("a.jsonl", b"{}\n", "column names"),
        ("a.jsonl", b"\x00\x01", "binary"),
        ("a.parquet", b"id\n1\n", "not a Parquet"),
        ("a.xlsx", b"PK", "only .csv"),
        ("a", b"id\n1\n", "only .csv"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(put: Put, name: str, content: bytes, said: str) -> None:
    with pytest.raises(UnreadableFile, match=said):
        rows(put(name, content))


def test_a_file_that_is_not_there_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="does not exist"):
        open_file(tmp_path / "a.csv")
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(UnreadableFile, match="is not a file"):
        open_file(tmp_path / "b.csv")


@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.gz"])
def test_a_packed_file_cut_short_gives_its_rows_and_then_says_so(tmp_path: Path, name: str) -> None:
    line = '{{"id":"{}"}}' if "jsonl" in name else "{}"
    text = "\n".join((["id"] if "csv" in name else []) + [line.format(random.getrandbits(200)) for _ in range(20_000)])
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode())[:-40_000])
    read: list[Any] = []
    with open_file(path) as file, pytest.raises(UnreadableFile, match="truncated"):
        read.extend(file.rows(["id"]))
    assert len(read) > 10_000


def test_a_packed_file_with_a_wrong_byte_is_damaged(tmp_path: Path) -> None:
    content = bytearray(gzip.compress("".join(f"{n}\n" for n in range(50_000)).encode()))
    content[-3000] ^= 0xFF
    path = tmp_path / "a.csv.gz"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match="damaged"):
        rows(path)


@given(st.binary(min_size=1, max_size=300), st.sampled_from(["a.csv", "a.jsonl", "a.parquet", "a.csv.gz"]))
@examples(150)
def test_random_bytes_are_rows_or_a_clear_error(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    try:
        rows(path)
    except UnreadableFile as error:
        assert str(path) in str(error)  # noqa: PT017  # both outcomes are fine


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A gzip bomb of one endless line, and a long file of ordinary ones."""
    bomb = tmp_path / "bomb.csv.gz"
    with gzip.open(bomb, "wb", compresslevel=1) as packed:
        for _ in range(200):
            packed.write(b"x" * 1_000_000)
    long = tmp_path / "long.jsonl"
    long.write_bytes(b'{"id":"1","prompt":"%s"}\n' % (b"x" * 10_000) * 5_000)
    tracemalloc.start()
    with pytest.raises(UnreadableFile, match="characters"):
        rows(bomb)
    with open_file(long) as file:
        assert sum(1 for _ in file.rows(["id"])) == 5_000
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * sheets.MAX_LINE


# --- Columns ------------------------------------------------------------------------------------------------------
def columns(put: Put, header: str, zone: str | None = None, **mapping: str) -> Columns:
    with open_file(put("columns.csv", f"{header}\n")) as file:
        return Columns(file, mapping, ZoneInfo(zone) if zone else None)


def draft(found: Columns, *cells: Any) -> EventDraft | Rejected:
    return found.draft(found.fields(cells), NOW)


def test_columns_are_found_by_name_whatever_their_case(put: Put) -> None:
    found = columns(put, "Event ID,OCCURRED_AT,team-id,prompt,answer")
    assert dict(zip(found.ours, found.theirs, strict=True)) == {
        "event_id": "Event ID", "occurred_at": "OCCURRED_AT", "team_id": "team-id",
    }  # fmt: skip
    assert found.ignored == ["prompt", "answer"]


def test_a_column_can_feed_another_field_several_or_none(put: Put) -> None:
    found = columns(put, "event_id,occurred_at,who,team", user_id="who", user_name="Who", team_id="team", team="")
    assert dict(zip(found.ours, found.theirs, strict=True)) == {
        "event_id": "event_id", "occurred_at": "occurred_at", "user_id": "who", "user_name": "who", "team_id": "team",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("header", "mapping", "said"),
    [
        ("event_id", {}, "no column gives occurred_at"),
        ("a,b", {}, "no column gives event_id and occurred_at"),
        ("event_id,occurred_at", {"team": "group"}, "no column group"),
        ("event_id,occurred_at,name", {"assistant": "name", "workflow": "name"}, "none feeds kind"),
    ],
)
def test_what_the_columns_lack_is_said(put: Put, header: str, mapping: dict[str, str], said: str) -> None:
    with pytest.raises(UnmatchedColumns, match=said):
        columns(put, header, **mapping)


def test_empty_cells_are_absent(put: Put) -> None:
    found = columns(put, "event_id,occurred_at,team,model,input_tokens")
    assert found.fields(["1", " 2026-01-31T10:00:00Z ", "", " m ", "  "]) == {
        "event_id": "1", "occurred_at": "2026-01-31T10:00:00Z", "model": "m",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "assistant", "workflow"), [("assistant", "docs", None), ("workflow", None, "docs"), ("chat", None, None)]
)
def test_one_column_for_both_names_what_kind_says(
    put: Put, kind: str, assistant: str | None, workflow: str | None
) -> None:
    found = columns(put, "event_id,occurred_at,assistant,kind", workflow="assistant")
    event = draft(found, *_in_order(found, event_id="1", occurred_at="2026-01-31T10:00:00Z", item="docs", kind=kind))
    assert isinstance(event, EventDraft)
    assert (event.assistant, event.workflow) == (assistant, workflow)


def test_one_column_for_both_and_no_kind_is_rejected(put: Put) -> None:
    found = columns(put, "event_id,occurred_at,assistant,kind", workflow="assistant")
    event = draft(found, *_in_order(found, event_id="1", occurred_at="2026-01-31T10:00:00Z", item="docs", kind=""))
    assert isinstance(event, Rejected)
    assert "kind is missing" in event.reason


def test_columns_of_their_own_are_both_sent(put: Put) -> None:
    """A workflow run may well say which assistant it used."""
    found = columns(put, "event_id,occurred_at,kind,assistant,workflow")
    event = draft(found, "1", "2026-01-31T10:00:00Z", "workflow", "helper", "digest")
    assert isinstance(event, EventDraft)
    assert (event.assistant, event.workflow) == ("helper", "digest")


def _in_order(found: Columns, item: str, **cells: str) -> list[str]:
    return [cells.get(ours, item) for ours in found.ours]


@pytest.mark.parametrize(
    ("zone", "text", "instant"),
    [
        (None, "2026-01-31T10:00:00+01:00", "2026-01-31T09:00:00Z"),
        (None, "2026-01-31 10:00:00+01", "2026-01-31T09:00:00Z"),  # as PostgreSQL writes it
        (None, "2026-01-31T10:00Z", "2026-01-31T10:00:00Z"),
        (None, "20260131T100000Z", "2026-01-31T10:00:00Z"),
        (None, "1769853600", "2026-01-31T10:00:00Z"),
        ("Europe/Berlin", "2026-01-31 10:00:00", "2026-01-31T09:00:00Z"),
        ("Europe/Berlin", "2025-07-31", "2025-07-30T22:00:00Z"),
        ("Europe/Berlin", "2026-01-31T10:00:00Z", "2026-01-31T10:00:00Z"),
        (None, "2026-01-31T10:00:00", None),
        (None, "2026-01-31", None),
        ("Europe/Berlin", "31.01.2026", None),
    ],
)
def test_times_of_files(put: Put, zone: str | None, text: str, instant: str | None) -> None:
    event = draft(columns(put, "event_id,occurred_at", zone), "1", text)
    if instant is None:
        assert isinstance(event, Rejected)
        assert "occurred_at" in event.reason
    else:
        assert isinstance(event, EventDraft)
        assert event.occurred_at == dt.datetime.fromisoformat(instant)


def test_data_frames_keep_ids_as_numbers_and_gaps_as_nan(tmp_path: Path) -> None:
    path = parquet(
        tmp_path / "a.parquet",
        event_id=[1, 2],
        occurred_at=pa.array([NOW, NOW], pa.timestamp("ns", "UTC")),
        user_id=[7, 8],
        input_tokens=[12.0, float("nan")],
        request=[True, False],
    )
    with open_file(path) as file:
        found = Columns(file, {})
        first, second = (draft(found, *values) for _line, values in file.rows(found.theirs))  # type: ignore[misc]
    assert isinstance(first, EventDraft)
    assert isinstance(second, EventDraft)
    assert (first.event_id, first.user_id, first.input_tokens, first.request) == ("1", "7", 12, True)
    assert (second.event_id, second.user_id, second.input_tokens, second.request) == ("2", "8", None, False)


@pytest.mark.parametrize("value", [12.5, True, "12", float("inf"), [12]])
def test_what_is_no_number_in_a_typed_file_is_rejected(put: Put, value: object) -> None:
    text = json.dumps({"event_id": "1", "occurred_at": "2026-01-31T10:00:00Z", "input_tokens": 5})
    with open_file(put("a.jsonl", text)) as file:
        found = Columns(file, {})
    event = draft(found, "1", "2026-01-31T10:00:00Z", value)
    assert isinstance(event, Rejected)
    assert "input_tokens" in event.reason


def test_a_naive_time_of_a_typed_file_is_in_the_given_zone(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", event_id=["1"], occurred_at=pa.array([dt.datetime(2026, 1, 31, 10)]))  # noqa: DTZ001
    with open_file(path) as file:
        (row,) = file.rows(["event_id", "occurred_at"])
        assert isinstance(draft(Columns(file, {}), *row[1]), Rejected)  # type: ignore[misc]
        event = draft(Columns(file, {}, ZoneInfo("Europe/Berlin")), *row[1])  # type: ignore[misc]
    assert isinstance(event, EventDraft)
    assert event.occurred_at == dt.datetime(2026, 1, 31, 9, tzinfo=dt.UTC)


def test_a_file_object_is_closed(put: Put) -> None:
    with open_file(put("a.csv", "a\n1\n")) as file:
        pass
    with pytest.raises(ValueError, match="closed"):
        list(file.rows(["a"]))
