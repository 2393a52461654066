"""What may be asked for as an export: types, formats and filters of the catalogue, and a wish as SQL.

Belongs here: checking a wish, in words for whoever asked. Does not: making the file (exports), the line of requests (export_line).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from pipelines.catalog import Catalog, Filter, Mart, Report
from pipelines.problem import UsageProblem
from reports.formats import FORMATS, Format


@dataclass(frozen=True)
class Wanted:
    """An export as it is asked for, not checked yet. `filters` are values by name, as text: `{"tier": "at_risk", "from": "2026-03-01"}`.

    `requested_by` is for the log.
    """

    creator_id: str
    export_type: str
    format: str
    filters: Mapping[str, str] = field(default_factory=dict)
    requested_by: str | None = None


@dataclass(frozen=True)
class Selection:
    """A checked export: its report and format, and SQL over the mart's columns with the values that it binds."""

    report: Report
    format: Format
    condition: str
    values: tuple[str, ...]


def check(catalog: Catalog, wanted: Wanted) -> Selection:
    """The selection that is wanted; a `UsageProblem` says which type, format, filter or value there is not, and which there are."""
    report = catalog.reports.get(wanted.export_type)
    if report is None or report.formats == ("html",):
        types = sorted(name for name, one in catalog.reports.items() if one.formats != ("html",))
        raise UsageProblem(f"there is no export type {wanted.export_type[:60]!r}; there are {', '.join(types)}.")
    if wanted.format not in report.formats:
        raise UsageProblem(f"{report.name} cannot be had as {wanted.format[:20]!r}; there are {', '.join(report.formats)}.")
    conditions, values = [], []
    for name, value in sorted(wanted.filters.items()):
        rule = report.filters.get(name)
        if rule is None:
            known = f"there are {', '.join(report.filters)}" if report.filters else "it has none"
            raise UsageProblem(f"{report.name} has no filter {name[:60]!r}; {known}.")
        values.append(_check_value(catalog.marts[rule.through or report.mart], name, rule, value))
        conditions.append(_condition(catalog.marts[rule.through or report.mart], name, rule, f"${len(values)}::text"))
    if "from" in wanted.filters and "to" in wanted.filters and wanted.filters["from"] > wanted.filters["to"]:
        raise UsageProblem(f"from {wanted.filters['from']} is after to {wanted.filters['to']}; give the earlier day as from.")
    return Selection(report, FORMATS[wanted.format], " and ".join(conditions) or "true", tuple(values))


def _check_value(mart: Mart, name: str, rule: Filter, value: object) -> str:
    if not isinstance(value, str):
        raise UsageProblem(f"filter {name}: {json.dumps(value, ensure_ascii=False)[:60]} is not a text; give one value in quotes.")
    if rule.values and value not in rule.values:
        raise UsageProblem(f"filter {name}: there is no {value[:60]!r}; there are {', '.join(rule.values)}.")
    kind = _type_of(mart, rule.column)
    try:
        if name in ("from", "to"):
            return date.fromisoformat(value).isoformat()
        return str(UUID(value)) if kind == "uuid" else value
    except ValueError:
        wish = "a day like 2026-03-01" if name in ("from", "to") else "an id"
        raise UsageProblem(f"filter {name}: {value[:60]!r} is not {wish}.") from None


def _condition(mart: Mart, name: str, rule: Filter, value: str) -> str:
    """One filter as SQL; `value` is the placeholder. Days are the creator's, both ends included."""
    column, kind = f'"{rule.column}"', _type_of(mart, rule.column)
    if name in ("from", "to"):
        zone = "(select timezone from analytics.creator_overview where creator_id = ops.render_creator())"
        day = f"({column} at time zone {zone})::date" if kind == "timestamptz" else column
        return f"{day} {'>=' if name == 'from' else '<='} {value}::date"
    if rule.through:
        return f'student_id in (select student_id from analytics."{rule.through}" where {column} = {value})'
    return f"{column} = {value}::uuid" if kind == "uuid" else f"{column} = {value}"


def _type_of(mart: Mart, column: str) -> str:
    return next(found.data_type for found in mart.columns if found.name == column)
