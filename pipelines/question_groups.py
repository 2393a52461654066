"""What students ask, grouped by meaning: which wordings are new, masked texts, vectors, and the group of each question of a creator.

Belongs here: what a run reads and writes of it, between booking and dbt. Does not: masking, models, groups and their names (the package questions), which
messages are new (question_booking), what a question's row shows (dbt).

Killed anywhere, the next run goes on: a message leaves `ops.new_questions` in the transaction that gives it a group. A run without new wordings imports no
model and no numpy.
"""

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg

from pipelines import question_booking, question_vectors, touching, warehouse
from pipelines.catalog import Catalog
from pipelines.model_process import Encoder
from pipelines.settings import Settings
from questions.masking import masked
from questions.naming import fresh_name, moves, named
from questions.wording import is_question, normalised

if TYPE_CHECKING:
    from questions.grouping import Recipe

Say = Callable[[str], None]

_QUIET_SECONDS = 10
"""A night that takes longer says how far it is."""


@dataclass(frozen=True)
class Grouped:
    """What one run did: wordings it read, questions it gave a group, questions that a night put into another one."""

    wording_count: int = 0
    placed_count: int = 0
    moved_count: int = 0


def group_new(settings: Settings, catalog: Catalog, run: warehouse.Run, *, is_nightly: bool, say: Say) -> Grouped:
    """Read new wordings and give their questions a group; by night also drop what nobody asks any more and group changed creators anew."""
    wording_count = placed = moved = 0
    recipe = None
    with Encoder() as encoder:
        for number, asked in enumerate(question_booking.asked(settings, run)):
            recipe = question_vectors.recipe(settings, say) if number == 0 else recipe
            wording_count += _read_wordings(settings, run, asked.values())
            placed += _place_all(settings, catalog, run, asked, recipe, encoder, say)
        if is_nightly:
            with warehouse.owned_transaction(settings, run) as connection:
                question_booking.prune(connection, catalog)
            hourly = recipe or question_vectors.recipe(settings, say)
            moved = _regroup(settings, catalog, run, hourly, encoder, say)
    if wording_count or moved:
        say(f"{wording_count:,} wordings read, {placed:,} questions placed, {moved:,} moved")
    return Grouped(wording_count, placed, moved)


def _question_id(content: str) -> str:
    """As the macro of the models says it."""
    return hashlib.md5((normalised(content) or content).encode(), usedforsecurity=False).hexdigest()


def _read_wordings(settings: Settings, run: warehouse.Run, asked: Iterable[Mapping[str, set[str]]]) -> int:
    askers: dict[str, set[str]] = defaultdict(set)
    for contents in asked:
        for text, names in contents.items():
            askers[text] |= names
    rows = [
        (hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(), _question_id(text), masked(text, names), is_question(text))
        for text, names in sorted(askers.items())
    ]
    with warehouse.owned_transaction(settings, run) as connection:
        connection.cursor().executemany("insert into raw.question_wordings values (%s, %s, %s, %s) on conflict do nothing", rows)
    return len(rows)


def _place_all(
    settings: Settings,
    catalog: Catalog,
    run: warehouse.Run,
    asked: question_booking.Asked,
    recipe: "Recipe | None",
    encoder: Encoder,
    say: Say,
) -> int:
    questions = {creator: {_question_id(content) for content in contents if is_question(content)} for creator, contents in asked.items()}
    question_vectors.make(settings, run, recipe, set().union(*questions.values()), encoder, say)
    count = 0
    with warehouse.owned_transaction(settings, run) as connection:
        for creator, ids in questions.items():
            before = _groups_of(connection, creator)
            new = sorted(ids - before.keys())
            if new:
                _write(connection, catalog, run, creator, _placed(connection, recipe, before, new), {}, question_vectors.version(recipe))
                count += len(new)
        question_booking.settle(connection, asked)
    return count


def _groups_of(connection: psycopg.Connection, creator: UUID) -> dict[str, str]:
    return dict(connection.execute("select question_id, group_id from raw.question_groups where creator_id = %s", (creator,)).fetchall())


