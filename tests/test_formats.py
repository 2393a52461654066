"""CSV, JSON and XLSX: the same values in all, whatever people typed; exact bytes; golden files; speed.

Longer than most: every check goes through the same few readers.
"""

import csv
import io
import json
import math
import re
import time
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports import workbook
from reports.cells import undo
from reports.document import Column, Document, Frame
from reports.formats import FORMATS, SIDECAR
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
            "seen_at": st.none()
            | st.datetimes(datetime.fromisoformat("1800-01-01"), datetime.fromisoformat("9999-12-30"), timezones=st.just(UTC)),
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
    _same_by_pandas(table, from_json)
    _same_by_openpyxl(table, records)


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


def _same_by_pandas(table: pa.Table, records: Sequence[dict[str, Any]]) -> None:
    read = pd.read_csv(io.BytesIO(_render("csv", table)), dtype=str, keep_default_na=False, lineterminator=None, engine="python")
    for line, record in zip(read.to_dict("records"), records, strict=True):
        assert [undo(line[name]) for name in ("text", "other_text")] == [_text_of(record[name]) for name in ("text", "other_text")]
        assert (line["whole"], line["is_so"], line["day_on"]) == tuple(_text_of(record[name]) for name in ("whole", "is_so", "day_on"))


def _same_by_openpyxl(table: pa.Table, records: Sequence[dict[str, Any]]) -> None:
    """Dates are cells that Excel knows as dates, to the millisecond that openpyxl reads; those it cannot hold are text."""
    sheet = openpyxl.load_workbook(io.BytesIO(_render("xlsx", table)))["Mart"]
    lines = list(sheet.iter_rows(values_only=True, max_row=len(records) + 1, max_col=len(SCHEMA)))
    assert list(lines[0]) == SCHEMA.names and sheet.max_row <= len(records) + 1
    for cells, record in zip(lines[1:], records, strict=True):
        read = dict(zip(SCHEMA.names, cells, strict=True))
        assert [read_text(read[name]) for name in ("text", "other_text")] == [record["text"], record["other_text"]]
        assert (read["whole"], read["is_so"]) == (record["whole"], record["is_so"])
        assert read["number"] == (record["number"] if record["number"] is not None and math.isfinite(record["number"]) else None)
        assert _day_of(read["day_on"]) == record["day_on"]
        seen = record["seen_at"]
        if isinstance(read["seen_at"], datetime):
            assert abs(read["seen_at"].replace(tzinfo=UTC) - seen) <= timedelta(milliseconds=1)
        else:
            assert read["seen_at"] == (seen and seen.isoformat().replace("+00:00", "Z"))


def read_text(cell: Any) -> str | None:
    """A text cell as it was before the characters that XML cannot hold were written in Excel's way."""
    return cell and re.sub("_x([0-9A-F]{4})_", lambda found: chr(int(found[1], 16)), cell)


def _day_of(cell: Any) -> date | None:
    return date.fromisoformat(cell) if isinstance(cell, str) else cell and cell.date()


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


@pytest.mark.parametrize("name", ["csv", "json", "xlsx"])
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
@pytest.mark.parametrize("name", ["csv", "json", "xlsx"])
def test_a_type_without_an_agreed_form_is_refused(name: str, values: pa.Array) -> None:
    with pytest.raises(TypeError, match="Column thing is of type"):
        _render(name, pa.table({"thing": values}))


def test_data_files_do_not_change_with_the_hour() -> None:
    document = tiny("students", "student_engagement_tiers")
    later = replace(document, as_of=document.as_of.replace(hour=9), complete_through=document.as_of)
    assert all(FORMATS[name].render(document) == FORMATS[name].render(later) for name in ("csv", "json", "xlsx"))


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_pure(name: str) -> None:
    assert FORMATS[name].render(believable(50)) == FORMATS[name].render(believable(50))
    assert FORMATS[name].suffix == name
    assert FORMATS[name].is_inline == (name == "html")


