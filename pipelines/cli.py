"""The command line: thin verbs over the functions that the assets call. Each verb imports what it needs, so that `--help` answers at once.

Belongs here: arguments, words, exit codes (0 done, 1 something failed, 2 wrong usage). Does not: any work.
Over 200 lines: one short function per verb, and `--help` is the module read from top to bottom.
"""

import contextlib
import gc
import getpass
import json
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from pipelines.arguments import AS_OF, DURATION, parse_day_or_middle, parse_filters
from pipelines.problem import Problem, UsageProblem
from pipelines.settings import Settings, find_unknown, load_settings

if TYPE_CHECKING:
    from pipelines.jobs import Runner


def _settings(*, starts_world: bool = True) -> Settings:
    """The settings; without DATABASE_URL the embedded world is started and stands in for it."""
    settings = load_settings()
    if settings.database_url is not None or not starts_world:
        return settings
    if settings.s3_endpoint_url is not None:
        raise UsageProblem("S3_ENDPOINT_URL is set but DATABASE_URL is not; set both, or neither to use the embedded servers.")
    from pipelines import console
    from pipelines.local import world
    from pipelines.settings import export_environment

    environment = world.up(settings.local_dir, say=console.say).environment()
    if "question_careful_texts" in settings.model_fields_set:
        del environment["question_careful_texts"]
    export_environment({name.upper(): value for name, value in environment.items()})  # for worker processes and Dagster
    return load_settings()


def _prepared() -> Settings:
    from pipelines import warehouse

    settings = _settings()
    warehouse.init_db(settings)
    return settings


def _existing() -> Settings:
    """For verbs that look at what there is: a mistyped folder is not filled with an empty world."""
    from pipelines.local import world

    settings = load_settings()
    if settings.database_url is settings.s3_endpoint_url is None and not world.exists(settings.local_dir):
        raise UsageProblem(
            f"there is no embedded world in {settings.local_dir.resolve()}; make one with `creator-reports demo`, go to the folder of yours, or set LOCAL_DIR"
            " or DATABASE_URL."
        )
    return _prepared()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="creator-reports")
def cli() -> None:
    """Analytics and reports for the creators of a video-course platform.

    \b
    A first look, on this machine, with nothing else:
      creator-reports demo            load a made-up platform, run everything, print links
      creator-reports dev             the Dagster UI, until Ctrl-C
    \b
    Day by day:
      creator-reports run hourly      read what changed, check, build, check, publish
      creator-reports run daily       the same, the reports of all enterprise creators, the ledger saved
      creator-reports run mornings    mail the creators whose morning has come
      creator-reports link NAME       fresh links to a creator's newest files
      creator-reports export NAME TYPE  one file now, of some rows if wanted: --format xlsx --filter tier=at_risk
      creator-reports check           every check, in words
      creator-reports history         what was exported, when, for whom
      creator-reports revoke NAME     links that were given open nothing any more
    \b
    A person wants to be forgotten:
      creator-reports forget-student ID
    \b
    With a file and nothing else:
      creator-reports group-questions FILE.csv   which questions mean the same
    \b
    After the loss of the database:
      creator-reports restore-ledger  what `run daily` saved of the past back into a fresh one

    Without DATABASE_URL an embedded Postgres and S3 server start and stay up (`status`, `down`).
    With it, and S3_ENDPOINT_URL, S3_BUCKET, LEDGER_BUCKET and the AWS variables, nothing embedded starts. See .env.example.
    """
    for line in find_unknown():
        click.echo(f"creator-reports: {line}", err=True)


@cli.command()
@click.option("--reset", is_flag=True, help="Delete the embedded world's data first. There is no way back.")
def up(reset: bool) -> None:
    """Start the embedded Postgres and S3 server. Refused while DATABASE_URL is set: then nothing embedded is used."""
    from pipelines import console
    from pipelines.local import world

    settings = load_settings()
    if settings.database_url is not None:
        raise UsageProblem(
            "DATABASE_URL is set, and then nothing embedded starts; unset it (.env is read too) to use the embedded servers."
        )
    place = world.up(settings.local_dir, reset=reset, say=console.say)
    _print_addresses(place)


