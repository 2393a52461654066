"""The value rules of the two doors, and the only importer of Great Expectations.

Belongs here: reading the rules (`<door>/<table>.yml`) and validating a door's tables by them. The rules are data: a readable name, an expectation type of
Great Expectations with its arguments, a severity (`error` or `warn`) and a `because` that a person understands. `key` names the columns by which a bad
row is shown; `no_rule_because` says why a column has no rule. Does not: tests of our own SQL (dbt), what follows from an outcome (the pipeline).

Over 200 lines: the shapes of its results are all read here, so that nobody else has to know them.

Great Expectations takes seconds and 270 MB to import, so `validate` imports it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import yaml

DOORS = ("incoming", "marts")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same in C: a tenth of the time, for 22 files at each door
SAMPLE_SIZE = 10
_FOLDER = Path(__file__).parent
_SEVERITIES = {"error": "critical", "warn": "warning"}
BY_QUERY = "unexpected_rows_expectation"
"""The expectation type whose rule is a query for the keys of bad rows; it never sees other columns."""


@dataclass(frozen=True)
class Rule:
    """One rule: `type` and `kwargs` are Great Expectations' own. A rule by query selects key columns only, so that samples hold no personal data."""

    rule: str
    type: str
    kwargs: Mapping[str, Any]
    severity: Literal["error", "warn"]
    because: str


@dataclass(frozen=True)
class Suite:
    """The rules of one table of one door; the door's name is the table's schema. `no_rule_because` maps columns to why they have no rule."""

    door: str
    table: str
    rules: tuple[Rule, ...]
    key: tuple[str, ...] = ()
    no_rule_because: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What became of one rule: rows looked at, rows that break it, and up to SAMPLE_SIZE of their keys.

    `problem` is empty, or says in one line why the rule could not be examined: then it has not passed and `failed` is 0. `creators` are those whose rows
    break the rule; None when that is not known of all of them.
    """

    door: str
    table: str
    rule_name: str
    because: str
    passed: bool
    severity: Literal["error", "warn"]
    evaluated: int
    failed: int
    samples: list[str]
    problem: str = ""
    creators: frozenset[str] | None = None


def suites(door: str) -> list[Suite]:
    """The suites of `door` (`incoming` or `marts`), by table. Raises ValueError for an unknown door or a malformed file, with its name."""
    if door not in DOORS:
        raise ValueError(f"there is no door {door!r}; doors are {' and '.join(DOORS)}")
    return [_read(door, path) for path in sorted((_FOLDER / door).glob("*.yml"))]


def _read(door: str, path: Path) -> Suite:
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506  a safe one
    try:
        rules = tuple(Rule(r["rule"], r["expect"], r["kwargs"], r["severity"], r["because"]) for r in content["rules"])
        suite = Suite(door, path.stem, rules, tuple(content["key"]), content.get("no_rule_because") or {})
    except (KeyError, TypeError) as error:
        raise ValueError(f"{door}/{path.name} is no suite: {error!r}") from error
    if unknown := [rule.rule for rule in rules if rule.severity not in _SEVERITIES]:
        raise ValueError(f"{door}/{path.name}: the severity of {unknown} is neither error nor warn")
    return suite


def validate(connection_url: str, suites: Iterable[Suite], *, schema: str | None = None) -> list[Outcome]:
    """Examine the suites' tables in the database at `connection_url` (postgresql+psycopg2://…); one outcome per rule, in the order given.

    The tables are those of the door, or of the same names in `schema`.

    Great Expectations is imported here. Whatever goes wrong while a table or rule is examined, a missing table for one, is that rule's failure.
    """
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}  # pyrefly: ignore[bad-assignment]
    places = groupby(suites, key=lambda suite: schema or suite.door)
    return [
        outcome for place, there in places for outcome in _validate_in(context, in_schema(plain_url(connection_url), place), list(there))
    ]


def _validate_in(context: Any, address: str, suites: Sequence[Suite]) -> list[Outcome]:
    """Outcomes of suites whose tables lie in one schema."""
    try:
        source = context.data_sources.add_or_update_postgres("warehouse", connection_string=address, create_temp_table=False)
    except Exception as error:  # no connection: no rule was seen to hold
        return [outcome for suite in suites for outcome in _unexamined(suite, error)]
    try:
        return [outcome for suite in suites for outcome in _examine(source, suite)]
    finally:
        source.get_execution_engine().close()
        source.get_engine().dispose()


def in_schema(connection_url: str, schema: str) -> str:
    """The address with the schema in which tables are looked for, beside options that it has: Great Expectations asks for no other of a table."""
    parts = urlsplit(connection_url)
    said = parse_qsl(parts.query)
    options = " ".join([*(value for name, value in said if name == "options"), f"-csearch_path={schema}"])
    return urlunsplit(
        parts._replace(query=urlencode([*(pair for pair in said if pair[0] != "options"), ("options", options)], quote_via=quote))
    )


def plain_url(connection_url: str) -> str:
    """The address as Great Expectations takes it: it reads `$name` and `${name}` as variables of its own, braces as a template, and wants a host.

    So user, password and database are percent-encoded through and through. A socket folder in `?host=` wins over the host that is put in for it.
    """
    parts = urlsplit(connection_url)
    login, _, place = parts.netloc.rpartition("@")
    name, colon, password = login.partition(":")
    place = place if place and not place.startswith(":") else f"localhost{place}"
    encoded = quote(unquote(name), safe="") + colon + quote(unquote(password), safe="")
    path = "/" + quote(unquote(parts.path[1:]), safe="")
    return urlunsplit(parts._replace(netloc=f"{encoded}@{place}" if login else place, path=path))


def _examine(source: Any, suite: Suite) -> Iterator[Outcome]:
    """Outcomes of one suite. `source` is Great Expectations' data source."""
    try:
        results, row_count = _run(source, suite)
    except Exception as error:  # whatever it was, no rule of the table was seen to hold
        yield from _unexamined(suite, error)
        return
    for rule, result in zip(suite.rules, results, strict=True):
        problem = _problem(result.exception_info)
        passed = bool(result.success) and not problem
        if passed or problem:
            yield _outcome(suite, rule, passed=passed, problem=problem, evaluated=row_count)
        else:
            counted, keys = _count(result.result), _samples(result.result)
            yield _outcome(
                suite, rule, passed=False, evaluated=row_count, failed=counted, samples=keys, creators=_creators(result.result, counted)
            )


