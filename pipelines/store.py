"""The object store: put, head, sign, and the rule of the object keys.

Belongs here: everything said to S3, and its errors in words. Does not: what is in an object, who may have a link (render, links), whether a link
would live as long as it says (signing). Over 200 lines: one short method per thing that is said to S3.
"""

import re
import unicodedata
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain, count
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pipelines import signing
from pipelines.problem import Problem, UsageProblem, in_words
from pipelines.settings import Settings

KEPT = timedelta(days=30)
"""Objects below `reports/` are deleted after this long, by a rule of the bucket."""

_EXPIRED = {"ID": "creator-reports-kept", "Status": "Enabled", "Filter": {"Prefix": "reports/"}, "Expiration": {"Days": KEPT.days}}
_UNFINISHED = {
    "ID": "creator-reports-unfinished",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
}

RENEWED_AFTER = timedelta(days=20)
"""An unchanged object is uploaded again when it is older than this, so that a link never outlives its object."""

LONGEST_LINK = timedelta(days=7)
"""The signature protocol (SigV4) ends a link after seven days at the latest."""

CLOCK_TRUSTED_FOR = timedelta(minutes=5)
"""So long a look at the store's clock counts."""

_IN_PARTS = TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=8 << 20, use_threads=False)
"""How a large file goes up: what fails is sent again by part."""
_LARGEST_PUT = 5 << 30
"""So many bytes S3 takes in one piece."""


@dataclass(frozen=True)
class Link:
    """A signed link: whoever holds it may open the object until `expires_at`. Never log it."""

    url: str
    expires_at: datetime


def generation_prefix(creator_id: str, generation: str) -> str:
    """How all keys of a creator's generation begin."""
    return f"reports/{creator_id}/{generation}/"


def object_key(creator_id: str, generation: str, name: str, sha256: str, suffix: str, *, revoked: Container[str] = ()) -> str:
    """`reports/<creator_id>/<generation>/<name>/<sha256>.<suffix>`: same bytes, same key; another generation, another place.

    A key among `revoked` is never given again: the same bytes then get `<sha256>-2.<suffix>`, or the next number that is free.
    """
    return _free_key(f"{generation_prefix(creator_id, generation)}{name}/{sha256}", suffix, revoked)


def manifest_key(creator_id: str, generation: str, edition_on: date, cadence: str, *, revoked: Container[str] = ()) -> str:
    """Where the list of an edition's files lies: one place per creator and edition, so that a run again replaces it."""
    return _free_key(f"{generation_prefix(creator_id, generation)}manifest/{edition_on.isoformat()}-{cadence}", "json", revoked)


def _free_key(stem: str, suffix: str, revoked: Container[str]) -> str:
    numbered = (f"{stem}-{number}.{suffix}" for number in count(2))
    return next(key for key in chain([f"{stem}.{suffix}"], numbered) if key not in revoked)


def disposition(creator_name: str, title: str, edition_on: date, suffix: str, *, is_inline: bool) -> str:
    """A Content-Disposition whose file name people can read, in ASCII and in UTF-8 (RFC 6266)."""
    clean = (
        " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069/\\:*?\"<>|%=+@;]", " ", creator_name).split())[
            :60
        ].strip(" .-")
        or "Creator"
    )
    name = f"{clean} - {title} - {edition_on.isoformat()}.{suffix}"
    ascii_name = " ".join(unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().split()).lstrip("- ")
    return f"{'inline' if is_inline else 'attachment'}; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name)}"


