"""A store of whose calls many fail: creators get their files all the same, and the log says so."""

import hashlib
import uuid
from datetime import date

from pipelines import render
from pipelines.creator_files import Order
from pipelines.store import Store
from tests.published_platform import MONDAY, PublishedPlatform
from tests.small_source import CATALOG
from tests.store_proxy import failing_store

EVERY = 7
"""One call in seven fails. Each is tried four times, so of 1,000,000,000 calls 1% of which fail ten would fail for good: far over 99.9% of creators."""


def test_every_creator_gets_all_files_while_one_call_in_seven_fails(published_platform: PublishedPlatform) -> None:
    settings, creators = published_platform.settings, list(published_platform.creators.values())
    assert settings.s3_endpoint_url
    published_platform.fetch("update ops.generations set generation = replace(gen_random_uuid()::text, '-', '')")  # so that nothing is kept
    order = Order(uuid.uuid4().hex, "test", date(2026, 3, 2), CATALOG.edition("daily"))
    assert order.edition_on == MONDAY.date()
    with failing_store(settings.s3_endpoint_url, EVERY) as failing:
        tally = render.render_all(settings.model_copy(update={"s3_endpoint_url": failing.address}), CATALOG, order, creators)
        calls = next(failing.calls) - 1
    assert (tally.problems, dict(tally.creators)) == ([], {"done": len(creators)})
    assert calls > 6 * len(creators)
    assert len(failing.failures) == 4  # in every way, at least once
    logged = published_platform.fetch("select event, object_key, sha256 from ops.export_log where run_id = %s", order.run_id)
    assert {event for event, _, _ in logged} == {"started", "finished"}
    store = Store(settings)
    for _, key, sha256 in {row for row in logged if row[0] == "finished"}:
        assert hashlib.sha256(store._client.get_object(Bucket=store.bucket, Key=key)["Body"].read()).hexdigest() == sha256
