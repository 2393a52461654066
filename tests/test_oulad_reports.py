"""The Open University data set, from its files to links that open: both jobs on real data. Needs OULAD_PATH."""

import json
import urllib.request

from tests.platform import Platform
from tests.test_oulad import REAL, needs_real_files

YEARS = {"FIRST_DAY": "2013-01-01"}


@needs_real_files
def test_both_jobs_run_through_on_real_data(platform: Platform) -> None:
    accounting = platform.succeed("load", "oulad", str(REAL))
    assert "173,912" in accounting
    assert "32,593" in accounting
    platform.succeed("run", "hourly", "--as-of", "2015-07-01T00:00Z", **YEARS)
    platform.succeed("run", "daily", "--as-of", "2015-07-01T03:00Z", **YEARS)
    assert platform.fetch("select count(*), sum(student_count) from analytics.creator_overview") == [(7, 32593)]
    counted = platform.fetch("select (select count(*) from raw.quiz_attempts), (select count(*) from raw.project_submissions)")
    assert counted == [(74915, 97088)]
    assert [
        outcome for outcome in json.loads(platform.succeed("check", "--json")) if not outcome["passed"] and outcome["severity"] == "error"
    ] == []
    for (creator,) in platform.fetch("select creator_id::text from analytics.creator_overview"):
        links = [line for line in platform.succeed("link", creator).splitlines() if line.startswith("http")]
        assert len(links) == 5
        for link in links:
            with urllib.request.urlopen(link) as answer:
                assert answer.status == 200
