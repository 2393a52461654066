"""Revocations: links that were given open nothing any more, and never again.

Belongs here: new generations of keys, keys that are never given again, deleting what lay there, creators who lost the plan. Does not: who asks for it (cli,
report_assets), what a key looks like (store), uploading under it (creator_files).

A revocation is noted in one transaction, with its row in the log; it waits for whoever renders that creator, who holds the generation's row FOR SHARE. Then
the objects are deleted. Killed in between, the next revocation or daily run deletes them: `ops.leaving_objects` names them from that transaction on.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import psycopg

from pipelines import export_log, reader_tokens, warehouse
from pipelines.problem import Problem, UsageProblem
from pipelines.settings import Settings
from pipelines.store import Store, generation_prefix
from reports.wording import say_many

ALL = "*"
"""Report and format in the log where all files of a creator are meant."""

_OVERDUE = "1 hour"
"""So long objects are deleted again: an upload whose renderer lost its database may still arrive after the revocation."""


@dataclass(frozen=True)
class Wish:
    """Who wants a revocation, in which run, and why."""

    run_id: str
    requested_by: str
    reason: str


@dataclass(frozen=True)
class Target:
    """What is revoked: all files of a creator, or the one of an export."""

    creator_id: str
    export: export_log.LoggedEntry | None = None


def find_target(connection: psycopg.Connection, wanted: str) -> Target:
    """The creator (id or name, entitled or not) or the export (id, or 8 and more of its first characters) that is called `wanted`.

    A `UsageProblem` when there is none, or more than one.
    """
    wanted = wanted.strip()
    creators = dict(connection.execute("select creator_id::text, null from ops.generations").fetchall())
    if connection.execute("select to_regclass('analytics.creator_overview')").fetchone() != (None,):
        with connection.transaction():
            warehouse.set_role(connection, "bi_reader")
            creators |= dict(connection.execute("select creator_id::text, company_name from analytics.creator_overview").fetchall())
    if wanted.lower() in creators:
        return Target(wanted.lower())
    named = [creator for creator, name in creators.items() if name is not None and name.casefold() == wanted.casefold()]
    exports = export_log.find_exports(connection, wanted.lower()) if re.fullmatch(r"[0-9a-fA-F-]{8,36}", wanted) else []
    if len(named) + len(exports) > 1:
        raise UsageProblem(
            f"{wanted[:80]!r} may be {', '.join([*named, *(str(entry.export_id) for entry in exports)][:3])}; give one whole id."
        )
    if exports:
        return Target(exports[0].creator_id, exports[0])
    if named:
        return Target(named[0])
    raise UsageProblem(f"{wanted[:80]!r} is neither a creator nor an export; `creator-reports history` shows the exports and their ids.")


def revoke(settings: Settings, target: Target, wish: Wish) -> int:
    """End all links to the files of `target`, and delete these files; how many there were. Of a creator the reader tokens end too. Again does no harm."""
    store = Store(settings)
    store.require()
    with warehouse.connect(settings) as connection:
        ended = 0 if target.export else reader_tokens.end(connection, target.creator_id)
        if target.export is not None:
            _revoke_key(connection, target.export, wish)
        elif not renew_generation(connection, target.creator_id, wish) and not ended:
            raise Problem(f"no file of creator {target.creator_id} was ever made, so there is nothing to revoke.")
    with warehouse.connect(settings, autocommit=True) as connection:
        return delete_leaving(connection, store)


def renew_generation(connection: psycopg.Connection, creator_id: str, wish: Wish) -> bool:
    """Give a creator a new generation in the caller's transaction, and note that what lies in the old one leaves; False when there is none yet.

    Call `delete_leaving` once the transaction is committed.
    """
    row = connection.execute("select generation from ops.generations where creator_id = %s for update", (creator_id,)).fetchone()
    if row is None:
        return False
    connection.execute(
        "update ops.generations set generation = replace(gen_random_uuid()::text, '-', ''), created_at = clock_timestamp() where creator_id = %s",
        (creator_id,),
    )
    connection.execute(
        "delete from ops.revoked_keys where creator_id = %s", (creator_id,)
    )  # nor can any other key of that generation come back
    _note(connection, generation_prefix(creator_id, row[0]), _entry(creator_id, wish))
    return True


def _revoke_key(connection: psycopg.Connection, export: export_log.LoggedEntry, wish: Wish) -> None:
    connection.execute("select from ops.generations where creator_id = %s for update", (export.creator_id,))
    assert export.object_key is not None  # find_exports gives those that have one
    connection.execute(
        "insert into ops.revoked_keys (object_key, creator_id) values (%s, %s) on conflict do nothing",
        (export.object_key, export.creator_id),
    )
    fields = {name: getattr(export, name) for name in export_log.Entry.__dataclass_fields__}
    entry = replace(export_log.Entry(**fields), event="revoked", run_id=wish.run_id, requested_by=wish.requested_by, expires_at=None)
    _note(connection, export.object_key, replace(entry, reason=wish.reason))


def _entry(creator_id: str, wish: Wish) -> export_log.Entry:
    return export_log.Entry(
        export_id=export_log.new_export_id(),
        event="revoked",
        run_id=wish.run_id,
        requested_by=wish.requested_by,
        creator_id=creator_id,
        report=ALL,
        format=ALL,
        reason=wish.reason,
    )


def _note(connection: psycopg.Connection, prefix: str, entry: export_log.Entry) -> None:
    connection.execute("insert into ops.leaving_objects (prefix) values (%s) on conflict do nothing", (prefix,))
    export_log.record(connection, replace(entry, reason=entry.reason[:500] if entry.reason else None))


def delete_leaving(connection: psycopg.Connection, store: Store) -> int:
    """Delete the objects that revocations noted; how many there were. The connection commits by itself (autocommit)."""
    count = 0
    for (prefix,) in connection.execute("select prefix from ops.leaving_objects order by noted_at").fetchall():
        for key in store.keys(prefix):
            store.delete(key)
            count += 1
        connection.execute(
            f"delete from ops.leaving_objects where prefix = %s and noted_at < clock_timestamp() - interval '{_OVERDUE}'".encode(),
            (prefix,),
        )
    return count


def revoked_keys(connection: psycopg.Connection, creator_id: str) -> set[str]:
    """Keys of a creator's generation that are never given again."""
    return {row[0] for row in connection.execute("select object_key from ops.revoked_keys where creator_id = %s", (creator_id,))}