def _print_addresses(place: Any) -> None:
    from pipelines import console

    console.OUT.print(f"Postgres for BI tools: {place.bi_url}", soft_wrap=True)
    at = place.environment()
    console.OUT.print(
        f"S3:                    {at['s3_endpoint_url']} (buckets {at['s3_bucket']} and {at['ledger_bucket']})", soft_wrap=True
    )


@cli.command()
def down() -> None:
    """Stop the embedded servers; their data stays."""
    from pipelines import console
    from pipelines.local import world

    world.down(load_settings().local_dir, say=console.say)


@cli.command()
def status() -> None:
    """Say which servers are used and whether they answer: those of DATABASE_URL, or without it the embedded ones; the mail server and ALERT_URLS, where set.

    Exit code 1 when one that the settings name does not. Embedded servers that are stopped are no fault: whatever needs them starts them.
    """
    from pipelines import console, servers
    from pipelines.local import world

    settings = load_settings()
    embedded, beside = world.status(settings.local_dir), servers.look_beside(settings)
    found = [*(servers.look(settings) if settings.database_url else []), *beside]
    used = [] if settings.database_url else [(service.name, service.address, service.state) for service in embedded]
    console.show_table(["service", "address", "state"], [*used, *(server[:3] for server in found)], is_whole=True)
    running = [service.name for service in embedded if service.state != "stopped"]
    if settings.database_url and running:
        console.say(f"embedded servers run too, and are not used: {', '.join(running)}; `creator-reports down` stops them.")
    if bad := [server.name for server in found if not server.is_good]:
        raise Problem(f"{len(bad)} of {len(found)} do not answer as they should: {', '.join(bad)}; their state says what to look at.")


@cli.command("init-db")
@click.option("--rebind", is_flag=True, help="Make the row security of all published tables anew, where somebody changed it.")
def init_db(rebind: bool) -> None:
    """Make the roles, schemas and ops tables that are missing. Run it once per database; again does no harm."""
    from pipelines import console, instance, published_tables
    from pipelines.catalog import load_catalog

    settings = _prepared()
    instance.prepare(settings)
    console.say("roles, schemas and ops tables are there")
    if rebind:
        console.say(f"row security made anew on {published_tables.rebind(settings, load_catalog().marts.values())} tables")


@cli.command()
@click.option("--apply", "is_applied", is_flag=True, help="Make the changes. Readers of those columns must be ready for it.")
def migrate(is_applied: bool) -> None:
    """Show changes of contracts that would break readers of `analytics` (columns dropped or retyped), and what uses the columns.

    Runs refuse to publish while there are any. With --apply they are made, and the next run publishes the new values.
    """
    from pipelines import console, migration
    from pipelines.catalog import load_catalog

    changes = migration.migrate(_existing(), load_catalog().marts.values(), is_applied=is_applied)
    rows = [(change.table, change.column, change.found, change.wanted or "(none)", ", ".join(change.views)) for change in changes]
    if not rows:
        console.say(
            "nothing to do: no change of a contract would break a reader. Marts whose contract changed otherwise are built anew by the next run."
        )
        return
    console.show_table(["table", "column", "published as", "contract", "used by"], rows)
    console.say(f"{len(changes)} {'column' if len(changes) == 1 else 'columns'} {'changed' if is_applied else 'to change'}")


@cli.command()
def tables() -> None:
    """Describe the published tables as Markdown: grain, keys, columns, units, an example query. docs/tables.md is this."""
    from pipelines.catalog import load_catalog
    from pipelines.table_pages import describe_tables

    click.echo(describe_tables(load_catalog().marts.values()), nl=False)


@cli.group()
def load() -> None:
    """Fill the platform's tables (schema app) with made-up or historical rows, to try things on."""


