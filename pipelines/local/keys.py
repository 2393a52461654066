"""Passwords and keys of the embedded servers, and files that only their owner reads.

Belongs here: how secrets are made and written. Does not: which file they stand in (folder).
"""

import os
import secrets
from dataclasses import dataclass, fields
from pathlib import Path

from pipelines.problem import Problem


@dataclass(frozen=True)
class Secrets:
    """Passwords and keys, made once. Hexadecimal, so that they need no quoting in an address or a configuration file."""

    superuser_password: str
    pipeline_password: str
    bi_password: str
    s3_access_key: str
    s3_secret_key: str
    weed_key: str

    @classmethod
    def make(cls) -> "Secrets":
        """New ones for a new world."""
        return cls(**{field.name: secrets.token_hex(10 if field.name == "s3_access_key" else 24) for field in fields(cls)})


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all.

    Raises:
        Problem: it cannot be written (a full disk, a read-only folder).
    """
    new = path.with_name(path.name + ".new")
    try:
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise Problem(f"{path} cannot be written ({error.strerror}); make room or rights for it, then run this again.") from None
