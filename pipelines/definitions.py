"""Everything that Dagster is told: pure wiring. Importing this module opens no socket."""

import warnings

import dagster as dg

from pipelines import (
    assets,
    audit,
    cadence,
    catalog,
    delivery_assets,
    nightly,
    question_assets,
    report_assets,
    runs,
    sensors,
    standing_checks,
    transform,
)
from pipelines.settings import Settings, load_settings


def build(settings: Settings) -> dg.Definitions:
    """All assets, checks, jobs, schedules and sensors for `settings`."""
    warnings.filterwarnings("ignore", category=dg.BetaWarning)  # backfill policies are marked beta; nobody who reads our logs can act on it
    manifest = catalog.read_manifest()
    found = catalog.load_catalog(manifest)
    partitions = cadence.build_partitions(settings.first_day)
    dbt = transform.build_assets(settings, manifest, found)
    return dg.Definitions(
        assets=[
            *assets.build_steps(settings, found),
            question_assets.build_grouping(settings, found),
            dbt,
            report_assets.build_reports(settings, found, partitions),
            nightly.build_saving(settings, found),
            delivery_assets.build_mornings(settings, found),
            delivery_assets.build_exports(settings, found),
        ],
        asset_checks=[
            audit.build_door(settings, "incoming", found),
            audit.build_door(settings, "marts", found),
            nightly.build_comparison(settings, found),
            transform.build_freshness(settings, manifest),
            standing_checks.build_standing(settings, found),
        ],
        jobs=cadence.build_jobs([*transform.nightly_checks(dbt, manifest), *nightly.comparison_keys(found)]),
        schedules=cadence.build_schedules(),
        sensors=sensors.build_sensors(settings),
        resources={"run_guard": runs.build_guard(settings)},
        executor=dg.in_process_executor,
        loggers={"console": runs.console_logger},
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The code location, with the settings of the environment."""
    return build(load_settings())
