"""The store: keys, download names, errors in words. Against the real S3 server."""

import http.server
import io
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.problem import Problem, UsageProblem
from pipelines.settings import Settings
from pipelines.store import Store, disposition, object_key


def test_the_key_rule() -> None:
    assert object_key("c1", "g1", "students", "abc", "csv") == "reports/c1/g1/students/abc.csv"


@given(st.text())
def test_any_name_gives_a_header_that_http_takes(name: str) -> None:
    header = disposition(name, "Students", date(2026, 3, 1), "csv", is_inline=False)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    assert "/" not in header.replace("UTF-8''", "")


def test_a_name_is_one_that_people_like() -> None:
    header = disposition("Acme  Akademie: Köln\n", "Students", date(2026, 3, 1), "csv", is_inline=False)
    assert 'filename="Acme Akademie Koln - Students - 2026-03-01.csv"' in header
    assert "filename*=UTF-8''Acme%20Akademie%20K%C3%B6ln%20-%20Students%20-%202026-03-01.csv" in header
    assert "Creator - Students" in disposition("=+@", "Students", date(2026, 3, 1), "csv", is_inline=False)


def test_an_object_comes_back_as_it_was_put(settings: Settings) -> None:
    store = Store(settings)
    store.prepare()
    store.put("reports/c/g/n/x.csv", "naïve\r\n".encode(), "text/csv; charset=utf-8", 'attachment; filename="x.csv"')
    link = store.sign("reports/c/g/n/x.csv", timedelta(minutes=1))
    with urllib.request.urlopen(link.url) as answer:
        assert answer.read() == "naïve\r\n".encode()
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="x.csv"'
    age = store.age("reports/c/g/n/x.csv")
    assert age is not None
    assert age < timedelta(minutes=1)
    assert store.age("reports/c/g/n/other.csv") is None


def test_a_large_file_goes_up_in_parts_and_comes_back_as_it_was(settings: Settings) -> None:
    store, key = Store(settings), "reports/c/g/n/large.csv"
    content = "naïve,1\r\n".encode() * 2_000_000
    store.put_file(key, io.BytesIO(content), "text/csv; charset=utf-8", 'attachment; filename="x.csv"')
    assert store._client.head_object(Bucket=store.bucket, Key=key)["ETag"].endswith('-3"'), "three parts"
    kept = Store(settings, is_ledger=True)
    kept.put_file("days/1.parquet", io.BytesIO(content))
    assert "-" not in kept._client.head_object(Bucket=kept.bucket, Key="days/1.parquet")["ETag"], "in one piece"
    with urllib.request.urlopen(store.sign(key, timedelta(minutes=1)).url) as answer:
        assert answer.read() == content
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="x.csv"'


def test_the_bucket_of_reports_has_its_rules_beside_those_of_others(settings: Settings) -> None:
    store = Store(settings)
    other = {"ID": "ours", "Status": "Enabled", "Filter": {"Prefix": "else/"}, "Expiration": {"Days": 5}}
    store._client.put_bucket_lifecycle_configuration(Bucket=store.bucket, LifecycleConfiguration={"Rules": [other]})
    store.prepare()
    store.prepare()
    rules = {rule["ID"]: rule for rule in store._lifecycle_rules()}
    assert rules.keys() == {"ours", "creator-reports-unfinished", "creator-reports-kept"}
    assert rules["creator-reports-unfinished"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert (rules["creator-reports-kept"]["Filter"]["Prefix"], rules["creator-reports-kept"]["Expiration"]["Days"]) == ("reports/", 30)


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(days=7, seconds=1)])
def test_a_link_lives_one_second_to_seven_days(settings: Settings, lifetime: timedelta) -> None:
    with pytest.raises(UsageProblem, match="1 second to 7 days"):
        Store(settings).sign("reports/x", lifetime)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"s3_endpoint_url": "http://127.0.0.1:1"}, "no S3 server answers at http://127.0.0.1:1"),
        ({"s3_bucket": "not-there"}, "no such bucket"),
        ({"aws_secret_access_key": "wrong"}, "access is refused"),
        ({"aws_access_key_id": "nobody"}, "access is refused"),
    ],
)
def test_trouble_is_told_in_one_line(settings: Settings, changes: dict[str, str], words: str) -> None:
    values = {name: getattr(settings, name) for name in Settings.model_fields} | changes
    with pytest.raises(Problem, match=words) as caught:
        Store(Settings(_env_file=None, **values)).prepare()
    assert "\n" not in str(caught.value)


class _FullStore(http.server.BaseHTTPRequestHandler):
    """A proxy that stands in front of a store whose disk is full."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(507)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Tests are silent."""


@pytest.fixture
def full_store() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _FullStore)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_full_store_says_so(settings: Settings, full_store: str) -> None:
    values = {name: getattr(settings, name) for name in Settings.model_fields} | {"s3_endpoint_url": full_store}
    with pytest.raises(Problem, match="the store is full"):
        Store(Settings(_env_file=None, **values)).put("reports/x", b"x", "text/csv", "attachment")
