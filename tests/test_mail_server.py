"""The way to the mail server: TLS from the start or by STARTTLS, certificates, logins. What is mailed to whom is test_delivery.py's."""

import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import AuthResult, LoginPassword

from pipelines.mail_server import MailServer
from pipelines.problem import Problem
from pipelines.settings import Settings
from tests.mail_catcher import Catcher, served

_USER, _PASSWORD = "reports", "correct horse, battery"
_ISSUER = trustme.CA()

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates of our issuer are trusted, as a company's own are."""
    path = tmp_path / "issuer.pem"
    _ISSUER.cert_pem.write_to_path(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


def _authenticated(server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (_USER.encode(), _PASSWORD.encode()), handled=False)


@contextmanager
def _mail_server(tls: str, name: str = "127.0.0.1") -> Iterator[Catcher]:
    """A server that takes mail over TLS only, from those who log in."""
    with warnings.catch_warnings(action="ignore"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS)  # both sides: aiosmtpd calls itself with it once to see whether it is up
    _ISSUER.issue_cert(name).configure_cert(context)
    encrypted = {"tls": {"ssl_context": context, "auth_require_tls": False}, "starttls": {"tls_context": context, "require_starttls": True}}
    with served(authenticator=_authenticated, auth_required=True, **encrypted[tls]) as catcher:
        yield catcher


def _send(catcher: Catcher, tls: str, password: str = _PASSWORD) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "reports@school.example", "ann@school.example", "Weekly"
    message.set_content("Hello")
    at = {"smtp_host": "127.0.0.1", "smtp_port": catcher.port, "smtp_tls": tls, "smtp_user": _USER, "smtp_password": password}
    connection = MailServer(Settings.model_validate({"mail_from": "reports@school.example", "smtp_timeout_seconds": 5} | at))
    try:
        connection.send(message)
    finally:
        connection.close()


@pytest.mark.parametrize("tls", ["tls", "starttls"])
@pytest.mark.usefixtures("trusted")
def test_mail_goes_encrypted_after_a_login(tls: str) -> None:
    with _mail_server(tls) as catcher:
        _send(catcher, tls)
        assert [mail["Subject"] for mail in catcher.mails] == ["Weekly"]


@pytest.mark.parametrize("tls", ["tls", "starttls"])
@pytest.mark.usefixtures("trusted")
def test_a_wrong_password_is_told_without_it(tls: str) -> None:
    with _mail_server(tls) as catcher:
        with pytest.raises(Problem, match=r"refuses the login .* check SMTP_USER, SMTP_PASSWORD and SMTP_TLS") as caught:
            _send(catcher, tls, "wrong secret")
        assert "wrong secret" not in str(caught.value)
        assert catcher.mails == []


@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_an_unknown_issuer_is_not_trusted(tls: str) -> None:
    with _mail_server(tls) as catcher:
        with pytest.raises(Problem, match=r"no connection that we trust .* check SMTP_TLS and its certificate"):
            _send(catcher, tls)
        assert catcher.mails == []


@pytest.mark.parametrize("tls", ["tls", "starttls"])
@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_another_host_is_not_trusted(tls: str) -> None:
    with _mail_server(tls, "mail.elsewhere.example") as catcher:
        with pytest.raises(Problem, match="no connection that we trust"):
            _send(catcher, tls)
        assert catcher.mails == []


@pytest.mark.usefixtures("trusted")
def test_a_login_never_goes_in_the_clear() -> None:
    with _mail_server("starttls") as catcher:
        with pytest.raises(Problem, match="SMTP_TLS"):
            _send(catcher, "none")
        assert catcher.mails == []
