"""Which store is opened, and what is not loaded for it."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from turnout_sidecar.adapters.qdrant_settings import QdrantSettings
from turnout_sidecar.adapters.store_opening import open_embedded, open_server
from turnout_sidecar.ports.clock import FakeClock
from turnout_sidecar.ports.store import StoreUnavailable


def test_the_client_of_the_server_is_not_loaded_before_it_is_asked_for() -> None:
    program = "import sys; import turnout_sidecar.adapters.store_opening; sys.exit('qdrant_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_engines_process_loads_neither_numpy_nor_the_client() -> None:
    program = (
        "import sys; import turnout_sidecar.adapters.edge_process;"
        "sys.exit(any(name in sys.modules for name in ('numpy', 'qdrant_client', 'aiohttp')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


async def test_a_server_that_is_not_there_opens_and_is_unavailable_when_asked() -> None:
    settings = QdrantSettings(url="http://127.0.0.1:9", grpc_port=9, collection="c", dimension=4)
    store = await open_server(settings, clock=FakeClock())
    with pytest.raises(StoreUnavailable):
        await store.get("p", "e")
    await store.close()


async def test_the_embedded_engine_opens_ready(tmp_path: Path) -> None:
    store = await open_embedded(tmp_path, collection="c", dimension=4, clock=FakeClock(time.time_ns()), wait_s=30)
    assert await store.get("p", "e") is None
    assert store.reader.drops.foreign == 0
    await store.close()
