"""Signed links to the newest files of a creator.

Belongs here: who may have a link, to which file, for how long. Does not: signing itself (store), making files (render).
"""

import contextlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg

from pipelines import export_log, gates, manifests, publish, render, revocation, warehouse
from pipelines.catalog import Catalog
from pipelines.problem import Problem, UsageProblem
from pipelines.settings import Settings
from pipelines.store import Store


@dataclass(frozen=True)
class FileLink:
    """A file and the link to it. `url` is a bearer secret: print it where it was asked for, and nowhere else."""

    creator_id: str
    creator: str
    report: str
    format: str
    rows: int
    bytes: int
    sha256: str
    url: str
    expires_at: datetime


def find_creator(creators: dict[str, str], wanted: str) -> str:
    """The id of the entitled creator called `wanted` (an id, or a name in any case); a `UsageProblem` when there is none or more than one."""
    return named(creators, wanted, "on a running enterprise plan")


def find_creators(creators: dict[str, str], wanted: Iterable[str]) -> list[str]:
    """The ids of all who are called so, each once."""
    return list(dict.fromkeys(find_creator(creators, name) for name in wanted))


def require_known(settings: Settings, wanted: Sequence[str]) -> None:
    """The same `UsageProblem` for a name that a run would only stumble on at its end: among creators that are published or booked by now. Where there
    are none yet, the run itself brings them."""
    if not wanted:
        return
    with warehouse.connect(settings, autocommit=True) as connection:
        is_published = publish.published_as_of(connection) is not None
        known = _booked(connection) | (entitled(connection) if is_published else {})
    if known:
        find_creators(known, wanted)


def _booked(connection: psycopg.Connection) -> dict[str, str]:
    """Creators in the mirror who are on a running enterprise plan: some of them may not be published yet."""
    if connection.execute("select to_regclass('raw.creators')").fetchone() == (None,):
        return {}
    query = """select id::text, coalesce(company_name, '') from raw.creators
               where current_plan = 'enterprise' and (plan_expires_at is null or plan_expires_at > clock_timestamp())"""
    return dict(connection.execute(query).fetchall())


def find_published(connection: psycopg.Connection, wanted: str) -> str:
    """The id of the published creator called `wanted` (an id, or a name in any case), of whatever plan."""
    if connection.execute("select to_regclass('analytics.creator_overview')").fetchone() == (None,):
        raise Problem("nothing is published yet; run `creator-reports run hourly` first.")
    with connection.transaction():
        warehouse.set_role(connection, "bi_reader")
        names = dict(connection.execute("select creator_id::text, coalesce(company_name, '') from analytics.creator_overview").fetchall())
    return named(names, wanted, "", "`analytics.creator_overview` has their ids and names")


def find_logged(connection: psycopg.Connection, wanted: str) -> str:
    """The same to read the log, which knows creators who are gone: any id is taken as it is."""
    with contextlib.suppress(ValueError):
        return str(UUID(wanted))
    return find_published(connection, wanted)


def named(creators: dict[str, str], wanted: str, which: str, where: str = "`creator-reports creators` lists them") -> str:
    """The same among any creators; `which` says in the error who they are, and `where` they are listed."""
    if wanted.lower() in creators:
        return wanted.lower()
    named = [creator for creator, name in creators.items() if name.casefold() == wanted.casefold()]
    if len(named) == 1:
        return named[0]
    if named:
        raise UsageProblem(f"{len(named)} creators are called {wanted!r}; give the id: {', '.join(named[:3])}.")
    raise UsageProblem(f"there is no creator {wanted[:80]!r}{f' {which}' if which else ''}; {where}.")