@load.command("demo")
@click.option("--creators", default=20, show_default=True, help="How many creators.")
@click.option("--students", default=5000, show_default=True, help="How many students, all creators together.")
@click.option("--seed", default=1, show_default=True, help="Same seed, same rows.")
@click.option("--days", default=120, show_default=True, help="How long the platform has existed.")
@click.option("--as-of", type=AS_OF, default=None, help="The platform's newest instant.  [default: the last full hour]")
@click.option("--largest-share", type=float, default=1 / 3, help="Share of the students that the largest creator has.  [default: a third]")
@click.option(
    "--history", is_flag=True, help="Also write the ledger that hourly runs over those days would have left: charts then show all of them."
)
@click.option("--replica", is_flag=True, help="Tables without constraints, as a logical replica has them.")
def load_demo(as_of: datetime | None, **plan: Any) -> None:
    """A believable platform, hostile names and broken preferences included. Replaces what a loader put there before.

    Progress rows only know how things stand now, so without --history the days before the first run show who was there last and nothing more.
    --history needs a ledger that no run has begun.
    """
    from pipelines import warehouse
    from pipelines.local import demo

    made = demo.DemoPlan(as_of=as_of or warehouse.current_hour(), **plan)
    if made.history:
        _prepared()
    _fill_source(lambda connection, say: demo.load(connection, made, say))


@load.command("oulad")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--through",
    callback=parse_day_or_middle,
    default=None,
    metavar="YYYY-MM-DD|middle",
    help="Only what was known on that day; call again with later days to go on. `middle`: halfway through each presentation, all on one day.",
)
def load_oulad(path: Path, through: date | str | None) -> None:
    """The Open University Learning Analytics Dataset (folder PATH of its files) as seven enterprise creators."""
    from pipelines import console
    from pipelines.local import oulad

    day = through if isinstance(through, date) else None
    counts = _fill_source(lambda connection, say: oulad.load(connection, path, day, say, is_halfway=through == "middle"))
    rows = [
        (c.file, c.rows, c.loaded, sum(c.rejected.values()), "; ".join(f"{n:,} {why}" for why, n in c.rejected.items()) or "–")
        for c in counts
    ]
    console.show_table(["file", "rows", "loaded", "rejected", "reasons"], rows, right=["rows", "loaded", "rejected"])


def _fill_source(fill: Callable[[Any, Callable[[str], None]], Any]) -> Any:
    from pipelines import console, warehouse

    with warehouse.open_connection(_settings().source_address, setting="SOURCE_URL") as connection:
        return fill(connection, console.say)


@cli.command()
@click.option("--hours", default=1, show_default=True, type=click.IntRange(1, 24 * 366), help="How long the made-up platform lives on.")
def tick(hours: int) -> None:
    """Let the demo platform live on: students watch, ask, rate, pass, join, leave. Later runs then find changes."""
    from pipelines import console
    from pipelines.local import life

    changes = _fill_source(lambda connection, say: life.tick(connection, hours, say))
    console.show_table(["table", "changes"], sorted(changes.items()), right=["changes"])


@cli.command()
@click.argument("job", type=click.Choice(["hourly", "daily", "mornings"]))
@click.option("--as-of", type=AS_OF, default=None, help="Compute for this instant, e.g. 2026-03-01T06:00Z.  [default: the last full hour]")
@click.option(
    "--creator", "creators", multiple=True, help="daily and mornings: render or mail only this creator (id or name); may be repeated."
)
@click.option(
    "--accept-deletions",
    is_flag=True,
    help="daily only: follow the source even where more than 1% (and 20) of its students, half of another table or all of one are gone.",
)
@click.option("--accept-losses", is_flag=True, help="Publish tables that lose more than 20% (MAX_LOSS_RATE), and 20, of their rows.")
def run(job: str, as_of: datetime | None, creators: tuple[str, ...], accept_deletions: bool, accept_losses: bool) -> None:
    """Run a job here and now, as its schedule would; it shows in the Dagster UI as well.

    `mornings` mails creators whose local 07:00 has passed and who want mail; --as-of is then the time on the clock. It needs SMTP_HOST.

    `daily` follows deletions: students whom the source has no longer leave all tables, and are erased by the next day's run unless they are back.
    """
    if creators and job == "hourly":
        raise UsageProblem("--creator narrows the reports of `run daily`; the hourly job always covers everybody.")
    if accept_deletions and job != "daily":
        raise UsageProblem("--accept-deletions belongs to `run daily`; the other jobs do not look for deletions.")
    settings = _prepared()
    ids = _creator_ids(settings, creators)
    from pipelines.runs import ACCEPT_DELETIONS_TAG, ACCEPT_LOSSES_TAG

    wanted = {ACCEPT_DELETIONS_TAG: accept_deletions, ACCEPT_LOSSES_TAG: accept_losses}
    _run_job(_start_runner(settings), job, as_of, ids, [tag for tag, is_wanted in wanted.items() if is_wanted])


