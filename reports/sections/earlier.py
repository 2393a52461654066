"""Where students stood a week ago, from the changes of tiers since. No section of its own: two of them compare with it."""

from collections import Counter
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from reports.reading import Reading


def tiers_a_week_ago(reading: Reading) -> Counter[str] | None:
    """Students per tier seven days before as_of, of those who are still here; None where nothing is known of then."""
    changes, students = reading.table("tier_transitions"), reading.table("student_engagement_tiers")
    if changes is None or students is None:
        return None
    then = pa.scalar(reading.document.as_of - timedelta(days=7), changes["changed_at"].type)
    known = changes.filter(
        pc.and_(pc.less_equal(changes["changed_at"], then), pc.is_in(changes["student_id"], students["student_id"].combine_chunks()))
    )
    if not known.num_rows:
        return None
    latest = known.group_by("student_id").aggregate([("changed_at", "max")])
    joined = known.select(["student_id", "changed_at", "to_tier"]).join(
        latest.rename_columns({"changed_at_max": "changed_at"}), ["student_id", "changed_at"], join_type="inner", use_threads=False
    )
    return Counter({row["values"]: row["counts"] for row in pc.value_counts(joined["to_tier"]).to_pylist()})