def _unexamined(suite: Suite, error: Exception) -> Iterator[Outcome]:
    return (_outcome(suite, rule, passed=False, problem=_one_line(error)) for rule in suite.rules)


def _run(source: Any, suite: Suite) -> tuple[list[Any], int]:
    """Great Expectations' results in the order of the rules, and the rows of the table. A table: of a query it would fetch all rows to learn the columns."""
    import great_expectations as gx

    asset = source.add_table_asset(f"{suite.door}.{suite.table}", table_name=suite.table)
    batch = asset.add_batch_definition_whole_table("all").get_batch()
    counting = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 0}, "meta": {"no": -1}}
    rules = [
        {"type": rule.type, "kwargs": dict(rule.kwargs), "severity": _SEVERITIES[rule.severity], "meta": {"no": number}}
        for number, rule in enumerate(suite.rules)
    ]
    shape = {
        "result_format": "SUMMARY",
        "partial_unexpected_count": SAMPLE_SIZE,
        "unexpected_index_column_names": list(suite.key),
        "exclude_unexpected_values": True,  # keys only: values may be personal
    }
    found = batch.validate(gx.ExpectationSuite(name=asset.name, expectations=[counting, *rules]), result_format=shape)
    by_number = {result.expectation_config.meta["no"]: result for result in found.results}
    if problem := _problem(by_number[-1].exception_info):
        raise LookupError(problem)
    for number, rule in enumerate(suite.rules):
        result = by_number[number]
        if result.success or _problem(result.exception_info):
            continue
        if rule.type == BY_QUERY:
            query = gx.expectations.UnexpectedRowsExpectation(**rule.kwargs)
            result.result |= batch.validate(query, result_format="COMPLETE").result  # at most 200 rows, and of those only keys
        elif rule.severity == "error":
            again = gx.ExpectationSuite(name=f"{asset.name} {number}", expectations=[rules[number]])
            result.result |= batch.validate(again, result_format=shape | {"result_format": "COMPLETE"}).results[0].result
    return [by_number[number] for number in range(len(suite.rules))], int(by_number[-1].result["observed_value"])


def _count(result: Mapping[str, Any]) -> int:
    """Rows that break a rule. A rule over the table as a whole that fails without naming rows counts as one."""
    return int(result.get("unexpected_count") or result.get("observed_value") or 1)


def _rows(result: Mapping[str, Any], listing: str) -> list[Mapping[str, Any]]:
    """Keys of rows that break a rule, as far as they are listed."""
    rows = result.get("details", {}).get("unexpected_rows")
    if rows is not None:
        return list(rows)
    columns = (result.get(listing) or [{}])[0]  # one list of values per key column
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _creators(result: Mapping[str, Any], counted: int) -> frozenset[str] | None:
    """The creators of all rows that break a rule; None when not all are listed or one has none."""
    found = [row.get("creator_id") for row in _rows(result, "unexpected_index_list")]
    return frozenset(map(str, found)) if found and len(found) >= counted and all(found) else None


def _samples(result: Mapping[str, Any]) -> list[str]:
    """Keys of rows that break a rule, as text: `id=…` or `creator_id=…, student_id=…`."""
    rows = _rows(result, "partial_unexpected_index_list")
    return [", ".join(f"{name}={value}" for name, value in row.items()) for row in rows[:SAMPLE_SIZE]]


def _problem(exception_info: Mapping[str, Any] | None) -> str:
    """Why an expectation could not be examined, in one line; empty when it could. Great Expectations nests this by metric, or does not."""
    info = exception_info or {}
    entries = [info] if "raised_exception" in info else list(info.values())
    raised = [entry["exception_message"] for entry in entries if entry.get("raised_exception")]
    return _one_line(raised[0]) if raised else ""


def _one_line(said: object) -> str:
    """The first line of an error: what follows is the query, which the rule's own file shows better."""
    return (str(said).strip().splitlines() or [repr(said)])[0][:300]


def _outcome(
    suite: Suite,
    rule: Rule,
    *,
    passed: bool,
    problem: str = "",
    evaluated: int = 0,
    failed: int = 0,
    samples: Sequence[str] = (),
    creators: frozenset[str] | None = None,
) -> Outcome:
    return Outcome(
        suite.door, suite.table, rule.rule, rule.because, passed, rule.severity, evaluated, failed, list(samples), problem, creators
    )
