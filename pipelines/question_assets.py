"""The step that masks and groups what students ask, as Dagster assets.

Belongs here: keys, descriptions and numbers. Does not: the work itself (question_groups).
"""

import time
from collections.abc import Iterator

import dagster as dg

from pipelines import freshness, question_groups
from pipelines.assets import numbers
from pipelines.catalog import Catalog
from pipelines.runs import NIGHTLY_JOB, enter_run, plain_failures
from pipelines.settings import Settings

_QUESTION_TABLES = {
    "question_wordings": "What students wrote, with personal data masked, and whether it asks anything: one row per wording.",
    "question_groups": "Questions that mean the same: the group of each question of a creator. Primary data, since groups are to stay as they are.",
    "question_group_changes": "Questions that a night put into another group: merged, split off or moved.",
}


def build_grouping(settings: Settings, catalog: Catalog) -> dg.AssetsDefinition:
    """One step: wordings, groups and what moved."""
    specs = [
        dg.AssetSpec(
            dg.AssetKey(["raw", name]),
            deps=[dg.AssetKey(["raw", "chat_messages"]), dg.AssetKey(["raw", "chat_sessions"])],
            group_name="2_raw",
            description=description,
            kinds={"postgres"},
            freshness_policy=freshness.HOURLY,
        )
        for name, description in _QUESTION_TABLES.items()
    ]

    @dg.multi_asset(name="group_questions", specs=specs, required_resource_keys={"run_guard"}, pool="warehouse")
    def group_questions(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        """Mask what students wrote in new words and place each new question in a group of those that mean the same; nightly the groups are found anew, under
        the names they have. An hour without new words does nothing."""
        with plain_failures():
            run = enter_run(context)
            began = time.monotonic()
            is_nightly = context.job_name == NIGHTLY_JOB
            done = question_groups.group_new(settings, catalog, run, is_nightly=is_nightly, say=context.log.info)
        counts = {
            "question_wordings": {"rows_in": done.wording_count},
            "question_groups": {"rows_in": done.placed_count},
            "question_group_changes": {"rows_in": done.moved_count},
        }
        for name, numbers_of in counts.items():
            metadata = numbers(run.as_of, **numbers_of, step_seconds=round(time.monotonic() - began, 3))
            yield dg.MaterializeResult(asset_key=["raw", name], metadata=metadata)

    return group_questions