def _creator_ids(settings: Settings, creators: tuple[str, ...]) -> list[str]:
    if not creators:
        return []
    from pipelines import links, warehouse

    with warehouse.connect(settings, autocommit=True) as connection:
        names = links.entitled(connection)
    return [links.find_creator(names, wanted) for wanted in creators]


def _start_runner(settings: Settings) -> "Runner":
    from pipelines import console

    with console.PROGRESS.status("starting (Dagster and dbt take a few seconds to load) …"):
        from pipelines.jobs import Runner

        return Runner(settings)


def _run_job(runner: "Runner", job: str, as_of: datetime | None = None, creators: Sequence[str] = (), accepts: Sequence[str] = ()) -> None:
    from pipelines import console

    with console.RunDisplay(job).shown() as display:
        done = runner.run(job, as_of=as_of, creators=creators, accepts=accepts, write=display.write)
    if done.untold:
        console.say(f"the data team could not be told of this run: {done.untold}")


@cli.command()
@click.argument("creator")
@click.option(
    "--report",
    "reports",
    multiple=True,
    help="Only this report (students, videos, questions, analytics, report, weekly_report); may be repeated.",
)
@click.option("--format", "formats", multiple=True, help="Only this format (csv, json, html); may be repeated.")
@click.option(
    "--for", "lifetime", type=DURATION, default=None, help="How long the link lives: 30s, 15m, 24h, 7d.  [default: 24h (LINK_HOURS)]"
)
def link(creator: str, reports: tuple[str, ...], formats: tuple[str, ...], lifetime: timedelta | None) -> None:
    """Fresh signed links to the newest files of CREATOR (an id or a name). Whoever holds a link can open it until it ends."""
    from pipelines import console, links

    if reports or formats:
        from pipelines.catalog import load_catalog

        links.require_made(load_catalog(), reports, formats)
    settings = _existing()
    found = links.mint(
        settings,
        [creator],
        lifetime=lifetime or timedelta(hours=settings.link_hours),
        requested_by=f"cli:{getpass.getuser()}",
        reports=reports,
        formats=formats,
    )
    console.show_links(found)


@cli.command("reader-token")
@click.argument("creator")
@click.option("--for", "lifetime", type=DURATION, default="1h", show_default=True, help="How long it reads: 15m, 1h, 7d at most.")
def reader_token(creator: str, lifetime: timedelta) -> None:
    """A token with which the platform's app reads CREATOR's rows of `analytics` (an id or a name), until it ends.

    The app connects as a role that is granted `creator_reader`, and in each transaction binds the token before it asks:

    \b
      begin;
      select set_config('ops.token', $1, true);
      select * from analytics.overview('<creator id>');
      commit;

    Without a valid token nobody reads a row. The token is printed once and stored nowhere.
    """
    from pipelines import console, links, reader_tokens, warehouse

    with warehouse.connect(_existing(), autocommit=True) as connection:
        token = reader_tokens.mint(connection, links.find_published(connection, creator), lifetime, f"cli:{getpass.getuser()}")
    console.say(f"reads the rows of creator {token.creator_id} until {token.expires_at:%Y-%m-%d %H:%M} UTC")
    console.OUT.print(token.token, soft_wrap=True)


@cli.command()
@click.argument("target", metavar="CREATOR|EXPORT_ID")
@click.option("--reason", default="", help="Why; it stands in `history`.")
def revoke(target: str, reason: str) -> None:
    """End links that were given: to all files of CREATOR (an id or a name), whose reader tokens end too, or to the one file of EXPORT_ID.

    \b
    EXPORT_ID is the first column of `history`; its first 8 characters will do, when they tell it from all others.
    The files are deleted, and their keys are never given again, also not for the same bytes: old links stay dead.
      creator-reports revoke acme --reason "shared by mistake"
      creator-reports run daily --creator acme    makes the files anew; `link` then gives new links
    """
    from pipelines import console, revocation, warehouse

    settings = _existing()
    with warehouse.connect(settings, autocommit=True) as connection:
        found = revocation.find_target(connection, target)
    count = revocation.revoke(settings, found, revocation.Wish("revoke", f"cli:{getpass.getuser()}", reason or "revoked by hand"))
    what = f"{found.export.report}.{found.export.format} of creator" if found.export else "all files of creator"
    console.say(
        f"revoked {what} {found.creator_id}: {count} objects deleted, links to them open nothing."
        f" `creator-reports run daily --creator {found.creator_id}` makes the files anew."
    )


