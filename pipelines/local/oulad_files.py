"""The files of an OULAD folder: which are needed, which columns, and their way into temporary tables.

Belongs here: finding, reading and checking the files, a deterministic id for each thing that they name.
Does not: what a row means or whether it fits; that is `oulad_rows.sql`.
"""

import csv
import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import LiteralString

import psycopg
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from psycopg import sql

from pipelines.problem import Problem

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://analyse.kmi.open.ac.uk/open_dataset")
"""All ids are uuid5 names in it, so the same row has the same id on every machine."""

TEXT, WHOLE, FLAG = pa.string(), pa.int64(), pa.bool_()
SQL_TYPES: dict[pa.DataType, LiteralString] = {TEXT: "text", WHOLE: "bigint", FLAG: "boolean"}


@dataclass(frozen=True)
class Sheet:
    """One kind of file. `ids`: uuid columns added, each with the columns that name it.

    The rows land in the temporary table `<table>_rows`: the columns, the ids, `file`, and `row_no` in file order.
    """

    table: str
    columns: dict[str, pa.DataType]
    ids: dict[str, tuple[str, ...]]


PRESENTATION = {"code_module": TEXT, "code_presentation": TEXT}
PARQUET = {
    "assessment.parquet": Sheet(
        "assessment", {**PRESENTATION, "id_assessment": WHOLE, "assessment_type": TEXT}, {"target_id": ("id_assessment",)}
    ),
    "course.parquet": Sheet(
        "course",
        {**PRESENTATION, "module_presentation_length": WHOLE},
        {"course_id": ("code_module", "code_presentation"), "creator_id": ("code_module",)},
    ),
    "student.parquet": Sheet("person", {**PRESENTATION, "id_student": WHOLE, "final_result": TEXT}, {}),
    "student_assessment.parquet": Sheet(
        "submission", {"id_assessment": WHOLE, "id_student": WHOLE, "date_submitted": WHOLE, "is_banked": FLAG, "score": WHOLE}, {}
    ),
    "student_registration.parquet": Sheet(
        "registration",
        {**PRESENTATION, "id_student": WHOLE, "date_registration": WHOLE, "date_unregistration": WHOLE},
        {"student_id": ("code_module", "code_presentation", "id_student")},
    ),
    "vle.parquet": Sheet(
        "material", {**PRESENTATION, "id_site": WHOLE, "activity_type": TEXT, "week_from": WHOLE}, {"video_id": ("id_site",)}
    ),
}
CLICKS = Sheet("click", {**PRESENTATION, "id_student": TEXT, "id_site": TEXT, "date": TEXT, "sum_click": TEXT}, {})
"""The click log is text: a value that is no number spoils its row, not the file."""


def find_files(folder: Path) -> dict[Path, Sheet]:
    """The files to read, in the order of the report: all of PARQUET, then the click logs, if there are any.

    `studentVle.csv` is the whole log; where it lies, the samples (`studentVle_sample*.csv`) are parts of it and stay unread.
    Raises Problem for a missing folder or file.
    """
    if not folder.is_dir():
        raise Problem(f"{folder} is not a folder; give the folder with the OULAD parquet files")
    for name in PARQUET:
        if not (folder / name).is_file():
            raise Problem(f"{folder / name} is missing; OULAD needs {', '.join(PARQUET)}")
    whole_log = folder / "studentVle.csv"
    logs = [whole_log] if whole_log.is_file() else sorted(folder.glob("studentVle_sample*.csv"))
    return {folder / name: sheet for name, sheet in PARQUET.items()} | dict.fromkeys(logs, CLICKS)


def digest(files: dict[Path, Sheet]) -> str:
    """SHA-256 over names and bytes of the files: other files are another source, not a later state of this one."""
    whole = hashlib.sha256()
    for path in files:
        try:
            with path.open("rb") as file:
                whole.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
        except OSError as error:
            raise Problem(f"{path} cannot be read ({error.strerror}); check its permissions") from error
    return whole.hexdigest()


