"""Links that were revoked, forged or that ended open nothing, also after the same bytes are rendered again. On the real S3 server."""

import threading
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from pipelines import creator_files, export_log, reader_tokens, revocation, warehouse
from pipelines.problem import Problem, UsageProblem
from pipelines.revocation import Target, Wish
from pipelines.store import Store
from tests import steps
from tests.deliveries import deliver, forge, mint, open_link
from tests.small_source import CATALOG, NOON, SmallSource

ACME, BETA, GAMMA, DELTA, IDLE = (UUID(int=number) for number in range(1, 6))
WISH = Wish("revoke", "test", "shared by mistake")
CSV = ("students", "csv")


@pytest.fixture(scope="module")
def published(module_source: SmallSource) -> SmallSource:
    """Five creators with a student each, published once; nothing is rendered yet."""
    for number, creator in enumerate((ACME, BETA, GAMMA, DELTA, IDLE)):
        module_source.add("creators", id=creator, company_name=f"Company {number}")
        module_source.add("students", creator_id=creator, name=f"Student {number}")
        module_source.add("videos", creator_id=creator)
    steps.run(module_source.settings, CATALOG, NOON)
    return module_source


def _history(source: SmallSource, creator: UUID) -> list[export_log.LoggedEntry]:
    with warehouse.connect(source.settings) as connection:
        return export_log.history(connection, str(creator), 100)


def _keys(source: SmallSource, creator: UUID) -> list[str]:
    return Store(source.settings).keys(f"reports/{creator}/")


def _find(source: SmallSource, wanted: str) -> Target:
    with warehouse.connect(source.settings, autocommit=True) as connection:
        return revocation.find_target(connection, wanted)


def test_a_creators_links_die_and_do_not_come_back_with_the_same_bytes(published: SmallSource) -> None:
    deliver(published.settings, ACME, BETA)
    old, others = mint(published.settings, ACME), mint(published.settings, BETA)
    before = {name: open_link(url) for name, url in old.items()}
    assert {status for status, _ in before.values()} == {200}
    assert revocation.revoke(published.settings, _find(published, "company 0"), WISH) == len(old) + 1, "the manifest too"
    assert _keys(published, ACME) == []
    assert {open_link(url)[0] for url in old.values()} == {404}
    with pytest.raises(Problem, match=f"was revoked; `creator-reports run daily --creator {ACME}` makes it anew"):
        mint(published.settings, ACME)
    assert deliver(published.settings, ACME).files["finished"] == len(old)
    new = mint(published.settings, ACME)
    assert {name: open_link(url) for name, url in new.items()} == before, "the same bytes"
    assert {open_link(url)[0] for url in old.values()} == {404}
    assert {open_link(url)[0] for url in others.values()} == {200}
    noted = [entry for entry in _history(published, ACME) if entry.event == "revoked"]
    assert [(e.report, e.format, e.requested_by, e.reason) for e in noted] == [("*", "*", "test", "shared by mistake")]


def test_a_creators_reader_tokens_end_with_the_links(published: SmallSource) -> None:
    with warehouse.connect(published.settings, autocommit=True) as connection:
        for creator in (IDLE, BETA):
            reader_tokens.mint(connection, str(creator), timedelta(hours=1), "test")
        assert revocation.revoke(published.settings, Target(str(IDLE)), WISH) == 0, "who has no files may have tokens"
        assert connection.execute("select creator_id from ops.reader_tokens").fetchall() == [(BETA,)]
        assert reader_tokens.end(connection, str(BETA)) == 1


def test_an_exports_link_dies_and_does_not_come_back_with_the_same_bytes(published: SmallSource) -> None:
    deliver(published.settings, BETA)
    for round_no in range(2):
        old = mint(published.settings, BETA)
        with warehouse.connect(published.settings) as connection:
            export = export_log.latest_files(connection, str(BETA))[CSV]
        assert revocation.revoke(published.settings, _find(published, str(export.export_id)[:8]), WISH) == 1
        assert revocation.revoke(published.settings, _find(published, str(export.export_id)), WISH) == 0, "again does no harm"
        assert {name for name, url in old.items() if open_link(url)[0] == 404} == {CSV}
        with pytest.raises(Problem, match=r"the file students\.csv .* was revoked"):
            mint(published.settings, BETA)
        assert deliver(published.settings, BETA).files == {"finished": 1, "unchanged": len(old) - 1}
        new = mint(published.settings, BETA)
        assert urlsplit(new[CSV]).path.endswith(f"-{round_no + 2}.csv")
        assert open_link(new[CSV])[0] == 200
        assert open_link(old[CSV])[0] == 404
    assert [entry.report for entry in _history(published, BETA) if entry.event == "revoked"] == ["students"] * 4


