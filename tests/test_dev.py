"""`creator-reports dev`: one per folder, and nothing of it is left when it is killed."""

import subprocess
import time
from collections.abc import Iterator

import psutil
import pytest

from pipelines.local import dev
from tests.platform import Platform


@pytest.fixture
def running(platform: Platform) -> Iterator[psutil.Process]:
    """A `dev` whose three servers run; whatever is left of it in the end is killed."""
    port = dev._free_port(None)
    process = platform.cold().start("dev", "--port", str(port))
    assert isinstance(process, subprocess.Popen)
    ours = psutil.Process(process.pid)
    children: list[psutil.Process] = []
    try:
        end = time.monotonic() + 120
        while not dev._answers(port):
            assert process.poll() is None and time.monotonic() < end, process.communicate()
            time.sleep(0.2)
        children = ours.children(recursive=True)
        yield ours
    finally:
        for one in [ours, *children]:
            if one.is_running():
                one.kill()
        process.communicate()


def test_a_second_one_is_refused_and_a_killed_one_leaves_no_process_behind(platform: Platform, running: psutil.Process) -> None:
    children = running.children(recursive=True)
    names = " ".join(" ".join(child.cmdline()) for child in children)
    assert "dagster-daemon" in names and "dagster-webserver" in names and "code-server" in names
    refused = platform.run("dev")
    assert refused.returncode == 2
    assert f"`creator-reports dev` runs already on {platform.folder}: process {running.pid};" in refused.stderr.splitlines()[-1]
    running.kill()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
