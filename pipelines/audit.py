"""The two doors: Great Expectations suites as blocking Dagster checks.

Belongs here: which suites guard which door, and how an outcome is shown. Does not: the rules (expectations/), tests of our SQL (dbt).
"""

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence

import dagster as dg
from psycopg import sql

import expectations
from pipelines import gates, publish, warehouse
from pipelines.catalog import Catalog, Mart
from pipelines.problem import Problem
from pipelines.runs import NIGHTLY_JOB, PUBLISHING_STEP, enter_run, has_step, plain_failures
from pipelines.settings import Settings


def examine(settings: Settings, door: str, *, schema: str | None = None, only: Collection[str] | None = None) -> list[expectations.Outcome]:
    """Validate all suites of `door` (`incoming` or `marts`), or of the tables `only`, against its tables, or those of the same names in `schema`."""
    logging.getLogger("great_expectations").setLevel(logging.WARNING)  # it announces each temporary folder
    suites = [suite for suite in expectations.suites(door) if only is None or suite.table in only]
    return expectations.validate(warehouse.sqlalchemy_url(settings), suites, schema=schema)


def show_touched(settings: Settings, marts: Iterable[Mart]) -> None:
    """Make the views of the schema `door`: of each mart the rows that this run is about to publish."""
    with warehouse.connect(settings) as connection:
        whole = {row[0] for row in connection.execute("select model_name from ops.models where not is_published")}
        for mart in marts:
            narrowed = (
                sql.SQL("")
                if mart.name in whole
                else sql.SQL(" where exists (select from ops.touched k where k.table_name = {} and {})").format(
                    mart.name, publish.key_matches(mart, "m")
                )
            )
            view = sql.Identifier("door", mart.name)
            connection.execute(sql.SQL("drop view if exists {}").format(view))
            connection.execute(
                sql.SQL("create view {} as select m.* from {} m").format(view, sql.Identifier("marts", mart.name)) + narrowed
            )


def accept_build(settings: Settings, run: warehouse.Run) -> None:
    """Say that the marts that `run` built have passed the door; from here on they may be published."""
    with warehouse.owned_transaction(settings, run) as connection:
        count = connection.execute(
            "update ops.build set state = 'audited' where state in ('built', 'audited') and built_run_id = %s", (run.run_id,)
        ).rowcount
        if count == 0:
            raise Problem("the marts were not built whole by this run; run the whole job.")


def build_door(settings: Settings, door: str, catalog: Catalog) -> dg.AssetChecksDefinition:
    """One step for all suites of a door, so that Great Expectations is imported once; one check per rule, described by its `because`."""
    specs = _specs(door)
    every = {spec.key for spec in specs}

    @dg.multi_asset_check(
        name=f"door_{door}",
        specs=specs,
        required_resource_keys={"run_guard"},
        can_subset=True,  # a table materialized in the UI brings its own checks along
        pool="warehouse",
        description=_DESCRIPTIONS[door],
    )
    def check_door(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        chosen = context.selected_asset_check_keys
        with plain_failures():
            run = enter_run(context)
            if door == "marts":
                show_touched(settings, catalog.marts.values())
            is_narrowed = door == "marts" and context.run.job_name != NIGHTLY_JOB
            tables = {key.asset_key.path[-1] for key in chosen}
            outcomes = examine(settings, door, schema="door" if is_narrowed else None, only=tables)
        outcomes = [outcome for outcome in outcomes if _check_key(outcome) in chosen]
        yield from (_result(outcome) for outcome in outcomes)
        held = 0
        if door == "marts":
            with plain_failures():
                held = _pass_marts(settings, run, outcomes)
                if chosen == every and has_step(context, PUBLISHING_STEP):  # some tables, built again by hand, wait for the next whole run
                    accept_build(settings, run)
        context.log.info(summarize(door, outcomes) + gates.say_held(held))

    return check_door


def _specs(door: str) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            name=_check_name(rule.rule),
            asset=dg.AssetKey([door, suite.table]),
            description=rule.because,
            blocking=rule.severity == "error" and door == "incoming",  # at the way out the step itself decides: see _pass_marts
        )
        for suite in expectations.suites(door)
        for rule in suite.rules
    ]


def _pass_marts(settings: Settings, run: warehouse.Run, outcomes: Sequence[expectations.Outcome]) -> int:
    """Hold back the creators that broken rules name (how many); a broken rule that does not name all its creators stops the publish."""
    rules = [outcome for outcome in outcomes if outcome.severity == "error"]
    unnamed = [outcome for outcome in rules if not outcome.passed and outcome.creators is None]
    if unnamed:
        said = "; ".join(
            f"{outcome.table}: {outcome.rule_name} ({outcome.problem or f'{outcome.failed:,} rows'})" for outcome in unnamed[:3]
        )
        raise Problem(f"rules at the way out do not hold and do not name whom to hold back: {said}. Nothing was published.")
    found = {f"{outcome.table}: {outcome.rule_name}": outcome.creators or () for outcome in rules}
    return gates.hold_back(settings, run, found)


_DESCRIPTIONS = {
    "incoming": "Rows in: value rules over the rows that this run read. A broken rule stops the run before anything is booked.",
    "marts": "Rows out: value rules over the rows that this run is about to publish, nightly over all. The creators that a broken rule names keep their"
    " old rows; one that names none stops the publish.",
}


def summarize(door: str, outcomes: Sequence[expectations.Outcome]) -> str:
    """One line: how many rules held, and which did not."""
    broken = [f"{outcome.table}: {outcome.rule_name} ({outcome.failed:,} rows)" for outcome in outcomes if not outcome.passed]
    return f"door {door}: {len(outcomes) - len(broken)} of {len(outcomes)} rules hold" + (
        f"; broken: {'; '.join(broken)}" if broken else ""
    )


def _check_name(rule: str) -> str:
    """A rule's name as Dagster allows it."""
    return "".join(letter if letter.isalnum() else "_" for letter in rule)


def _check_key(outcome: expectations.Outcome) -> dg.AssetCheckKey:
    return dg.AssetCheckKey(dg.AssetKey([outcome.door, outcome.table]), _check_name(outcome.rule_name))


def _result(outcome: expectations.Outcome) -> dg.AssetCheckResult:
    key = _check_key(outcome)
    return dg.AssetCheckResult(
        passed=outcome.passed,
        asset_key=key.asset_key,
        check_name=key.name,
        severity=dg.AssetCheckSeverity.ERROR if outcome.severity == "error" else dg.AssetCheckSeverity.WARN,
        description=outcome.because,
        metadata={
            "because": outcome.because,
            **({"problem": outcome.problem} if outcome.problem else {}),
            "rows": outcome.evaluated,
            "failing_rows": outcome.failed,
            "samples": ", ".join(outcome.samples),
        },
    )