def require_made(catalog: Catalog, reports: Iterable[str], formats: Iterable[str]) -> None:
    """A `UsageProblem` that names what there is, unless each of `reports` is made by itself, and in one of `formats` where those are given."""
    made = {name: report.scheduled for name, report in catalog.reports.items() if report.scheduled}
    wanted, known = list(formats), sorted({suffix for suffixes in made.values() for suffix in suffixes})
    if strange := [suffix for suffix in wanted if suffix not in known]:
        raise UsageProblem(f"no file is made as {strange[0][:60]!r}; there are {', '.join(known)}.")
    for name in reports:
        if name not in made:
            on_request = "; `creator-reports export` makes one" if name in catalog.reports else ""
            raise UsageProblem(f"no report {name[:60]!r} is made by itself{on_request}; there are {', '.join(sorted(made))}.")
        if wanted and not set(wanted) & set(made[name]):
            raise UsageProblem(f"{name} is not made as {' or '.join(wanted)}, but as {', '.join(made[name])}.")


def entitled(connection: psycopg.Connection) -> dict[str, str]:
    """Creators who may have links now, id to name."""
    row = connection.execute("select clock_timestamp()").fetchone()
    assert row is not None  # a select without from always gives one row
    as_of = publish.published_as_of(connection)
    return render.entitled_creators(connection, max(as_of, row[0]) if as_of else row[0])


def mint(
    settings: Settings,
    creators: Sequence[str] | None,
    *,
    lifetime: timedelta,
    requested_by: str,
    reports: Iterable[str] = (),
    formats: Iterable[str] = (),
) -> list[FileLink]:
    """Links to the newest files of `creators` (ids or names; None: all), narrowed to `reports` and `formats` when given; each is noted in the log.

    A creator with a closed gate gets no new link: a `Problem` for one that was named, passed over among all.
    """
    store, wanted_reports, wanted_formats = Store(settings), set(reports), set(formats)
    store.require_life(lifetime)
    links = []
    with warehouse.connect(settings, autocommit=True) as connection:
        names = entitled(connection)
        closed = gates.closed(connection, settings, names)
        for creator in [find_creator(names, wanted) for wanted in creators] if creators is not None else list(names):
            if creator in closed and creators is not None:
                raise Problem(f"no new link for {names[creator]!r}: the gate is closed ({closed[creator]}); links given before stay good.")
            if creator in closed:
                continue
            files = [
                entry
                for entry in export_log.latest_files(connection, creator).values()
                if not entry.report.startswith(manifests.NAME)
                and (not wanted_reports or entry.report in wanted_reports)
                and (not wanted_formats or entry.format in wanted_formats)
            ]
            if creators is not None and not files:
                raise Problem(f"no such file of {names[creator]!r} was made yet; run `creator-reports run daily --creator {creator}`.")
            links += [_mint_one(store, connection, entry, names[creator], lifetime, requested_by) for entry in files]
    return links


def _mint_one(
    store: Store, connection: psycopg.Connection, entry: export_log.LoggedEntry, name: str, lifetime: timedelta, requested_by: str
) -> FileLink:
    if entry.object_key is not None and revocation.is_revoked(connection, entry.creator_id, entry.object_key):
        raise Problem(
            f"the file {entry.report}.{entry.format} of {name!r} was revoked; `creator-reports run daily --creator {entry.creator_id}` makes it anew."
        )
    if entry.object_key is None or store.age(entry.object_key) is None:
        store.require()  # an object of a bucket that is not there looks as one that is gone
        raise Problem(
            f"the file {entry.report}.{entry.format} of {name!r} is no longer in the store; run `creator-reports run daily --creator {entry.creator_id}`."
        )
    link = store.sign(entry.object_key, lifetime)
    fields = {field: getattr(entry, field) for field in export_log.Entry.__dataclass_fields__}
    noted = replace(
        export_log.Entry(**fields),
        export_id=export_log.new_export_id(),
        event="linked",
        run_id="link",
        requested_by=requested_by,
        expires_at=link.expires_at,
    )
    export_log.record(connection, noted)
    return FileLink(
        entry.creator_id,
        name,
        entry.report,
        entry.format,
        entry.row_count or 0,
        entry.byte_count or 0,
        entry.sha256 or "",
        link.url,
        link.expires_at,
    )


def write_json(links: Sequence[FileLink], path: Path) -> None:
    """Write the links as a JSON array, readable by its owner only: links are secrets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([link.__dict__ | {"expires_at": link.expires_at.isoformat()} for link in links], indent=1, ensure_ascii=False)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text + "\n")
