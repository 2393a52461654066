"""Who may come into the embedded world: addresses, logins, keys, links.

Belongs here: what a running world refuses. Does not: starting and stopping it (test_world).
"""

import http.client
import json
import socket
import time
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest
from botocore.exceptions import ClientError

from pipelines.local.bucket import connect
from pipelines.local.port import TWIN, is_free
from pipelines.local.world import World
from pipelines.problem import Problem
from pipelines.settings import Settings

pytestmark = pytest.mark.timeout(120)


def fetch(url: str) -> tuple[int, bytes]:
    """GET without any key; status and body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request("GET", f"{parts.path or '/'}?{parts.query}")
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def connect_as(world: World, role: str, password: str) -> None:
    """Log in and out again."""
    psycopg.connect(world.postgres.superuser.url(role, password), connect_timeout=5).close()


def test_nothing_listens_beyond_this_machine(world: World) -> None:
    for port in world.objectstore.ports.values():  # The inner ones open a moment after the S3 port.
        for _ in range(200):
            if not is_free(port):
                break
            time.sleep(0.05)
    servers = [server.find() for server in (world.postgres, world.objectstore)]
    processes = [process for server in servers if server for process in (server, *server.children(recursive=True))]
    sockets = [entry for process in processes for entry in process.net_connections("inet")]
    listening = {(entry.laddr.ip, entry.laddr.port) for entry in sockets if entry.status == psutil.CONN_LISTEN}
    twins = [world.objectstore.ports[name] + TWIN for name in ("master.port", "volume.port", "filer.port", "admin.port")]
    assert listening == {("127.0.0.1", port) for port in (*json.loads(world.folder.ports_file.read_text()).values(), *twins)}
    assert {entry.laddr.ip for entry in sockets if entry.type == socket.SOCK_DGRAM} <= {"127.0.0.1"}


def test_logins(world: World) -> None:
    secrets = world.postgres.secrets
    connect_as(world, "pipeline", secrets.pipeline_password)
    for role in ("pipeline", "bi", "postgres"):
        for password in ("", "wrong", secrets.s3_secret_key):
            with pytest.raises(psycopg.OperationalError, match="password"):
                connect_as(world, role, password)
    with psycopg.connect(world.environment()["database_url"]) as connection:
        rights = "select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls from pg_roles where rolname = current_user"
        assert connection.execute(rights).fetchone() == (False, True, False, False)
        assert connection.execute("select current_setting('timezone'), current_setting('server_encoding')").fetchone() == ("UTC", "UTF8")
        version = connection.execute("select current_setting('server_version_num')::int / 10000").fetchone()
        assert version == (18,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select pg_read_file('/etc/passwd')")
    with psycopg.connect(world.bi_url) as connection:
        assert connection.execute("select pg_has_role('bi_reader', 'usage')").fetchone() == (True,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("create table public.mine (a int)")


def test_the_pipeline_may_manage_its_roles(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("create role made_here nologin")
        connection.execute("grant bi_reader to made_here")
        connection.execute("create schema shown; grant usage on schema shown to bi_reader")
        connection.rollback()


def test_a_database_of_its_own(world: World, settings: Settings) -> None:
    assert settings.database_url
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        owner = "select pg_get_userbyid(datdba), datcollate, datlocprovider from pg_database where datname = current_database()"
        assert connection.execute(owner).fetchone() == ("pipeline", "C", "b")
        connection.execute("create schema mine; create table mine.rows (a int)")
    with pytest.raises(Problem, match="exists already"):
        world.create_database(urlsplit(settings.database_url.get_secret_value()).path.strip("/"))


def test_only_a_whole_signed_link_opens(world: World, bucket: str) -> None:
    client = world.objectstore.client()
    client.put_object(Bucket=bucket, Key="reports/a.csv", Body=b"a,b\r\n", ContentType="text/csv")
    client.put_object(Bucket=bucket, Key="reports/b.csv", Body=b"c,d\r\n")
    link, short = (
        client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "reports/a.csv"}, ExpiresIn=n) for n in (60, 1)
    )
    assert fetch(link) == (200, b"a,b\r\n")
    signature = link.partition("X-Amz-Signature=")[2]
    spoiled = ("0" if signature[0] != "0" else "1") + signature[1:]
    time.sleep(2)
    for refused in (
        link.partition("?")[0],
        link.replace("a.csv", "b.csv"),
        link.replace(signature, spoiled),
        link.replace("X-Amz-Expires=60", "X-Amz-Expires=600"),
        short,
        f"{world.objectstore.address}/{bucket}",
        f"{world.objectstore.address}/",
    ):
        assert fetch(refused)[0] == 403, refused


def test_objects_cannot_be_read_through_inner_ports(world: World, bucket: str) -> None:
    world.objectstore.client().put_object(Bucket=bucket, Key="reports/a.csv", Body=b"secret")
    for name in ("filer.port", "volume.port", "master.port", "admin.port", "s3.port.grpc"):
        address = f"http://127.0.0.1:{world.objectstore.ports.get(name)}"
        for path in (f"/buckets/{bucket}/reports/a.csv", f"/{bucket}/reports/a.csv"):
            try:
                status, body = fetch(address + path)
            except (http.client.HTTPException, OSError):
                continue
            assert status >= 400, name
            assert b"secret" not in body


def test_other_keys_are_refused(world: World, bucket: str) -> None:
    secrets = world.objectstore.secrets
    for pair in ((secrets.s3_access_key, "0" * 48), ("0" * 20, secrets.s3_secret_key)):
        with pytest.raises(ClientError, match=r"SignatureDoesNotMatch|InvalidAccessKeyId"):
            connect(world.objectstore.address, *pair).list_objects_v2(Bucket=bucket)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        world.objectstore.client().put_object(Bucket="not-made", Key="a", Body=b"")