@cli.command()
@click.argument("creator")
@click.argument("export_type", metavar="TYPE")
@click.option("--format", "suffix", default="csv", show_default=True, help="csv, json or xlsx.")
@click.option("--filter", "filters", multiple=True, callback=parse_filters, help="Only these rows, e.g. tier=at_risk; may be repeated.")
def export(creator: str, export_type: str, suffix: str, filters: dict[str, str]) -> None:
    """Make one export of CREATOR (an id or a name) now, and print the link to it, as the app's request would.

    \b
    TYPE is students, progress, chat, analytics, quiz_results, videos or questions. Filters, where the type has them:
      tier=at_risk  status=active  course=ID  video=ID  from=2026-03-01  to=2026-03-31
    It counts for the creator's limit of EXPORTS_PER_HOUR. Whoever holds the link can open it until it ends.
    """
    from pipelines import console, export_line, export_requests
    from pipelines.catalog import load_catalog
    from pipelines.export_wishes import Wanted, check

    settings, catalog = _existing(), load_catalog()
    wanted = Wanted(_creator_ids(settings, (creator,))[0], export_type, suffix, filters)
    check(catalog, wanted)
    request_id = export_line.ask(settings, wanted, f"cli:{getpass.getuser()}")
    causes: dict[UUID, str] = {}
    with console.PROGRESS.status("rendering …"):
        export_requests.serve(settings, catalog, f"cli-{request_id}", only=request_id, note_cause=causes.__setitem__)
        found = export_line.await_outcome(settings, request_id)
    if found.status != "done":
        became = "failed" if found.status == "failed" else f"was {found.status}"
        raise Problem(f"the export {became}: {causes.get(request_id) or found.reason or 'no reason is known'}")
    console.show_table(
        ["rows", "size", "link ends"], [(found.row_count, console.size(found.byte_count or 0), found.link_ends_at)], right=["rows", "size"]
    )
    click.echo(found.link)
    if found.sidecar_link:
        click.echo(f"about these rows:\n{found.sidecar_link}")


@cli.command()
def creators() -> None:
    """List the creators who receive reports: on the enterprise plan, not expired."""
    from pipelines import console, links, warehouse

    with warehouse.connect(_existing(), autocommit=True) as connection:
        console.show_table(["id", "name"], links.entitled(connection).items())


@cli.command()
@click.option("--creator", default=None, help="Only this creator (an id or a name).")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="How many rows.")
def history(creator: str | None, limit: int) -> None:
    """The audit log of exports, links and revocations, newest first."""
    from pipelines import console, export_log, links, warehouse

    with warehouse.connect(_existing(), autocommit=True) as connection:
        wanted = links.find_logged(connection, creator) if creator is not None else None
        entries = export_log.history(connection, wanted, limit)
    headings = ["export", "at", "event", "creator", "report", "format", "edition", "rows", "bytes", "link ends", "asked by", "reason"]
    rows = [
        (
            str(e.export_id)[:8],
            e.logged_at,
            e.event,
            e.creator_id,
            e.report,
            e.format,
            e.edition_on,
            e.row_count,
            e.byte_count,
            e.expires_at,
            e.requested_by,
            e.reason,
        )
        for e in entries
    ]
    console.show_table(headings, rows, right=["rows", "bytes"])


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="The outcomes as a JSON array.")
def check(as_json: bool) -> None:
    """Run every check: dbt tests, both doors, a full build to compare with, rows set aside, closed gates, the source's indexes, the buckets.

    Exit code 1 when an error-level one fails.
    """
    from pipelines import checkup, console

    settings = _existing()
    with console.PROGRESS.status("checking …"):
        outcomes = checkup.run_checks(settings)
    if as_json:
        click.echo(json.dumps([outcome.__dict__ for outcome in outcomes], indent=1))
    else:
        console.show_checks(outcomes)
    failed = [outcome for outcome in outcomes if not outcome.passed and outcome.severity == "error"]
    if failed:
        raise Problem(f"{len(failed)} of {len(outcomes)} checks fail: {', '.join(sorted({f'{o.where} {o.name}' for o in failed})[:3])}.")