def _placed(connection: psycopg.Connection, recipe: "Recipe | None", before: Mapping[str, str], new: list[str]) -> dict[str, str]:
    """The groups of new questions: an old group that is close enough, else one with other new questions, else one of its own."""
    taken = set(before.values())
    if recipe is None:
        return {question: before.get(question) or fresh_name([question], taken) for question in new}
    from questions.grouping import placed

    ids, rows = question_vectors.load(connection, recipe, [*before, *new])
    places = placed(rows, [before.get(question) for question in ids], recipe.threshold)
    found: dict[Any, list[str]] = defaultdict(list)
    for question, place in zip([question for question in ids if question not in before], places, strict=True):
        found[place].append(question)
    after = {}
    for place, questions in sorted(found.items(), key=lambda item: item[1]):
        name = place if isinstance(place, str) else fresh_name(questions, taken)
        taken.add(name)
        after |= dict.fromkeys(questions, name)
    return after


def _regroup(settings: Settings, catalog: Catalog, run: warehouse.Run, hourly: "Recipe | None", encoder: Encoder, say: Say) -> int:
    """Group anew each creator whose questions, or whose models, are not those of the last time; each in a transaction of its own.

    Creators with few questions come first: what may be read carefully in a night then serves most of them. Who waits keeps the groups that there are.
    """
    with warehouse.connect(settings) as connection:
        creators = connection.execute(
            """select g.creator_id, count(*), md5(string_agg(g.question_id, ',' order by g.question_id)), c.digest
               from raw.question_groups g left join ops.question_clusterings c on c.creator_id = g.creator_id group by g.creator_id, c.digest order by 2, 1"""
        ).fetchall()
    budget, moved, waiting, said = settings.question_careful_texts, 0, 0, time.monotonic()
    for number, (creator, count, digest, last) in enumerate(creators, start=1):
        recipe = question_vectors.night_recipe(settings, hourly, count)
        digest = f"{digest} {question_vectors.version(hourly)} {question_vectors.version(recipe)}"
        if digest == last:
            continue
        with warehouse.connect(settings) as connection:
            before = _groups_of(connection, creator)
        question_vectors.make(settings, run, hourly, before, encoder, say)
        if recipe is not hourly:
            made, lacking = question_vectors.make(settings, run, recipe, before, encoder, say, most=budget)
            budget -= made
            if lacking:
                waiting += 1
                continue
        with warehouse.owned_transaction(settings, run) as connection:
            after = named(question_vectors.clusters(connection, recipe, before), before, question_booking.ask_counts(connection, creator))
            moved += _write(connection, catalog, run, creator, after, before, question_vectors.version(recipe))
            connection.execute(
                "insert into ops.question_clusterings values (%s, %s) on conflict (creator_id) do update set digest = excluded.digest",
                (creator, digest),
            )
        if time.monotonic() - said > _QUIET_SECONDS:
            say(f"questions of {number:,} of {len(creators):,} creators grouped")
            said = time.monotonic()
    if waiting:
        say(f"questions of {waiting:,} creators are grouped carefully in a later night (QUESTION_CAREFUL_TEXTS)")
    with warehouse.owned_transaction(settings, run) as connection:
        question_vectors.drop_others(connection, {hourly, question_vectors.night_recipe(settings, hourly, 0)})
    return moved


def _write(
    connection: psycopg.Connection,
    catalog: Catalog,
    run: warehouse.Run,
    creator: UUID,
    after: Mapping[str, str],
    before: Mapping[str, str],
    version: str,
) -> int:
    """Write what differs from `before`, record what moved and touch the groups on both sides; the number of questions that moved."""
    moved = moves(before, after)
    rows = [(creator, question, name, version, run.as_of) for question, name in sorted(after.items()) if before.get(question) != name]
    cursor = connection.cursor()
    cursor.executemany(
        """insert into raw.question_groups values (%s, %s, %s, %s, %s) on conflict (creator_id, question_id)
           do update set group_id = excluded.group_id, version = excluded.version, since_as_of = excluded.since_as_of""",
        rows,
    )
    cursor.executemany(
        """insert into raw.question_group_changes values (%s, %s, %s, %s, %s, %s) on conflict (creator_id, question_id, changed_as_of)
           do update set to_group_id = excluded.to_group_id, kind = excluded.kind""",
        [(creator, move.question_id, run.as_of, move.from_group_id, move.to_group_id, move.kind) for move in moved],
    )
    # A question without a row is shown as a group of its own until now.
    sides = {(creator, side) for _, question, name, _, _ in rows for side in (name, before.get(question, question))}
    touching.touch_groups(connection, catalog.models.values(), sides)
    return len(moved)
