"""Links that would not live as long as they say are refused: credentials that end before, a store whose clock is off. On the real S3 server."""

import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.problem import Problem
from pipelines.settings import Settings
from pipelines.store import Store
from tests.store_proxy import shifted_store

KEY = "reports/c/g/n/x.csv"


def _store(settings: Settings, **changes: Any) -> Store:
    values = {name: getattr(settings, name) for name in Settings.model_fields} | changes
    return Store(Settings(_env_file=None, **values))


def _in(**time: float) -> datetime:
    return datetime.now(UTC) + timedelta(**time)


def test_a_link_never_outlives_the_credentials_that_sign_it(settings: Settings) -> None:
    store = _store(settings, s3_credentials_expire_at=_in(minutes=30))
    store.put(KEY, b"x", "text/csv", "attachment")
    with urllib.request.urlopen(store.sign(KEY, timedelta(minutes=29)).url) as answer:
        assert answer.read() == b"x"
    with pytest.raises(Problem, match=r"no link of 31 min: the credentials .* end at .* UTC \(S3_CREDENTIALS_EXPIRE_AT\)"):
        store.sign(KEY, timedelta(minutes=31))
    with pytest.raises(Problem, match="S3_CREDENTIALS_EXPIRE_AT"):
        _store(settings, s3_credentials_expire_at=_in(seconds=-1)).sign(KEY, timedelta(seconds=1))


def test_temporary_credentials_of_unknown_end_sign_for_an_hour(settings: Settings) -> None:
    with pytest.raises(Problem, match=r"temporary \(AWS_SESSION_TOKEN\) and their end is not known"):
        _store(settings, aws_session_token="token").sign(KEY, timedelta(hours=1, seconds=1))
    # The end is known: then it counts, whatever the token. (The embedded server takes no token, so nothing more can be seen here.)
    with pytest.raises(Problem, match="S3_CREDENTIALS_EXPIRE_AT"):
        _store(settings, aws_session_token="token", s3_credentials_expire_at=_in(hours=2)).sign(KEY, timedelta(hours=3))


@pytest.mark.parametrize(("seconds", "words"), [(-90, "behind"), (-58, None), (0, None), (58, None), (90, "ahead of")])
def test_a_store_whose_clock_is_off_signs_nothing(settings: Settings, seconds: int, words: str | None) -> None:
    assert settings.s3_endpoint_url
    with shifted_store(settings.s3_endpoint_url, timedelta(seconds=seconds)) as endpoint:
        store = _store(settings, s3_endpoint_url=endpoint)
        store.put(KEY, b"x", "text/csv", "attachment")
        if words is None:
            with urllib.request.urlopen(store.sign(KEY, timedelta(minutes=1)).url) as answer:
                assert answer.read() == b"x"
            return
        with pytest.raises(Problem, match=rf"the store's clock is \d\d s {words} ours") as caught:
            store.sign(KEY, timedelta(minutes=1))
        assert "\n" not in str(caught.value)


def test_a_refusal_names_the_clock_when_that_is_why(settings: Settings) -> None:
    """A store that is 15 minutes off refuses every request, with the same 403 as for wrong keys."""
    assert settings.s3_endpoint_url
    with shifted_store(settings.s3_endpoint_url, timedelta(hours=1)) as endpoint:
        store = _store(settings, s3_endpoint_url=endpoint, aws_secret_access_key="wrong")
        with pytest.raises(Problem, match=r"access is refused, and the store's clock is 3,[56]\d\d s ahead of ours"):
            store.require()