def test_a_workbook_opens_as_people_expect() -> None:
    table = pa.table(
        {"a": ["=1+1", "https://example.org"], "seen_at": pa.array([datetime(2026, 3, 2, 7, tzinfo=UTC)] * 2, pa.timestamp("us", "UTC"))}
    )
    sheet = openpyxl.load_workbook(io.BytesIO(_render("xlsx", table)))["Mart"]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:B3")
    assert [cell.data_type for cell in sheet[2]] == ["s", "d"], "a text and a date, no formula"
    assert sheet["A3"].hyperlink is None and sheet["A1"].font.b
    assert sheet["B2"].number_format == r'yyyy\-mm\-dd\ hh:mm:ss\ "UTC"', "a date that says of which zone"


def test_a_full_sheet_goes_on_on_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 5)
    book = openpyxl.load_workbook(io.BytesIO(_render("xlsx", pa.table({"n": range(12)}))))
    assert book.sheetnames == ["Mart", "Mart 2", "Mart 3"]
    assert [[row[0] for row in sheet.iter_rows(values_only=True)] for sheet in book] == [
        ["n", 0, 1, 2, 3, 4], ["n", 5, 6, 7, 8, 9], ["n", 10, 11],
    ]  # fmt: skip


def test_a_text_too_long_for_a_cell_is_cut_between_letters() -> None:
    texts = ["a" * 32_767, "b" + "😀" * 17_000, "c" * 40_000]
    sheet = openpyxl.load_workbook(io.BytesIO(_render("xlsx", pa.table({"text": texts}))))["Mart"]
    assert [cell.value for cell in sheet["A"][1:]] == ["a" * 32_767, "b" + "😀" * 16_383, "c" * 32_767]


def test_a_workbook_holds_no_clock() -> None:
    with zipfile.ZipFile(io.BytesIO(FORMATS["xlsx"].render(tiny("students", "student_engagement_tiers")))) as package:
        assert {part.date_time for part in package.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert not [name for name in package.namelist() if name.startswith("docProps")]


def test_metadata_have_a_place_in_each_format() -> None:
    plain = tiny("students", "student_engagement_tiers")
    wanted = replace(plain, has_metadata=True, filters={"tier": "at_risk"})
    told = json.loads(FORMATS["json"].render(wanted))
    assert told.pop("records") == json.loads(FORMATS["json"].render(plain))
    assert (told["as_of"], told["filters"]) == ("2026-03-02T07:00:00Z", {"tier": "at_risk"})
    assert [one["name"] for one in told["definitions"]] == plain.main.table.column_names
    assert json.loads(SIDECAR.render(wanted)) == told
    assert FORMATS["csv"].render(wanted) == FORMATS["csv"].render(plain)
    book = openpyxl.load_workbook(io.BytesIO(FORMATS["xlsx"].render(wanted)))
    assert ("filter: tier", "at_risk") in list(book["About these rows"].iter_rows(values_only=True))


def test_a_byte_order_mark_by_wish() -> None:
    document = tiny("students", "student_engagement_tiers")
    assert FORMATS["csv"].render(replace(document, has_bom=True)) == b"\xef\xbb\xbf" + FORMATS["csv"].render(document)


@pytest.mark.parametrize(("path", "content"), make().items(), ids=lambda value: value.name if isinstance(value, Path) else "")
def test_golden_files(path: Path, content: bytes) -> None:
    assert content.decode() == path.read_bytes().decode(), "Meant? Then renew: .venv/bin/python -m tests.golden_files"


@pytest.mark.parametrize("name", ["csv", "json", "xlsx"])
def test_fifty_thousand_students_take_seconds(name: str) -> None:
    frame = believable(2500).frames["student_engagement_tiers"]
    table = pa.concat_tables([frame.table] * 20)
    start = time.process_time()
    content = _render(name, table)
    assert time.process_time() - start < 3
    assert name == "xlsx" or content.count(b"\n") > 50_000
