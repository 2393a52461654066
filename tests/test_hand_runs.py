"""Runs that people start in the Dagster UI: a table and its checks alone, a job without its partition, creators who do not exist."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

import dagster as dg
import pytest

from pipelines import comparison, links, mornings, warehouse
from pipelines.definitions import build
from pipelines.problem import UsageProblem
from pipelines.run_failures import broken_checks
from pipelines.settings import Settings
from tests import steps
from tests.small_source import CATALOG, NOON, SmallSource

QUIET = {"loggers": {"console": {}}}
MART = dg.AssetKey(["marts", "video_analytics"])
BROKEN = "update marts.video_analytics set viewer_count = viewer_count + 7"
VIEWERS = "select viewer_count from marts.video_analytics"


@pytest.fixture(scope="module")
def small(module_source: SmallSource) -> SmallSource:
    """A creator with a video that somebody watched, published at noon."""
    creator = module_source.add("creators")
    module_source.add("creators", company_name=None)
    module_source.add("creators", company_name="Basic", current_plan="basic")
    course = module_source.add("courses", creator_id=creator)
    student = module_source.add("students", creator_id=creator)
    video = module_source.add("videos", creator_id=creator, course_id=course, duration_seconds=600)
    module_source.add("video_progress", student_id=student, video_id=video)
    steps.run(module_source.settings, CATALOG, NOON, is_nightly=True)
    return module_source


@pytest.fixture(scope="module")
def definitions(small: SmallSource) -> dg.Definitions:
    return build(small.settings)


@pytest.fixture
def broken(small: SmallSource) -> Iterator[SmallSource]:
    """The same with a wrong number in a mart."""
    with warehouse.connect(small.settings) as connection:
        connection.execute(BROKEN)
    assert small.fetch(VIEWERS) == [(8,)]
    yield small
    with warehouse.connect(small.settings) as connection:
        connection.execute("update marts.video_analytics set viewer_count = 1")
        connection.execute("delete from ops.gates")


def _launch(
    definitions: dg.Definitions, job: str, assets: Iterable[dg.AssetKey], checks: Iterable[dg.AssetCheckKey]
) -> dg.ExecuteInProcessResult:
    """As the UI starts a part of a job: `__ASSET_JOB` holds all assets."""
    whole = definitions.resolve_implicit_global_asset_job_def() if job == "__ASSET_JOB" else definitions.resolve_job_def(job)
    part = whole.get_subset(asset_selection=set(assets), asset_check_selection=set(checks))
    return part.execute_in_process(raise_on_error=False, run_config=QUIET)


def _checks(definitions: dg.Definitions, key: dg.AssetKey) -> set[dg.AssetCheckKey]:
    return {check for check in definitions.resolve_asset_graph().asset_check_keys if check.asset_key == key}


@pytest.mark.parametrize("job", ["__ASSET_JOB", "hourly"])
def test_a_table_materialized_alone_is_built_whole(broken: SmallSource, definitions: dg.Definitions, job: str) -> None:
    done = _launch(definitions, job, [MART], [])
    assert done.success
    assert broken.fetch(VIEWERS) == [(1,)]
    assert broken.fetch("select is_published from ops.models where model_name = 'video_analytics'") == [(False,)]


def test_a_table_materialized_with_its_checks_is_mended_and_compared(broken: SmallSource, definitions: dg.Definitions) -> None:
    """As the button Materialize does. What is published waits for the next whole run, and the instant of the tables stays."""
    asked = _checks(definitions, MART)
    with warehouse.connect(broken.settings) as connection:
        connection.execute("insert into ops.gates select id, 'check failed: compare video_analytics', %s from raw.creators", (NOON,))
    done = _launch(definitions, "__ASSET_JOB", [MART], asked)
    assert done.success, [event.step_failure_data for event in done.all_events if event.is_step_failure]
    assert broken.fetch(VIEWERS) == [(1,)]
    answered = {evaluation.asset_check_key: evaluation.passed for evaluation in done.get_asset_check_evaluations()}
    assert answered == dict.fromkeys(asked, True)
    assert broken.fetch("select state, built_as_of from ops.build") == [("built", NOON)]
    assert broken.gates() == {}


def test_a_check_started_alone_looks_at_its_own_table_only(broken: SmallSource, definitions: dg.Definitions) -> None:
    for asked in [
        dg.AssetCheckKey(dg.AssetKey(["marts", "creator_overview"]), "compare"),
        dg.AssetCheckKey(dg.AssetKey(["raw", "students"]), "freshness"),
        next(check for check in _checks(definitions, dg.AssetKey(["incoming", "students"]))),
    ]:
        done = _launch(definitions, "__ASSET_JOB", [], [asked])
        assert done.success, asked
        assert [evaluation.asset_check_key for evaluation in done.get_asset_check_evaluations()] == [asked]
    done = _launch(definitions, "__ASSET_JOB", [], [dg.AssetCheckKey(MART, "compare")])
    assert [evaluation.passed for evaluation in done.get_asset_check_evaluations()] == [False]


def test_after_a_repair_the_next_run_publishes(broken: SmallSource, definitions: dg.Definitions) -> None:
    with warehouse.connect(broken.settings) as connection:
        warehouse.set_role(connection, "publisher")
        connection.execute("update analytics.video_analytics set viewer_count = 8")
    assert _launch(definitions, "__ASSET_JOB", [MART], _checks(definitions, MART)).success
    steps.run(broken.settings, CATALOG, NOON + timedelta(hours=1))
    assert broken.fetch("select viewer_count from analytics.video_analytics") == [(1,)]


def test_tables_are_not_compared_with_rows_that_were_booked_after_them(small: SmallSource) -> None:
    small.read(as_of=NOON + timedelta(hours=1))
    with warehouse.connect(small.settings) as connection:
        assert not comparison.is_comparable(connection)
    steps.run(small.settings, CATALOG, NOON + timedelta(hours=1))
    assert comparison.compare(small.settings, CATALOG) == []


def test_daily_without_a_partition_makes_the_edition_of_its_day(small: SmallSource, definitions: dg.Definitions) -> None:
    """As the Launchpad starts it. Dagster counts the day as made."""
    with dg.DagsterInstance.ephemeral() as instance:
        done = definitions.resolve_job_def("daily").execute_in_process(raise_on_error=False, instance=instance, run_config=QUIET)
        assert done.success, [event.step_failure_data for event in done.all_events if event.is_step_failure]
        ((today,),) = small.fetch("select distinct (as_of at time zone 'UTC')::date from analytics.published")
        assert small.fetch("select distinct edition_on from ops.export_log where event = 'finished'") == [(today,)]
        assert instance.get_materialized_partitions(dg.AssetKey(["reports", "report"])) == {str(today)}


def _daily(definitions: dg.Definitions, *creators: str) -> dg.ExecuteInProcessResult:
    config = {"ops": {"reports": {"config": {"creators": list(creators)}}}}
    return definitions.resolve_job_def("daily").execute_in_process(raise_on_error=False, run_config=QUIET | config)


def test_a_creator_who_does_not_exist_is_refused_before_anything_is_read(small: SmallSource, definitions: dg.Definitions) -> None:
    for stranger in ("Nobody Known", "00000000-0000-0000-0000-00000000abcd", "Basic"):
        before = small.fetch("select * from ops.current_run")
        done = _daily(definitions, "acme", stranger)
        failed = [(event.step_key, event.step_failure_data.user_failure_data) for event in done.all_events if event.is_step_failure]
        assert [(step, data and data.description) for step, data in failed] == [
            ("read", f"there is no creator {stranger!r} on a running enterprise plan; `creator-reports creators` lists them.")
        ]
        assert small.fetch("select * from ops.current_run") == before


def test_creators_are_named_as_on_the_command_line(small: SmallSource, definitions: dg.Definitions) -> None:
    (acme,) = small.fetch("select id::text from raw.creators where company_name = 'Acme'")[0]
    done = _daily(definitions, "ACME", acme)
    assert done.success
    numbers = done.get_asset_materialization_events()
    (made,) = [
        event.materialization.metadata
        for event in numbers
        if event.asset_key == dg.AssetKey(["reports", "report"]) and event.partition is None
    ]
    assert made["creators_done"].value + made["creators_unchanged"].value == 1


def test_mornings_take_names_too(small: SmallSource) -> None:
    with warehouse.connect(small.settings, autocommit=True) as connection:
        assert mornings.due(connection, NOON, ["ACME"]) == [], "Acme wants no mail"
        with pytest.raises(UsageProblem, match="there is no creator 'Nobody Known' on a running enterprise plan"):
            mornings.due(connection, NOON, ["Acme", "Nobody Known"])


def test_the_first_run_of_all_takes_creators_as_they_come(settings: Settings) -> None:
    links.require_known(settings, ["Acme"])
    warehouse.init_db(settings)
    links.require_known(settings, ["Acme"])


def test_closed_gates_and_rows_set_aside_warn(small: SmallSource, definitions: dg.Definitions) -> None:
    asked = {check for check in definitions.resolve_asset_graph().asset_check_keys if check.name in {"no_closed_gate", "no_row_set_aside"}}
    assert {check.asset_key.path[-1] for check in asked} == {"creator_overview", *CATALOG.sources}
    assert all(evaluation.passed for evaluation in _launch(definitions, "__ASSET_JOB", [], asked).get_asset_check_evaluations())
    with warehouse.connect(small.settings) as connection:
        connection.execute(
            "insert into ops.gates select id, 'bad rows: 1 of videos', %s from raw.creators where company_name = 'Acme'", (NOON,)
        )
        connection.execute("insert into ops.quarantine values ('videos', 'id=7', 'no title', null, %s, %s)", (NOON, NOON))
    done = _launch(definitions, "__ASSET_JOB", [], asked)
    assert done.success
    broken = {evaluation.asset_key.path[-1]: evaluation for evaluation in done.get_asset_check_evaluations() if not evaluation.passed}
    assert {table: evaluation.severity for table, evaluation in broken.items()} == dict.fromkeys(
        ["creator_overview", "videos"], dg.AssetCheckSeverity.WARN
    )
    assert broken["videos"].metadata["samples"].value == "id=7: no title"
    assert str(broken["creator_overview"].metadata["samples"].value).startswith("Acme (")
    assert broken_checks(done.get_asset_check_evaluations()) == [], "the data team is told twice"
    with warehouse.connect(small.settings) as connection:
        connection.execute("delete from ops.gates")
        connection.execute("delete from ops.quarantine")