def is_revoked(connection: psycopg.Connection, creator_id: str, object_key: str) -> bool:
    """Whether an object was revoked, by its key or with its generation."""
    row = connection.execute("select generation from ops.generations where creator_id = %s", (creator_id,)).fetchone()
    is_current = row is not None and object_key.startswith(generation_prefix(creator_id, row[0]))
    return not is_current or object_key in revoked_keys(connection, creator_id)


def follow_plans(settings: Settings, entitled: Collection[str], run_id: str, say: Callable[[str], None]) -> int:
    """End the links of creators who have files and are not `entitled` any more, and delete what revocations left; the number of these creators."""
    with warehouse.connect(settings, autocommit=True) as connection:
        lost = connection.execute(
            """select creator_id::text from ops.generations g where not creator_id = any(%s::uuid[]) and exists (
                   select from ops.export_log l where l.creator_id = g.creator_id and l.event = 'started' and l.logged_at >= g.created_at)
               order by 1""",
            (list(entitled),),
        ).fetchall()
        for (creator_id,) in lost:
            with connection.transaction():
                renew_generation(connection, creator_id, Wish(run_id, "plan", "no longer on a running enterprise plan"))
        count = delete_leaving(connection, Store(settings))
    if lost or count:
        who = f"{say_many(len(lost), 'creator')} {'is' if len(lost) == 1 else 'are'} no longer on a running enterprise plan: all links end"
        say(f"{who}; {say_many(count, 'revoked object')} {'was' if count == 1 else 'were'} deleted")
    return len(lost)
