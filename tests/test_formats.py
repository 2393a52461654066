"""CSV and JSON: the same values in both, whatever people typed; exact bytes; golden files; speed.

Longer than most: every check goes through the same few readers.
"""

import csv
import io
import json
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.cells import undo
from reports.document import Column, Document, Frame
from reports.formats import FORMATS
from tests.golden_files import make
from tests.report_documents import HOSTILE, believable, tiny

TRIGGERS = "=+-@\t\r\n＝＋－＠"
SCHEMA = pa.schema(
    {
        "text": pa.string(), "other_text": pa.string(), "whole": pa.int64(), "number": pa.float64(), "is_so": pa.bool_(), "day_on": pa.date32(),
        "seen_at": pa.timestamp("us", "UTC"),
    }
)  # fmt: skip
hostile_text = st.one_of(
    st.text(max_size=30),
    st.text(alphabet="'\"=+-@\t\r\n,;|\\ aé\u202e\u2028\x00\x1f\ufeff＝😀", max_size=12),
    st.sampled_from(
        [text for text in HOSTILE if text] + ["", "''", "null", "NULL", "NA", "true", "1", "-1", "2026-03-02", "{}", '"', '""']
    ),
)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.none() | hostile_text,
            "other_text": st.none() | hostile_text,
            "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
            "number": st.none() | st.floats(),
            "is_so": st.none() | st.booleans(),
            "day_on": st.none() | st.dates(),
            "seen_at": st.none() | st.datetimes(min_value=datetime.fromisoformat("1800-01-01"), timezones=st.just(UTC)),
        }
    ),
    max_size=8,
)


def _document(table: pa.Table) -> Document:
    frame = Frame("mart", "Mart", "", tuple(Column(name, name, "text", None, "") for name in table.column_names), table)
    return Document("mart", "Mart", "Someone", datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC), "UTC", frame, {})


def _render(name: str, table: pa.Table) -> bytes:
    return FORMATS[name].render(_document(table))


def _text_of(value: Any) -> str:
    """A value of JSON as CSV writes it, but for numbers."""
    return "" if value is None else {True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else str(value)


@settings(deadline=None)
@given(rows)
def test_csv_and_json_hold_the_rows(records: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(records, schema=SCHEMA)
    from_json = json.loads(_render("json", table), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert [list(record) for record in from_json] == [SCHEMA.names] * len(records)
    for record, read in zip(records, from_json, strict=True):
        number = record["number"]
        assert read["number"] == (number if number is not None and math.isfinite(number) else None)
        assert (read["text"], read["other_text"], read["whole"], read["is_so"]) == tuple(
            record[key] for key in ("text", "other_text", "whole", "is_so")
        )
        assert read["day_on"] == (record["day_on"] and record["day_on"].isoformat())
        assert (read["seen_at"] and datetime.fromisoformat(read["seen_at"])) == record["seen_at"]
        assert read["seen_at"] is None or read["seen_at"].endswith("Z")
    _same_by_python(table, from_json)
    _same_by_pyarrow(table, from_json)


def _same_by_python(table: pa.Table, records: Sequence[dict[str, Any]]) -> None:
    lines = list(csv.reader(io.StringIO(_render("csv", table).decode("utf-8"), newline=""), strict=True))
    assert lines[0] == SCHEMA.names
    assert len(lines) - 1 == len(records)
    for line, record in zip(lines[1:], records, strict=True):
        for cell, (name, value) in zip(line, record.items(), strict=True):
            if name == "number" and value is not None:
                assert float(cell) == value
            else:
                assert (undo(cell) if name in ("text", "other_text") else cell) == _text_of(value)


def _same_by_pyarrow(table: pa.Table, records: Sequence[dict[str, Any]]) -> None:
    """pyarrow tells a null (nothing) from an empty text (two quotes)."""
    types = dict.fromkeys(SCHEMA.names, pa.string()) | {"whole": pa.int64(), "number": pa.float64(), "is_so": pa.bool_()}
    read = pa_csv.read_csv(
        io.BytesIO(_render("csv", table)),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
        ),
    )
    undone = [
        {name: undo(cell) if name in ("text", "other_text") and cell is not None else cell for name, cell in row.items()}
        for row in read.to_pylist()
    ]
    assert undone == list(records)


@settings(deadline=None)
@given(hostile_text, hostile_text)
def test_defusing_can_be_undone_and_never_merges_two_texts(one: str, other: str) -> None:
    written = [
        line[0] for line in csv.reader(io.StringIO(_render("csv", pa.table({"a": [one, other], "b": [1, 2]})).decode(), newline=""))
    ][1:]
    assert [undo(text) for text in written] == [one, other]
    assert (written[0] == written[1]) == (one == other)
    assert all(not text.startswith(tuple(TRIGGERS)) for text in written)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("'=1+1", "''=1+1"),
        ("''=1", "'''=1"),
        ("'tis", "'tis"),
        ("-", "'-"),
        ("＝1", "'＝1"),
        ("a=1", "a=1"),
        (" =1", " =1"),
        ("", ""),
    ],
)
def test_which_texts_are_defused(text: str, cell: str) -> None:
    assert _render("csv", pa.table({"a": [text], "b": [1]})) == f'a,b\r\n"{cell}",1\r\n'.encode()
    assert undo(cell) == text