@cli.command("forget-student")
@click.argument("student", metavar="ID", type=click.UUID)
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget_student(student: UUID, yes: bool) -> None:
    """Erase the personal data of a student at once and for good: rows, published rows, files, saved days. There is no way back.

    \b
    Counts of past days stay, under a random id. The student is never taken in again, also when the source still has
    the row, and after a restore. All files of the student's creator are deleted and links to them end:
      creator-reports run hourly                   brings counts and rates that others see in line
      creator-reports run daily --creator NAME     makes the creator's files anew
    Stopped half-way: start it again, it ends the same.
    """
    from pipelines import catalog, console, forgetting

    settings = _existing()
    forgetting.require_known(settings, student)
    if not yes:
        click.confirm(f"Erase student {student} for good?", abort=True)
    done = forgetting.forget(settings, catalog.load_catalog(), student, requested_by=f"cli:{getpass.getuser()}", say=console.say)
    again = ", ".join(f"`creator-reports run daily --creator {creator}`" for creator in done.creators)
    console.say(f"student {student} is {'erased already; what was left is done' if done.was_erased else 'erased'}.")
    if again:
        console.say(f"{done.object_count} files were deleted; {again} makes them anew.")


@cli.command("restore-ledger")
@click.option("--force", is_flag=True, help="Replace a ledger that this database has. What it booked since the save is lost.")
def restore_ledger(force: bool) -> None:
    """Bring the saved ledger back into a database that lost it.

    \b
    `run daily` saves what the source forgets to LEDGER_BUCKET: the ledger of watching, days of students, tier
    changes, time zones, students who are gone, erasures. After a loss, with DATABASE_URL at a fresh database and
    LEDGER_BUCKET at that bucket:
      creator-reports restore-ledger  all saved days, in one transaction
      creator-reports run hourly      reads the source anew, books what changed since, builds and publishes all tables

    Erased students stay erased. A database that has a ledger is left alone without --force. Stopped half-way: nothing
    changed, start it again.
    """
    from pipelines import catalog, console, restoration

    restored = restoration.restore(_prepared(), catalog.load_catalog(), is_forced=force, say=console.say)
    console.show_table(["table", "objects", "rows"], [(r.table, r.object_count, r.row_count) for r in restored], right=["objects", "rows"])
    console.say("The ledger is back; `creator-reports run hourly` builds and publishes what follows from it.")


@cli.command()
@click.argument("path", type=click.Path(path_type=Path))
def foretell(path: Path) -> None:
    """How well do at_risk and inactive foretell who withdraws? Asked of OULAD (folder PATH), halfway through each presentation.

    \b
    Before, in a new database:
      creator-reports load oulad PATH --through middle
      creator-reports run hourly --as-of 2025-02-13T00:00Z
    """
    from pipelines import console, warehouse
    from pipelines.local import foretelling

    settings = _prepared()
    with warehouse.open_connection(settings.source_address, setting="SOURCE_URL") as source, warehouse.connect(settings) as target:
        found = foretelling.foretell(source, target, path)
    rows = [
        (
            *(one.module, one.flag, one.students, one.withdrew, _percent(one.base_rate), one.flagged, one.hits),
            *(_percent(one.precision), _percent(one.recall), None if one.lift is None else f"{one.lift:.2f}"),
        )
        for one in found
    ]
    headings = [
        "module",
        "flagged as",
        "students",
        "withdrew later",
        "base rate",
        "flagged",
        "of them withdrew",
        "precision",
        "recall",
        "lift",
    ]
    console.show_table(headings, rows, right=headings[2:])
    console.say(
        "students: registered and not withdrawn by the end of the middle day. base rate: the precision of picking anybody; lift 1.00 is no better."
    )
    if not foretelling.has_whole_log(path):
        console.say(
            "without the whole click log (studentVle.csv) activity is submitted work: a student between two deadlines looks as idle as one who left."
        )


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.1%}"


