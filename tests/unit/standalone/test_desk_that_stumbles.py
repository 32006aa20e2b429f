"""A fault of ours in one edit is told, and costs that edit alone."""

import asyncio
from pathlib import Path

import pytest

from support.resources import Folder, provider, route
from turnout_cli.standalone.desk import Desk
from turnout_operator.compile import Defaults
from turnout_sidecar.ports.secrets import HeldSecrets


async def test_an_edit_after_one_that_we_stumbled_over_is_live(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Folder(tmp_path / "folder")
    folder.write("a.yaml", provider("beta", "http://127.0.0.1:9/v1"), route("one", "beta/small"))
    applied: list[bytes] = []

    def apply(data: bytes, version: str) -> tuple[str, ...]:
        del version
        if b"stumbling" in data:
            raise RuntimeError("a fault of ours")
        applied.append(data)
        return ()

    desk = Desk(folder.path, namespace=None, secrets=HeldSecrets(), given={}, defaults=Defaults(), say=lambda _: None)
    desk.read()
    desk.serve(apply)
    watching = asyncio.create_task(desk.watch())
    try:
        async with asyncio.timeout(20):
            folder.write("b.yaml", route("stumbling", "beta/small"))
            while "what runs stays as it is" not in caplog.text:  # noqa: ASYNC110  a log sets no event
                await asyncio.sleep(0.01)
            assert len(applied) == 1
            folder.write("b.yaml", route("walking", "beta/small"))
            while len(applied) == 1:  # noqa: ASYNC110  nor does a list
                await asyncio.sleep(0.01)
        assert b"walking" in applied[1]
    finally:
        watching.cancel()