class Store:
    """A bucket of the settings: that of the reports, or (`is_ledger`) that of the saved ledger. One per process: a boto3 client is not shared between processes."""

    def __init__(self, settings: Settings, *, is_ledger: bool = False) -> None:
        self.bucket, self._setting = (settings.ledger_bucket, "LEDGER_BUCKET") if is_ledger else (settings.s3_bucket, "S3_BUCKET")
        # Saved days are small, and their bucket may have rules of its own: nothing is ever left unfinished there.
        self._transfer = TransferConfig(multipart_threshold=_LARGEST_PUT, use_threads=False) if is_ledger else _IN_PARTS
        self._place = settings.s3_endpoint_url or f"AWS ({settings.aws_region})"
        self._expire_at, self._has_session_token = settings.s3_credentials_expire_at, settings.aws_session_token is not None
        self._clock_known_at: datetime | None = None
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=settings.s3_endpoint_url,
            aws_access_key_id=settings.aws_access_key_id,
            aws_secret_access_key=_secret(settings.aws_secret_access_key),
            aws_session_token=_secret(settings.aws_session_token),
            region_name=settings.aws_region,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                connect_timeout=5,
                read_timeout=60,
                proxies={} if urlsplit(settings.s3_endpoint_url or "").hostname in {"127.0.0.1", "localhost", "::1"} else None,
                retries={"mode": "standard", "total_max_attempts": 4},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

        self._client.meta.events.register("before-call.s3.UploadPart", _call_part_bytes)

    def require(self) -> None:
        """A `Problem` unless the bucket answers."""
        with self._plain_errors("reach the bucket"):
            self._client.head_bucket(Bucket=self.bucket)

    def prepare(self) -> None:
        """Check that the bucket answers, and give it its rules: reports are deleted after `KEPT`, parts of a file that never became whole after a day."""
        with self._plain_errors("reach the bucket"):
            self._client.head_bucket(Bucket=self.bucket)
            found = self._lifecycle_rules()
            if missing := [rule for rule in (_EXPIRED, _UNFINISHED) if rule["ID"] not in {one.get("ID") for one in found}]:
                self._client.put_bucket_lifecycle_configuration(Bucket=self.bucket, LifecycleConfiguration={"Rules": [*found, *missing]})

    def _lifecycle_rules(self) -> list[dict[str, Any]]:
        try:
            return self._client.get_bucket_lifecycle_configuration(Bucket=self.bucket)["Rules"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchLifecycleConfiguration":
                return []
            raise

    def put(self, key: str, data: bytes, content_type: str, content_disposition: str) -> None:
        """Upload `data`; the bucket keeps its type and its download name."""
        with self._plain_errors("upload"):
            self._client.put_object(
                Bucket=self.bucket, Key=key, Body=data, ContentType=content_type, ContentDisposition=content_disposition
            )

    def put_file(self, key: str, file: BinaryIO, content_type: str = "application/octet-stream", content_disposition: str = "") -> None:
        """Upload a file that was written just now, from its start; it is never in memory as a whole. A large one goes up in parts, and is there with the last."""
        file.seek(0)
        said = {"ContentType": content_type, "ContentDisposition": content_disposition}
        with self._plain_errors("upload"):
            self._client.upload_fileobj(file, self.bucket, key, ExtraArgs=said, Config=self._transfer)

    def get_file(self, key: str, file: BinaryIO) -> bool:
        """Write the object to `file`, piece by piece, and go to its start; False when there is no such object."""
        try:
            with self._plain_errors("download", passing="NoSuchKey"):
                body = self._client.get_object(Bucket=self.bucket, Key=key)["Body"]
        except ClientError:
            return False
        with self._plain_errors("download"):
            for block in body.iter_chunks(1 << 20):
                file.write(block)
        file.seek(0)
        return True

    def keys(self, prefix: str = "") -> list[str]:
        """The keys of all objects that begin with `prefix`, in order."""
        with self._plain_errors("list objects"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            return sorted(item["Key"] for page in pages for item in page.get("Contents", []))

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is no error."""
        with self._plain_errors("delete"):
            self._client.delete_object(Bucket=self.bucket, Key=key)

    def age(self, key: str) -> timedelta | None:
        """How long ago `key` was written, or None when it is not there."""
        try:
            with self._plain_errors("look at an object", passing="404"):
                return datetime.now(UTC) - self._client.head_object(Bucket=self.bucket, Key=key)["LastModified"]
        except ClientError:
            return None

    def can_keep(self, key: str | None, generation: str, revoked: Container[str]) -> bool:
        """Whether an object that was made before can serve on: of this generation, not revoked, young enough, and there."""
        if key is None or f"/{generation}/" not in key or key in revoked:
            return False
        age = self.age(key)
        return age is not None and age < RENEWED_AFTER

    def require_life(self, lifetime: timedelta) -> None:
        """A `Problem` unless links may live so long: one second to seven days, and no longer than the credentials (see signing). Asks the store nothing."""
        if not timedelta(seconds=1) <= lifetime <= LONGEST_LINK:
            raise UsageProblem(f"a link lives from 1 second to {LONGEST_LINK.days} days, not {in_words(lifetime)}.")
        signing.require_life(lifetime, datetime.now(UTC), expire_at=self._expire_at, has_session_token=self._has_session_token)

    def sign(self, key: str, lifetime: timedelta) -> Link:
        """A link to `key` that ends after `lifetime`. Refused when it might end before."""
        self.require_life(lifetime)
        self._require_clock()
        url = self._client.generate_presigned_url(
            "get_object", Params={"Bucket": self.bucket, "Key": key}, ExpiresIn=int(lifetime.total_seconds())
        )
        return Link(url, datetime.now(UTC).replace(microsecond=0) + lifetime)

    def _require_clock(self) -> None:
        """A `Problem` unless the store's clock is ours; looked at again after a while."""
        sent_at = datetime.now(UTC)
        if self._clock_known_at is not None and timedelta(0) <= sent_at - self._clock_known_at < CLOCK_TRUSTED_FOR:
            return
        with self._plain_errors("ask the time"):
            headers = self._client.head_bucket(Bucket=self.bucket)["ResponseMetadata"]["HTTPHeaders"]
        if trouble := signing.clock_trouble(headers, sent_at, datetime.now(UTC)):
            raise Problem(f"no link (bucket {self.bucket} at {self._place}): {trouble}.")
        self._clock_known_at = sent_at

    @contextmanager
    def _plain_errors(self, doing: str, passing: str | None = None) -> Iterator[None]:
        sent_at = datetime.now(UTC)
        try:
            yield
        except ClientError as error:
            answer: Any = error.response.get("ResponseMetadata", {})
            code, status = error.response["Error"].get("Code", "?"), answer.get("HTTPStatusCode", 0)
            if passing is not None and passing in {str(status), code}:
                raise
            trouble = signing.clock_trouble(answer.get("HTTPHeaders", {}), sent_at, datetime.now(UTC)) if status == 403 else None
            advice = f"access is refused, and {trouble}." if trouble else _advice(code, status, self._setting)
            raise Problem(f"cannot {doing} (bucket {self.bucket} at {self._place}): {advice}") from None
        except BotoCoreError as error:
            raise Problem(
                f"cannot {doing}: no S3 server answers at {self._place} ({type(error).__name__}); check S3_ENDPOINT_URL and the AWS keys."
            ) from None


def _call_part_bytes(params: dict[str, Any], **_: object) -> None:
    """Give a part the type that it has by itself; some stores look into a part of no type, to find out whether it can be packed."""
    params["headers"]["Content-Type"] = "application/octet-stream"


def _secret(value: Any) -> str | None:
    return value.get_secret_value() if value is not None else None


def _advice(code: str, status: int, setting: str) -> str:
    if status == 507 or code in {"InsufficientStorage", "XMinioStorageFull", "QuotaExceeded"}:
        return f"the store is full ({status} {code}); free space there, then run again."
    if status in {401, 403}:
        said = f"{status} {code}" if code != str(status) else code
        return f"access is refused ({said}); check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the bucket's rights."
    if status == 404:
        return f"there is no such bucket; create it or set {setting}."
    return f"the store answered {status} {code}; see in its log whether its disk is full, then run again."
