"""The two doors: Great Expectations suites as blocking Dagster checks.

Belongs here: which suites guard which door, and how an outcome is shown. Does not: the rules (expectations/), tests of our SQL (dbt).
"""

import logging
from collections.abc import Iterator, Sequence

import dagster as dg

import expectations
from pipelines import warehouse
from pipelines.problem import Problem
from pipelines.runs import enter_run, plain_failures
from pipelines.settings import Settings


def examine(settings: Settings, door: str) -> list[expectations.Outcome]:
    """Validate all suites of `door` (`incoming` or `marts`) against its schema."""
    logging.getLogger("great_expectations").setLevel(logging.WARNING)  # it announces each temporary folder
    return expectations.validate(warehouse.sqlalchemy_url(settings), expectations.suites(door))


def accept_build(settings: Settings, run: warehouse.Run) -> None:
    """Say that the marts that `run` built have passed the door; from here on they may be published."""
    with warehouse.owned_transaction(settings, run) as connection:
        count = connection.execute(
            "update ops.build set state = 'audited' where state in ('built', 'audited') and built_run_id = %s", (run.run_id,)
        ).rowcount
        if count == 0:
            raise Problem("the marts were not built whole by this run; run the whole job.")


def build_door(settings: Settings, door: str) -> dg.AssetChecksDefinition:
    """One step for all suites of a door, so that Great Expectations is imported once; one check per rule, described by its `because`."""
    suites = expectations.suites(door)
    specs = [
        dg.AssetCheckSpec(
            name=_check_name(rule.rule), asset=dg.AssetKey([door, suite.table]), description=rule.because, blocking=rule.severity == "error"
        )
        for suite in suites
        for rule in suite.rules
    ]

    @dg.multi_asset_check(
        name=f"door_{door}", specs=specs, required_resource_keys={"run_guard"}, pool="warehouse", description=_DESCRIPTIONS[door]
    )
    def check_door(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        with plain_failures():
            run = enter_run(context)
            outcomes = examine(settings, door)
        yield from (_result(outcome) for outcome in outcomes)
        failed = [outcome for outcome in outcomes if not outcome.passed and outcome.severity == "error"]
        context.log.info(summarize(door, outcomes))
        if not failed and door == "marts":
            with plain_failures():
                accept_build(settings, run)

    return check_door


_DESCRIPTIONS = {
    "incoming": "Rows in: value rules over the rows that this run read. A broken rule stops the run before anything is booked.",
    "marts": "Rows out: value rules over the tables that this run built. A broken rule stops the run before anything is published.",
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


def _result(outcome: expectations.Outcome) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=outcome.passed,
        asset_key=dg.AssetKey([outcome.door, outcome.table]),
        check_name=_check_name(outcome.rule_name),
        severity=dg.AssetCheckSeverity.ERROR if outcome.severity == "error" else dg.AssetCheckSeverity.WARN,
        metadata={
            "because": outcome.because,
            **({"problem": outcome.problem} if outcome.problem else {}),
            "rows": outcome.evaluated,
            "failing_rows": outcome.failed,
            "samples": ", ".join(outcome.samples),
        },
    )