def create_tables(connection: psycopg.Connection) -> None:
    """Empty temporary tables for all sheets; they end with the transaction."""
    for sheet in (*PARQUET.values(), CLICKS):
        columns = [sql.SQL("{} " + SQL_TYPES[kind]).format(sql.Identifier(name)) for name, kind in sheet.columns.items()]
        columns += [sql.SQL("{} uuid").format(sql.Identifier(name)) for name in sheet.ids]
        connection.execute(
            sql.SQL("create temp table {} (row_no bigint generated always as identity, file text, {}) on commit drop").format(
                sql.Identifier(f"{sheet.table}_rows"), sql.SQL(", ").join(columns)
            )
        )


def copy_file(connection: psycopg.Connection, path: Path, sheet: Sheet) -> int:
    """Copies one file into its temporary table. Returns how many lines had the wrong number of columns (CSV only).

    Raises Problem, naming the file, when it cannot be read or a column is missing or of another type.
    """
    misshapen: list[int] = []
    columns = ["file", *sheet.columns, *sheet.ids]
    statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(
        sql.Identifier(f"{sheet.table}_rows"), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    options = pyarrow.csv.WriteOptions(include_header=False)
    batches = read_csv(path, sheet, misshapen) if path.suffix == ".csv" else read_parquet(path, sheet)
    try:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for batch in batches:
                named = {"file": pa.array([path.name] * batch.num_rows, TEXT)}
                named |= {name: batch.column(name) for name in sheet.columns}
                named |= {name: name_rows(batch, sheet.table, key) for name, key in sheet.ids.items()}
                buffer = BytesIO()
                pyarrow.csv.write_csv(pa.RecordBatch.from_pydict(named), buffer, options)
                copy.write(buffer.getvalue())
    except (pa.ArrowException, UnicodeDecodeError, csv.Error, psycopg.DataError, OSError) as error:
        raise Problem(f"{path} cannot be read ({str(error).splitlines()[0]}); fetch the file again") from error
    return len(misshapen)


def name_rows(batch: pa.RecordBatch, kind: str, key: tuple[str, ...]) -> pa.Array:
    """The uuid5 of each row's key as text; the kind keeps two tables' numbers apart. A null key has one too: its row is rejected later."""
    kind = "module" if key == ("code_module",) else kind
    keys = zip(*(batch.column(name).to_pylist() for name in key), strict=True)
    return pa.array([str(uuid.uuid5(NAMESPACE, "/".join(map(str, (kind, *values))))) for values in keys], TEXT)


def read_parquet(path: Path, sheet: Sheet) -> Iterator[pa.RecordBatch]:
    """The needed columns of a parquet file in their declared types."""
    with pyarrow.parquet.ParquetFile(path) as file:
        check_columns(path, sheet, file.schema_arrow.names)
        for batch in file.iter_batches(columns=list(sheet.columns)):
            arrays = {}
            for name, kind in sheet.columns.items():
                try:
                    arrays[name] = batch.column(name).cast(kind)
                except pa.ArrowException as error:
                    raise Problem(f"{path}: column {name} should hold {SQL_TYPES[kind]}, not {batch.column(name).type}") from error
            yield pa.RecordBatch.from_pydict(arrays)


def read_csv(path: Path, sheet: Sheet, misshapen: list[int]) -> Iterator[pa.RecordBatch]:
    """The needed columns of a CSV file as text, block by block; lines with too many or too few columns go to `misshapen`."""
    with path.open(encoding="utf-8", newline="") as file:
        check_columns(path, sheet, next(csv.reader(file), []))

    def set_aside(row: pyarrow.csv.InvalidRow) -> str:
        misshapen.append(row.actual_columns)
        return "skip"

    reader = pyarrow.csv.open_csv(
        path,
        parse_options=pyarrow.csv.ParseOptions(invalid_row_handler=set_aside),
        convert_options=pyarrow.csv.ConvertOptions(column_types=sheet.columns, include_columns=list(sheet.columns)),
    )
    with reader:
        yield from reader


def check_columns(path: Path, sheet: Sheet, present: list[str]) -> None:
    """Raises Problem when a needed column is not there."""
    missing = [name for name in sheet.columns if name not in present]
    if missing:
        raise Problem(f"{path} has no column {', '.join(missing)}; OULAD's own column names are needed")