@cli.command("group-questions")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE.csv")
@click.option("--column", default="question", show_default=True, help="Column that holds the questions.")
@click.option(
    "--recipe", type=click.Choice(["careful", "meaning", "letters"]), help="How to group.  [default: the best that takes minutes]"
)
def group_questions(path: Path, column: str, recipe: str | None) -> None:
    """Group the questions of a file by meaning: writes question,group_id for every row, to standard output.

    \b
    careful   two sentence models; for up to 3,000 different wordings (30 ms each)
    meaning   one sentence model; for any number (3 ms each)
    letters   character n-grams, without a model
    \b
      creator-reports group-questions asked.csv > groups.csv

    Nothing leaves the machine.
    """
    from pipelines import console, question_files

    with click.open_file("-", "w", encoding="utf-8") as out:
        question_files.group_file(path, column, recipe, out, console.say)


@cli.command("eval-questions")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE.csv")
@click.option("--column", default="question", show_default=True, help="Column that holds the questions.")
def eval_questions(path: Path, column: str) -> None:
    """How well questions are grouped: the file says in the column group_id which belong together.

    Prints precision, recall and F1 over pairs of questions, and adjusted mutual information, for exact wording, character n-grams and the models.
    """
    from pipelines import console, question_files

    lines = question_files.evaluate_file(path, column, console.say)
    console.show_table(
        ["grouped by", "precision", "recall", "F1", "adjusted MI", "groups"],
        lines,
        right=["precision", "recall", "F1", "adjusted MI", "groups"],
    )


@cli.command()
@click.option("--port", default=None, type=click.IntRange(1, 65535), help="Port of the Dagster UI.  [default: 3000 or the next free one]")
def dev(port: int | None) -> None:
    """The Dagster UI with schedules and sensors running, on the embedded servers or yours, until Ctrl-C."""
    from pipelines import console, instance
    from pipelines.local import dev as dev_servers
    from pipelines.local import mailbox

    with contextlib.ExitStack() as stack:
        if load_settings().smtp_host is None and load_settings().database_url is None:
            stack.enter_context(mailbox.served(load_settings().local_dir, console.say))
        settings = _prepared()
        instance.prepare(settings)
        dev_servers.serve(settings, port)


@cli.command()
def demo() -> None:
    """From nothing to links that open: a made-up platform (unless a source is there), the jobs, a table of links, the morning's mails.

    The platform is first read as it was eight days ago and then lives on, so that reports have a week before to tell of, and mails a day.
    Called again it lives on to the present.
    """
    from pipelines import console, links, warehouse
    from pipelines.local import demo_history, mailbox, source

    with contextlib.ExitStack() as stack:
        mails = stack.enter_context(mailbox.served(load_settings().local_dir)) if load_settings().smtp_host is None else None
        settings, jobs = _prepared(), ["hourly", "daily"]
        runner, present = _start_runner(settings), warehouse.current_hour()  # once: the next hour may begin meanwhile
        if not source.exists(settings.source_address, settings.source_schema):
            has_room = _fill_source(lambda connection, say: demo_history.is_unwritten(connection))
            begun, yesterday = present - timedelta(days=8), present - timedelta(days=1)
            click.get_current_context().invoke(load_demo, history=has_room, as_of=begun)
            _run_job(runner, "hourly", begun)
            _catch_up(yesterday)
            _run_job(runner, "hourly", yesterday)  # mails tell what changed since
            jobs.remove("hourly")
        _catch_up(present)
        for job in jobs:
            _run_job(runner, job, present)
        _run_job(runner, "mornings")
    lifetime = timedelta(hours=settings.link_hours)
    found = links.mint(settings, None, lifetime=lifetime, requested_by=f"cli:{getpass.getuser()}")
    links.write_json(found, settings.local_dir / "links.json")
    console.show_links(found)
    console.say(
        f"{len(found)} links, also in {settings.local_dir / 'links.json'}. The servers stay up for them; `creator-reports down` stops them."
    )
    if mails is not None:
        console.say(
            f"{len(list(mails.glob('*.eml')))} mails of creators whose local 07:00 has passed are kept in {mails}; none was sent on."
        )