def test_csv_bytes() -> None:
    table = pa.table(
        {
            "name": ['Ann "A", B', "", None],
            "day_on": [date(2026, 3, 2), None, date(1999, 12, 31)],
            "seen_at": pa.array(
                [datetime(2026, 3, 2, 7, 0, tzinfo=UTC), datetime(2026, 3, 2, 7, 0, 0, 1500, tzinfo=UTC), None], pa.timestamp("us", "UTC")
            ),
            "change": [-5, 0, None],
            "rate": [-0.25, 1.0, math.nan],
            "is_ok": [True, False, None],
        }
    )
    assert _render("csv", table).decode() == (
        "name,day_on,seen_at,change,rate,is_ok\r\n"
        '"Ann ""A"", B",2026-03-02,"2026-03-02T07:00:00Z",-5,-0.25,true\r\n'
        '"",,"2026-03-02T07:00:00.001500Z",0,1,false\r\n'
        ",1999-12-31,,,,\r\n"
    )


def test_instants_of_another_zone_are_written_in_utc() -> None:
    east = datetime(2026, 3, 2, 12, 45, tzinfo=UTC)
    table = pa.table({"seen_at": pa.array([east], pa.timestamp("ms", "Asia/Kathmandu")), "b": [1]})
    assert b"2026-03-02T12:45:00Z" in _render("csv", table) and b"2026-03-02T12:45:00Z" in _render("json", table)


@pytest.mark.parametrize("name", ["csv", "json"])
def test_the_same_rows_give_the_same_bytes_however_they_lie_in_memory(name: str) -> None:
    whole = pa.table({"text": pa.array(["=a", None, "b\n"] * 7000), "n": range(21_000)})
    pieces = pa.concat_tables([whole.slice(0, 1), whole.slice(1, 12_000), whole.slice(12_001)])
    encoded = whole.set_column(0, "text", whole["text"].dictionary_encode())
    assert _render(name, whole) == _render(name, pieces) == _render(name, encoded)
    assert len(json.loads(_render("json", pieces))) == 21_000


def test_no_rows() -> None:
    table = pa.table({"a": pa.array([], pa.string()), "b": pa.array([], pa.int64())})
    assert _render("csv", table) == b"a,b\r\n"
    assert _render("json", table) == b"[]\n"


@pytest.mark.parametrize("values", [pa.array([[1]]), pa.array([b"x"]), pa.array([1], pa.timestamp("us"))], ids=["list", "bytes", "no zone"])
@pytest.mark.parametrize("name", ["csv", "json"])
def test_a_type_without_an_agreed_form_is_refused(name: str, values: pa.Array) -> None:
    with pytest.raises(TypeError, match="Column thing is of type"):
        _render(name, pa.table({"thing": values}))


def test_data_files_do_not_change_with_the_hour() -> None:
    document = tiny("students", "student_engagement_tiers")
    later = replace(document, as_of=document.as_of.replace(hour=9), complete_through=document.as_of)
    assert all(FORMATS[name].render(document) == FORMATS[name].render(later) for name in ("csv", "json"))


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_pure(name: str) -> None:
    assert FORMATS[name].render(believable(50)) == FORMATS[name].render(believable(50))
    assert FORMATS[name].suffix == name
    assert FORMATS[name].is_inline == (name == "html")


@pytest.mark.parametrize(("path", "content"), make().items(), ids=lambda value: value.name if isinstance(value, Path) else "")
def test_golden_files(path: Path, content: bytes) -> None:
    assert content.decode() == path.read_bytes().decode(), "Meant? Then renew: .venv/bin/python -m tests.golden_files"


@pytest.mark.parametrize("name", ["csv", "json"])
def test_fifty_thousand_students_take_seconds(name: str) -> None:
    frame = believable(2500).frames["student_engagement_tiers"]
    table = pa.concat_tables([frame.table] * 20)
    start = time.process_time()
    content = _render(name, table)
    assert time.process_time() - start < 3
    assert content.count(b"\n") > 50_000
