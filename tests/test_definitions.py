"""What Dagster is told: layers in order, a sentence for everything, jobs that cover what they say."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from pipelines.definitions import build
from pipelines.settings import Settings

GROUPS = ["1_incoming", "2_raw", "3_staging", "4_intermediate", "5_marts", "6_analytics", "7_reports", "8_saved"]


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build(Settings(_env_file=None, database_url="postgresql://nobody@127.0.0.1:1/none"))


@pytest.fixture(scope="module")
def graph(definitions: dg.Definitions) -> Any:
    return definitions.resolve_asset_graph()


def test_groups_are_the_layers_in_the_order_of_the_data(graph: Any) -> None:
    order = {group: number for number, group in enumerate(GROUPS)}
    seen = {graph.get(key).group_name for key in graph.get_all_asset_keys()}
    assert seen == set(GROUPS)
    for key in graph.get_all_asset_keys():
        for parent in graph.get(key).parent_keys:
            assert order[graph.get(parent).group_name] <= order[graph.get(key).group_name], (parent, key)


def test_everything_has_a_sentence(definitions: dg.Definitions, graph: Any) -> None:
    assert [key for key in graph.get_all_asset_keys() if not graph.get(key).description] == []
    assert [key for key in graph.asset_check_keys if not graph.get(key).description] == []
    for name in ("hourly", "daily"):
        assert definitions.resolve_job_def(name).description


def test_hourly_leaves_out_reports_and_nightly_tests(definitions: dg.Definitions) -> None:
    hourly, daily = (definitions.resolve_job_def(name).asset_layer for name in ("hourly", "daily"))
    groups = {hourly.asset_graph.get(key).group_name for key in hourly.executable_asset_keys}
    assert groups == set(GROUPS) - {"7_reports", "8_saved"}
    assert hourly.asset_graph.asset_check_keys < daily.asset_graph.asset_check_keys


def test_rows_in_and_rows_out_are_guarded(graph: Any) -> None:
    blocking = {key.asset_key.path[0] for key in graph.asset_check_keys if graph.get(key).blocking}
    assert {"incoming", "marts"} <= blocking


def test_both_schedules_run_from_the_start(definitions: dg.Definitions) -> None:
    schedules = {schedule.job_name: schedule for schedule in definitions.schedules}
    assert schedules["hourly"].cron_schedule == "0 0-2,4-23 * * *"
    assert schedules["daily"].cron_schedule == "0 3 * * *"
    assert {schedule.default_status for schedule in schedules.values()} == {dg.DefaultScheduleStatus.RUNNING}


def test_the_tick_gives_as_of_and_edition(definitions: dg.Definitions) -> None:
    tick = datetime(2026, 3, 29, 3, tzinfo=UTC)
    daily = next(schedule for schedule in definitions.schedules if schedule.job_name == "daily")
    with dg.build_schedule_context(scheduled_execution_time=tick, repository_def=definitions.get_repository_def()) as context:
        (request,) = daily.evaluate_tick(context).run_requests
    assert request.partition_key == "2026-03-29"
    assert request.tags["creator-reports/tick"] == tick.isoformat()


def test_retries_end(definitions: dg.Definitions) -> None:
    for name in ("hourly", "daily"):
        assert definitions.resolve_job_def(name).tags["dagster/max_retries"] == "2"


def test_the_launchpad_says_what_it_takes(definitions: dg.Definitions) -> None:
    reports = next(node for node in definitions.resolve_job_def("daily").nodes if node.name == "reports")
    creators = reports.definition.config_field.config_type.fields["creators"]
    assert "enterprise" in creators.description