def test_forged_links_are_refused_by_the_server(published: SmallSource) -> None:
    deliver(published.settings, BETA, GAMMA)
    url, other = mint(published.settings, GAMMA)[CSV], mint(published.settings, BETA)[CSV]
    path = urlsplit(url).path
    forged = {
        "key": forge(url, path[:-5] + ("0" if path[-5] != "0" else "1") + path[-4:]),
        "creator": forge(url, path.replace(str(GAMMA), str(BETA))),
        "another's file": forge(url, urlsplit(other).path),
        "expiry": forge(url, **{"X-Amz-Expires": "604800"}),
        "date": forge(url, **{"X-Amz-Date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - 60))}),
        "signature": forge(url, **{"X-Amz-Signature": "0" * 64}),
        "another's signature": forge(other, path),
        "no signature": url.split("?")[0],
        "listing": url.split("/reports/")[0] + "?list-type=2",
    }
    assert {name: open_link(wrong)[0] for name, wrong in forged.items()} == dict.fromkeys(forged, 403)
    assert {method: open_link(url, method)[0] for method in ("PUT", "DELETE", "POST")} == {"PUT": 403, "DELETE": 403, "POST": 405}
    ending = mint(published.settings, GAMMA, timedelta(seconds=1))[CSV]
    assert (open_link(url)[0], open_link(ending)[0]) == (200, 200)
    time.sleep(2.1)
    assert (open_link(url)[0], open_link(ending)[0]) == (200, 403)


def test_who_loses_the_plan_loses_the_links(published: SmallSource) -> None:
    deliver(published.settings, BETA, DELTA)
    lost, kept = mint(published.settings, DELTA), mint(published.settings, BETA)
    lines: list[str] = []
    entitled = [str(creator) for creator in (ACME, BETA, GAMMA, IDLE)]
    for count in (1, 0):  # a night later there is nothing left to end
        assert revocation.follow_plans(published.settings, entitled, "night", lines.append) == count
    assert lines == [f"1 creator is no longer on a running enterprise plan: all links end; {len(lost) + 1} revoked objects were deleted"]
    assert {open_link(url)[0] for url in lost.values()} == {404}
    assert {open_link(url)[0] for url in kept.values()} == {200}
    noted = _history(published, DELTA)[0]
    assert (noted.event, noted.run_id, noted.requested_by, noted.reason) == (
        "revoked",
        "night",
        "plan",
        "no longer on a running enterprise plan",
    )


def test_a_revocation_waits_for_who_renders_and_takes_what_came_of_it(published: SmallSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """The renderer stands still just before its upload; the revocation must not end before the renderer has."""
    put, is_there, may_go_on = Store.put, threading.Event(), threading.Event()

    def put_later(*arguments: Any) -> None:
        is_there.set()
        assert may_go_on.wait(30)
        put(*arguments)

    monkeypatch.setattr(creator_files.Store, "put", put_later)
    counts: list[int] = []
    rendering = threading.Thread(target=deliver, args=(published.settings, IDLE))
    revoking = threading.Thread(target=lambda: counts.append(revocation.revoke(published.settings, Target(str(IDLE)), WISH)))
    rendering.start()
    assert is_there.wait(30)
    revoking.start()
    revoking.join(0.5)
    assert revoking.is_alive(), "revoked under the hands of a renderer"
    may_go_on.set()
    rendering.join()
    revoking.join()
    assert counts == [len([entry for entry in _history(published, IDLE) if entry.event == "finished"])] != [0]
    assert _keys(published, IDLE) == []


def test_what_a_killed_revocation_left_the_next_one_deletes(published: SmallSource) -> None:
    deliver(published.settings, IDLE, GAMMA)
    left = mint(published.settings, IDLE)
    with warehouse.connect(published.settings) as connection:  # dies after its transaction
        assert revocation.renew_generation(connection, str(IDLE), WISH)
    assert {open_link(url)[0] for url in left.values()} == {200}
    revocation.revoke(published.settings, Target(str(GAMMA)), WISH)
    assert {open_link(url)[0] for url in left.values()} == {404}


def test_what_is_unknown_is_told_in_one_line(published: SmallSource) -> None:
    with pytest.raises(UsageProblem, match="neither a creator nor an export"):
        _find(published, "nobody")
    with pytest.raises(UsageProblem, match="neither a creator nor an export"):
        _find(published, "0123abcd")
    never = UUID(int=99)
    with pytest.raises(Problem, match="was ever made"):
        revocation.revoke(published.settings, Target(str(never)), WISH)