def _catch_up(until: datetime) -> None:
    """Let a made-up platform live on, unless it was left alone for long."""
    from pipelines import console
    from pipelines.local import life

    behind = _fill_source(lambda connection, say: life.hours_behind(connection, until))
    if behind > 24 * 14:
        console.say(
            f"the made-up platform has stood still for {behind // 24} days; `creator-reports tick --hours {behind}` lets it live on"
        )
    elif behind:
        _fill_source(lambda connection, say: life.tick(connection, behind, say))


@cli.command()
@click.option(
    "--size", type=click.Choice(["S", "M", "L"]), default="S", show_default=True, help="100,000, 2 million or 20 million progress rows."
)
@click.option("--reports", is_flag=True, help="Measure the scheduled files of 60 creators and the exports of a large one instead.")
def bench(size: str, reports: bool) -> None:
    """Measure an hourly run beside five materialized views: time, memory, reading. On servers of its own below LOCAL_DIR/bench."""
    from pipelines import console
    from pipelines.local import bench as measuring
    from pipelines.local import bench_reports, world

    folder = load_settings().local_dir.resolve() / "bench"
    name = bench_reports.NAME if reports else size
    try:
        figures = bench_reports.run(folder, console.say) if reports else measuring.run(size, folder, console.say)
    finally:
        world.down(folder / name, say=console.say)
    path = bench_reports.write(figures, folder) if reports else measuring.write(figures, folder)
    lines = bench_reports.table(figures) if reports else measuring.table(figures, folder)
    rows = [(line.what, line.figure, line.bound, {None: "", True: "holds", False: "MISSED"}[line.holds]) for line in lines]
    console.show_table(["what", name, "bound", ""], rows, right=[name, "bound"])
    console.say(f"all figures: {path}")


@cli.command("bench-questions")
@click.option(
    "--texts", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE.csv", help="Ask these (column question) first."
)
@click.option(
    "--known",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="Also judge the groups of this file (column group_id).",
)
def bench_questions(texts: Path | None, known: Path | None) -> None:
    """Measure how fast questions are grouped: 100,000 asks in 30,000 wordings of one creator. On servers of its own below LOCAL_DIR/bench.

    \b
      creator-reports bench-questions
      creator-reports bench-questions --texts asked.csv --known known.csv

    Without --texts, or where they are too few, wordings are made up.
    """
    from pipelines import console
    from pipelines.local import bench_questions as measuring
    from pipelines.local import world

    folder = load_settings().local_dir.resolve() / "bench"
    try:
        figures = measuring.run(folder / "questions", texts, known, console.say)
    finally:
        world.down(folder / "questions", say=console.say)
    path = measuring.write(figures, folder)
    rows = [
        (line.what, line.figure, line.bound, {None: "", True: "holds", False: "MISSED"}[line.holds]) for line in measuring.table(figures)
    ]
    console.show_table(["what", "figure", "bound", ""], rows, right=["bound"])
    console.say(f"all figures: {path}")


def main() -> None:
    """Entry point: problems become one line on standard error and an exit code."""
    gc.set_threshold(100_000, 50, 100)  # imports make a million objects that stay; looking through them again and again costs seconds
    sys.stdout.reconfigure(line_buffering=True)  # pyrefly: ignore[missing-attribute]  whoever reads a pipe wants lines as they come
    try:
        cli(standalone_mode=False)
    except UsageProblem as problem:
        sys.exit(_complain(problem, 2))
    except Problem as problem:
        sys.exit(_complain(problem, 1))
    except click.exceptions.Abort:
        sys.exit(_complain(Problem("stopped."), 130))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except Exception as error:
        sys.exit(_complain(_translate(error), 1))


def _translate(error: Exception) -> Problem:
    """A line for errors of the libraries that a person can mend; anything else is a defect and keeps its traceback."""
    import psycopg

    if isinstance(error, psycopg.Error):
        from pipelines.warehouse import explain

        return Problem(explain(error))
    if isinstance(error, OSError):
        return Problem(f"{error.strerror or error}: {error.filename or 'no file named'}; free space or check the rights, then run again.")
    raise error


def _complain(problem: Problem, code: int) -> int:
    click.echo(f"creator-reports: {problem}", err=True)
    return code


if __name__ == "__main__":
    main()
