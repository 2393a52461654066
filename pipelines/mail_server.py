"""The mail server that the settings name: headers, one connection, and its answers in words.

Belongs here: RFC 5322 and SMTP. Does not: what a mail says (reports/mail.py), who gets one, what is noted of it (delivery, outbox).
"""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as MAIL_POLICY
from email.utils import format_datetime, parseaddr

from pipelines.problem import Problem
from pipelines.settings import Settings
from reports.mail import Mail


def compose(settings: Settings, address: str, mail: Mail, message_id: str, sent_at: datetime) -> EmailMessage:
    """The mail with its headers, ready to send."""
    sender = parseaddr(settings.mail_from)[1]
    domain = sender.rpartition("@")[2]
    message = EmailMessage(policy=MAIL_POLICY)
    message["From"], message["To"], message["Subject"] = settings.mail_from, address, mail.subject
    message["Date"] = format_datetime(sent_at)
    message["Message-ID"] = f"<{message_id}@{domain}>"
    by_page = f"<{settings.dashboard_url}>, " if settings.dashboard_url else ""
    message["List-Unsubscribe"] = f"{by_page}<mailto:{sender}?subject=unsubscribe>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


class NotTaken(Exception):
    """The server did not take this mail. `is_final`: it never will; else it may later. The message holds no address and no link."""

    def __init__(self, words: str, *, is_final: bool = False, is_unreachable: bool = False) -> None:
        super().__init__(words)
        self.is_final = is_final
        self.is_unreachable = is_unreachable


class MailServer:
    """A connection that is opened with the first mail and again after it broke. Close it when the last mail is sent."""

    def __init__(self, settings: Settings) -> None:
        if settings.smtp_host is None:
            raise Problem("no mail server is set; set SMTP_HOST (see .env.example).")
        self._settings = settings
        self._host: str = settings.smtp_host
        self._connection: smtplib.SMTP | None = None

    def send(self, message: EmailMessage) -> None:
        """Hand over the mail: when this returns, the server has answered 250 and is responsible for it.

        Raises:
            NotTaken: this mail is refused, now or for good, or the server cannot be reached.
            Problem: the server would refuse every mail of ours (login, TLS, sender).
        """
        with self._in_words():
            self._open().send_message(message)

    def require(self) -> None:
        """Connect and log in, and say goodbye; raises as `send` does."""
        with self._in_words():
            self._open().noop()
        self.close()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except smtplib.SMTPRecipientsRefused as error:
            code, _ = next(iter(error.recipients.values()))
            raise NotTaken(f"the mail server refuses the address ({code})", is_final=code >= 500) from None
        except smtplib.SMTPNotSupportedError as error:
            self.close()
            if self._settings.smtp_tls == "starttls" and "STARTTLS" in str(error):
                raise self._problem("offers no encryption (STARTTLS); set SMTP_TLS to tls or none, or another SMTP_PORT") from None
            raise self._problem("takes no login; unset SMTP_USER, or check SMTP_TLS") from None
        except smtplib.SMTPAuthenticationError as error:
            self.close()
            raise self._problem(f"refuses the login ({type(error).__name__}); check SMTP_USER, SMTP_PASSWORD and SMTP_TLS") from None
        except smtplib.SMTPResponseException as error:
            is_sender = isinstance(error, smtplib.SMTPSenderRefused)
            if error.smtp_code == 421 or isinstance(error, smtplib.SMTPConnectError | smtplib.SMTPHeloError):
                self.close()
                raise NotTaken(f"the mail server is not available ({error.smtp_code})", is_unreachable=True) from None
            if is_sender and error.smtp_code >= 500:
                raise self._problem(f"refuses our sender ({error.smtp_code}); check MAIL_FROM") from None
            raise NotTaken(f"the mail server refuses the mail ({error.smtp_code})", is_final=error.smtp_code >= 500) from None
        except ssl.SSLError as error:
            self.close()
            raise self._problem(f"has no connection that we trust ({error.reason}); check SMTP_TLS and its certificate") from None
        except (smtplib.SMTPException, OSError):
            self.close()
            raise NotTaken(
                f"no connection to the mail server {self._host}:{self._settings.smtp_port}, or it broke, or it took too long to answer;"
                " check SMTP_HOST and SMTP_PORT",
                is_unreachable=True,
            ) from None

    def close(self) -> None:
        """Say goodbye, if there is somebody to say it to."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            try:
                connection.quit()
            except (smtplib.SMTPException, OSError):
                connection.close()

    def _open(self) -> smtplib.SMTP:
        if self._connection is not None:
            return self._connection
        settings = self._settings
        name = parseaddr(settings.mail_from)[1].rpartition("@")[2]  # not the machine's name: looking that up can take seconds
        if settings.smtp_tls == "tls":
            trusted = ssl.create_default_context()
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, settings.smtp_port, name, timeout=settings.smtp_timeout_seconds, context=trusted
            )
        else:
            connection = smtplib.SMTP(self._host, settings.smtp_port, name, timeout=settings.smtp_timeout_seconds)
        self._connection = connection
        if settings.smtp_tls == "starttls":
            connection.starttls(context=ssl.create_default_context())
        if settings.smtp_user is not None:
            password = settings.smtp_password.get_secret_value() if settings.smtp_password else ""
            connection.login(settings.smtp_user, password)
        return connection

    def _problem(self, words: str) -> Problem:
        return Problem(f"the mail server {self._host}:{self._settings.smtp_port} {words}.")
