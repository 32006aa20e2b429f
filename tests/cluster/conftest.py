"""Fixtures of the tests that need a real API server: one ``cluster`` a session, one ``namespace`` a test.

The binaries are looked for (and, the first time on a machine, built) between collection and the first test: that may
take minutes, which no test's time limit should have to cover, and its progress should be seen. Every test below this
folder carries the marker ``cluster``, so that ``-m "not cluster"`` leaves them all out.
"""

import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.charts import EXEMPT_GROUP, Installed, install
from cluster.kube import ApiError, Cluster, find_binaries

HERE = Path(__file__).parent
BINARIES = pytest.StashKey[dict[str, Path]]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.cluster)


def pytest_collection_finish(session: pytest.Session) -> None:
    wanted = any("cluster" in getattr(item, "fixturenames", ()) for item in session.items)
    if not wanted or session.config.option.collectonly:
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():
        try:
            session.config.stash[BINARIES] = find_binaries()
        except subprocess.CalledProcessError:
            return  # its reason is on the screen; the fixture fails each test that needs it


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running control plane, shared by the session's tests: keep to your own ``namespace`` in it."""
    binaries = request.config.stash.get(BINARIES, None)
    if binaries is None:
        pytest.fail("there is no control plane to test against: run python tools/kube/assets.py", pytrace=False)
    with Cluster(binaries, tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="session")
def turnout_installed(cluster: Cluster) -> Installed:
    """Both charts, installed once a session into ``turnout-system``: CRDs, rights and policies hold for the whole cluster."""
    return install(cluster, values={"secretsPolicy": {"exemptGroups": [EXEMPT_GROUP]}})


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """The name of a fresh namespace; its deletion is asked for at the end, and not waited for."""
    name = f"test-{secrets.token_hex(4)}"
    cluster.create_namespace(name)
    yield name
    try:
        cluster.request("DELETE", f"/api/v1/namespaces/{name}")
    except ApiError as error:
        if error.status not in {404, 409}:  # the test itself may have deleted it
            raise
