"""The servers and settings that tests share.

Belongs here: fixtures that more than one file of tests needs. Does not: data (each test makes its own).
"""

import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pipelines import warehouse
from pipelines.local import source
from pipelines.local import world as embedded
from pipelines.local.world import World
from pipelines.settings import Settings
from tests.guard import guard
from tests.platform import Platform
from tests.program import Warm, warm
from tests.published_platform import PublishedPlatform, published
from tests.small_source import SmallSource


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--torture N`: so many kills (`make torture N=200`)."""
    parser.addoption("--torture", type=int, default=20, help="How often tests/test_torture.py kills a run or a server.")


SLOWEST_FIRST = (
    "test_oracle.py",
    "test_kills.py",
    "test_torture.py",
    "test_deletions.py",
    "test_interruptions.py",
    "test_oulad_reports.py",
    "test_models.py",
    "test_comparison.py",
    "test_bad_rows.py",
    "test_end_to_end.py",
    "test_demo_history.py",
    "test_keeping.py",
    "test_edges.py",
    "test_question_groups.py",
    "test_bad_input.py",
    "test_foretelling.py",
    "test_forgetting.py",
)
"""Files that take longest. A worker that began one of them last would still be at it when the others have nothing left to do."""

HASTE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
"""What Postgres does for a day on which the machine loses its power: the servers that tests kill have worlds of their own, without these."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long files come first; torture takes as long as it is told to."""
    items.sort(key=lambda item: SLOWEST_FIRST.index(item.path.name) if item.path.name in SLOWEST_FIRST else len(SLOWEST_FIRST))
    for item in items:
        if item.path.name == "test_torture.py":
            item.add_marker(pytest.mark.timeout(300 + 60 * config.getoption("--torture")))


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """Settings of the person who runs the tests must not reach them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in Settings.model_fields:
            patch.delenv(name.upper(), raising=False)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A Postgres and an S3 server for this session, in a temporary folder; stopped by pid and deleted at the end."""
    with guard(tmp_path_factory.mktemp("world")) as folder:
        world = embedded.up(folder)
        with world.postgres.superuser.connect() as connection:
            for name, value in HASTE.items():
                connection.execute(f"alter system set {name} = {value}".encode())
            connection.execute("select pg_reload_conf()")
        yield world


@pytest.fixture
def database_url(world: World) -> Iterator[str]:
    """The address of a fresh empty database, owned by the role in it; dropped after the test."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    try:
        yield world.create_database(name)
    finally:
        world.drop_database(name)


@pytest.fixture
def bucket(world: World) -> Iterator[str]:
    """The name of a fresh empty bucket; deleted with its objects after the test."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    client = world.objectstore.client()
    client.create_bucket(Bucket=name)
    try:
        yield name
    finally:
        with suppress(client.exceptions.NoSuchBucket):
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
                for item in page.get("Contents", []):
                    client.delete_object(Bucket=name, Key=item["Key"])
            client.delete_bucket(Bucket=name)


@pytest.fixture
def settings(world: World, database_url: str, bucket: str, tmp_path: Path) -> Settings:
    """Settings on a fresh database and a fresh bucket (for the ledger too); nothing is read from `.env`."""
    values = world.environment() | {"database_url": database_url, "s3_bucket": bucket, "ledger_bucket": bucket}
    return Settings(_env_file=None, local_dir=tmp_path, **values)  # pyrefly: ignore


@pytest.fixture(params=["same database", "another database"])
def small_source(request: pytest.FixtureRequest, world: World, settings: Settings) -> Iterator[SmallSource]:
    """An empty source without constraints, in the warehouse's database or in another one that is read through COPY."""
    name = f"source_{uuid.uuid4().hex[:12]}"
    if request.param == "another database":
        other = Settings(_env_file=None, database_url=world.create_database(name)).database_url  # pyrefly: ignore
        settings = settings.model_copy(update={"source_url": other})
    warehouse.init_db(settings)
    with warehouse.open_connection(settings.source_address) as connection:
        source.build(connection, replica=True)
        connection.commit()
        connection.autocommit = True
        yield SmallSource(settings, connection)
    if request.param == "another database":
        world.drop_database(name)


@pytest.fixture(scope="session")
def program() -> Iterator[Warm]:
    """The program, started without paying its imports each time; `platform.cold()` starts it as a user does."""
    with warm() as program:
        yield program


@pytest.fixture(scope="session")
def published_platform(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PublishedPlatform]:
    """Seven creators with published tables; whoever writes to `ops` there empties it first."""
    with published(world, tmp_path_factory.mktemp("published")) as platform:
        yield platform


@pytest.fixture(scope="module")
def module_source(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallSource]:
    """An empty source in the warehouse's database, with buckets of its own, for all tests of one file."""
    name = f"small_{uuid.uuid4().hex[:12]}"
    buckets = {"s3_bucket": name.replace("_", "-"), "ledger_bucket": f"{name.replace('_', '-')}-ledger"}
    for wanted in buckets.values():
        world.objectstore.client().create_bucket(Bucket=wanted)
    values = world.environment() | buckets | {"database_url": world.create_database(name)}
    settings = Settings(_env_file=None, local_dir=tmp_path_factory.mktemp("small"), **values)  # pyrefly: ignore
    warehouse.init_db(settings)
    with warehouse.open_connection(settings.source_address) as connection:
        source.build(connection, replica=True)
        connection.commit()
        connection.autocommit = True
        yield SmallSource(settings, connection)
    world.drop_database(name)


@pytest.fixture(scope="module")
def platform(world: World, program: Warm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A database and two buckets for the end-to-end tests of one file, and the command line pointed at them."""
    name = f"platform_{uuid.uuid4().hex[:12]}"
    bucket = name.replace("_", "-")
    ledger = f"{bucket}-ledger"
    for wanted in (bucket, ledger):
        world.objectstore.client().create_bucket(Bucket=wanted)
    values = world.environment() | {"database_url": world.create_database(name), "s3_bucket": bucket, "ledger_bucket": ledger}
    yield Platform(tmp_path_factory.mktemp("platform"), {key.upper(): value for key, value in values.items()}, program)
    world.drop_database(name)
