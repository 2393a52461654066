"""Buckets of the embedded S3 server.

Belongs here: the client that the world and tests use. Does not: object keys and links (store), the server process (objectstore).
"""

from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pipelines.problem import Problem

REGION = "us-east-1"


def connect(url: str, access_key: str, secret_key: str) -> Any:
    """A boto3 client. Profiles and proxies of the environment are meant for other servers."""
    profile: dict[str, Any] = {"profile": (None, None, None, None)}
    return boto3.session.Session(botocore_session=botocore.session.Session(session_vars=profile)).client(
        "s3",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, proxies={}, connect_timeout=5, read_timeout=20),
    )


def make_bucket(client: Any, name: str) -> None:
    """Make a private bucket unless it is there.

    Raises:
        Problem: the server does not take our keys, or cannot write.
    """
    url = client.meta.endpoint_url
    try:
        if name not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
            client.create_bucket(Bucket=name)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise Problem(f"the S3 server on {url} refuses the bucket {name} ({code}); run `creator-reports down`, then try again.") from None
    except BotoCoreError as error:
        reason = type(error).__name__
        raise Problem(f"the S3 server on {url} does not answer ({reason}); run `creator-reports down`, then try again.") from None
