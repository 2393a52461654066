"""What Dagster is told: layers in order, a sentence for everything, jobs that cover what they say."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState
from dagster._core.definitions.freshness_evaluator import CronFreshnessPolicyEvaluator, TimeWindowFreshnessPolicyEvaluator
from dagster._core.loader import LoadingContextForTest
from dagster._core.remote_representation.external_data import ScheduleSnap
from dagster._core.test_utils import freeze_time

from pipelines import freshness, mirror_tables, transform, warehouse
from pipelines.catalog import load_catalog
from pipelines.definitions import build
from pipelines.run_failures import first_cause
from pipelines.settings import Settings

GROUPS = ["1_incoming", "2_raw", "3_staging", "4_intermediate", "5_marts", "6_analytics", "7_reports", "8_saved", "9_delivered"]


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build(Settings(_env_file=None, database_url="postgresql://nobody@127.0.0.1:1/none"))


@pytest.fixture(scope="module")
def graph(definitions: dg.Definitions) -> Any:
    return definitions.resolve_asset_graph()


def test_a_code_server_loads_all_of_it(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)
    definitions.get_repository_def().load_all_definitions()


def test_groups_are_the_layers_in_the_order_of_the_data(graph: Any) -> None:
    order = {group: number for number, group in enumerate(GROUPS)}
    seen = {graph.get(key).group_name for key in graph.get_all_asset_keys()}
    assert seen == set(GROUPS)
    for key in graph.get_all_asset_keys():
        for parent in graph.get(key).parent_keys:
            assert order[graph.get(parent).group_name] <= order[graph.get(key).group_name], (parent, key)


def test_what_holds_creators_back_stops_no_run(graph: Any) -> None:
    """Only the door for rows that come in stops by its checks; the others decide for themselves whom they stop."""
    blocking = {key.asset_key.path[0] for key in graph.asset_check_keys if graph.get(key).blocking}
    assert blocking == {"incoming"}


@pytest.mark.parametrize(("is_blocking", "told"), [(False, "after: no room"), (True, "Checks do not hold: before: holds (It holds.)")])
def test_a_run_that_failed_names_what_stopped_it(is_blocking: bool, told: str) -> None:
    @dg.asset(check_specs=[dg.AssetCheckSpec("holds", asset="before", description="It holds.", blocking=is_blocking)])
    def before() -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=False, check_name="holds", description="It holds.")])

    @dg.asset(deps=[before])
    def after() -> None:
        raise dg.Failure("no room")

    result = dg.materialize([before, after], raise_on_error=False)
    failures = [event for event in result.all_events if event.is_step_failure]
    assert first_cause(result.get_asset_check_evaluations(), failures).startswith(told)


def test_everything_has_a_sentence(definitions: dg.Definitions, graph: Any) -> None:
    assert [key for key in graph.get_all_asset_keys() if not graph.get(key).description] == []
    assert [key for key in graph.asset_check_keys if not graph.get(key).description] == []
    for name in ("hourly", "daily", "mornings", "exports"):
        assert definitions.resolve_job_def(name).description


def test_hourly_leaves_out_reports_and_nightly_tests(definitions: dg.Definitions) -> None:
    hourly, daily = (definitions.resolve_job_def(name).asset_layer for name in ("hourly", "daily"))
    groups = {hourly.asset_graph.get(key).group_name for key in hourly.executable_asset_keys}
    assert groups == set(GROUPS) - {"7_reports", "8_saved", "9_delivered"}
    assert hourly.asset_graph.asset_check_keys < daily.asset_graph.asset_check_keys


def test_all_schedules_run_from_the_start(definitions: dg.Definitions) -> None:
    schedules = {schedule.job_name: schedule for schedule in definitions.schedules}
    assert schedules["hourly"].cron_schedule == "0 0-2,4-23 * * *"
    assert schedules["daily"].cron_schedule == "0 3 * * *"
    assert schedules["mornings"].cron_schedule == "10 * * * *"
    assert {schedule.default_status for schedule in schedules.values()} == {dg.DefaultScheduleStatus.RUNNING}


def test_the_tick_gives_as_of_and_edition(definitions: dg.Definitions) -> None:
    tick = datetime(2026, 3, 29, 3, tzinfo=UTC)
    daily = next(schedule for schedule in definitions.schedules if schedule.job_name == "daily")
    with dg.build_schedule_context(scheduled_execution_time=tick, repository_def=definitions.get_repository_def()) as context:
        (request,) = daily.evaluate_tick(context).run_requests
    assert request.partition_key == "2026-03-29"
    assert request.tags["creator-reports/tick"] == tick.isoformat()


def test_retries_end(definitions: dg.Definitions) -> None:
    for name in ("hourly", "daily", "mornings"):
        assert definitions.resolve_job_def(name).tags["dagster/max_retries"] == "2"


def test_the_launchpad_says_what_it_takes(definitions: dg.Definitions) -> None:
    reports = next(node for node in definitions.resolve_job_def("daily").nodes if node.name == "reports")
    creators = reports.definition.config_field.config_type.fields["creators"]
    assert "enterprise" in creators.description


def test_sources_tables_and_reports_have_to_be_fresh(graph: Any) -> None:
    for key in graph.get_all_asset_keys():
        policy = graph.get(key).freshness_policy
        if key.path[0] in {"incoming", "raw", "analytics", "reports"} and graph.get(key).is_materializable:
            is_daily = key.path[0] == "reports" or key.path[-1] in {"progress", "quiz_results", "chat_transcript", "video_viewer_tiers"}
            assert policy == (freshness.DAILY if is_daily else freshness.HOURLY), key


@pytest.mark.parametrize(
    ("policy", "age", "state"),
    [
        (freshness.HOURLY, timedelta(minutes=74), FreshnessState.PASS),
        (freshness.HOURLY, timedelta(minutes=76), FreshnessState.WARN),
        (freshness.HOURLY, timedelta(minutes=151), FreshnessState.FAIL),
        (freshness.DAILY, timedelta(hours=3), FreshnessState.PASS),  # at 08:00: written at 05:00
        (freshness.DAILY, timedelta(hours=9), FreshnessState.FAIL),  # at 08:00: written the evening before
    ],
)
def test_dagster_judges_freshness_as_meant(policy: dg.FreshnessPolicy, age: timedelta, state: FreshnessState) -> None:
    eight = datetime(2026, 3, 2, 8, 0, 1, tzinfo=UTC)

    @dg.asset(freshness_policy=policy)
    def judged() -> None: ...

    definitions = dg.Definitions(assets=[judged])
    node = definitions.resolve_asset_graph().get(judged.key)
    evaluator = {freshness.HOURLY: TimeWindowFreshnessPolicyEvaluator, freshness.DAILY: CronFreshnessPolicyEvaluator}[policy]()
    with dg.DagsterInstance.ephemeral() as instance:
        with freeze_time(eight - age):
            assert dg.materialize([judged], instance=instance).success
        with freeze_time(eight):
            assert asyncio.run(evaluator.evaluate_freshness(LoadingContextForTest(instance), node)) == state


def test_after_an_outage_each_schedule_makes_up_for_its_newest_tick_only(definitions: dg.Definitions) -> None:
    """Dagster catches up all missed ticks of schedules over a partition set, and the newest one of all others: ours are others."""
    repository = definitions.get_repository_def()
    for schedule in definitions.schedules:
        assert ScheduleSnap.from_def(schedule, repository).partition_set_name is None


def test_a_source_is_fresh_while_its_newest_row_is_no_older_than_usual(settings: Settings) -> None:
    """As `dbt source freshness` says of it; a table without rows is not."""
    warehouse.init_db(settings)
    with warehouse.connect(settings, autocommit=True) as connection:
        mirror_tables.make(connection, list(load_catalog().sources.values()))
        said = []
        for age in (None, timedelta(days=3), timedelta(days=1)):
            if age is not None:
                at = (datetime.now(UTC) - age).replace(tzinfo=None)
                connection.execute("insert into raw.students (id, updated_at) values (gen_random_uuid(), %s)", (at,))
            said.append(transform._newest(settings, "students", "updated_at at time zone 'UTC'", "2 day"))
    assert [is_fresh for _, is_fresh in said] == [False, False, True]
    assert said[0][0] is None and said[2][0] is not None
