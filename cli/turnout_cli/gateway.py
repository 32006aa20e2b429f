"""`turnout gateway`: a namespace's gateway as its pods run it: configured by the operator's push, secrets from mounted files."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import click
import uvloop

from turnout_contract import __version__
from turnout_contract.protocol import Build
from turnout_contract.snapshot.model import SCHEMA
from turnout_sidecar.adapters.log import install
from turnout_sidecar.adapters.operator_dial import Operator, parse_operator
from turnout_sidecar.adapters.redaction import Redactor
from turnout_sidecar.adapters.secret_files import SecretFiles
from turnout_sidecar.assembly import Assembly
from turnout_sidecar.last_good import LastGood
from turnout_sidecar.ports.clock import system_dice
from turnout_sidecar.ports.secrets import HeldSecrets, Secrets
from turnout_sidecar.server import GatewaySettings
from turnout_sidecar.subscription import Subscription, SubscriptionSettings


class _OperatorUrl(click.ParamType[Operator]):
    """Where an operator is dialled."""

    name = "url"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Operator:
        """Its parts."""
        if isinstance(value, Operator):
            return value
        try:
            return parse_operator(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
PORT = click.IntRange(0, 65535)


@click.command("gateway")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True, type=PORT)
@click.option("--admin-host", default="127.0.0.1", show_default=True)
@click.option("--admin-port", default=9090, show_default=True, type=PORT, help="Health and metrics.")
@click.option(
    "--operator", multiple=True, required=True, type=_OperatorUrl(), help="wss://HOST:PORT; may be given several times."
)
@click.option("--token-file", required=True, type=FILE, help="The projected service-account token.")
@click.option("--ca-file", type=FILE, help="The operator's CA; absent: the system's.")
@click.option("--secrets-dir", type=FOLDER, help="Where Secrets are mounted as NAME/KEY.")
@click.option("--state", type=FOLDER, help="Where the last good snapshot and the cache are kept.")
@click.option(
    "--otlp-endpoint", envvar="OTEL_EXPORTER_OTLP_ENDPOINT", help="Traces, where the ModelGateway names no endpoint."
)
@click.option("-n", "--namespace", envvar="POD_NAMESPACE", default="default", show_default=True)
def command(
    operator: tuple[Operator, ...],
    token_file: Path,
    ca_file: Path | None,
    secrets_dir: Path | None,
    state: Path | None,
    **settings: str | int | None,
) -> None:
    """Run one gateway until SIGTERM."""
    paths = {
        "secrets_dir": None if secrets_dir is None else str(secrets_dir),
        "state_dir": None if state is None else str(state),
    }
    gateway = GatewaySettings(**settings, **paths)  # type: ignore[arg-type]
    subscription = SubscriptionSettings(operators=operator, token_file=token_file, ca_file=ca_file)
    try:
        uvloop.run(run(gateway, subscription))
    except OSError as error:
        raise click.ClickException(f"cannot start: {error.strerror or error}") from error


async def run(settings: GatewaySettings, subscription: SubscriptionSettings) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with _secrets(settings) as secrets:
        assembly = Assembly(settings, secrets)
        follow = _subscription(settings, subscription, assembly, secrets)
        try:
            await follow.start()
            await assembly.start()
            following = asyncio.create_task(follow.run(), name="subscription")
            following.add_done_callback(lambda _: stop.set())
            await stop.wait()
            await _ended(following)
        finally:
            await assembly.stop()


@contextlib.asynccontextmanager
async def _secrets(settings: GatewaySettings) -> AsyncIterator[Secrets]:
    """The mounted files, followed as they change; none where no folder is named."""
    if settings.secrets_dir is None:
        held = HeldSecrets()
        install(Redactor(held.known), sys.stderr)
        yield held
        return
    files = SecretFiles(Path(settings.secrets_dir))
    install(Redactor(files.known), sys.stderr)
    await asyncio.to_thread(files.scan)
    watching = asyncio.create_task(files.watch(), name="secrets")
    try:
        yield files
    finally:
        watching.cancel()


def _subscription(
    settings: GatewaySettings, subscription: SubscriptionSettings, assembly: Assembly, secrets: Secrets
) -> Subscription:
    pod = os.environ.get("POD_NAME", "")
    follow = Subscription(
        subscription,
        apply=assembly.apply,
        secrets=secrets,
        credentials=assembly.credentials,
        last_good=None if settings.state_dir is None else LastGood(Path(settings.state_dir) / "snapshot"),
        build=Build(version=__version__, schema=SCHEMA, pod=pod, node=os.environ.get("NODE_NAME", "")),
        dice=system_dice(),
    )
    follow.expose(assembly.metrics)

    def swapped() -> None:
        runtime = assembly.gateway.runtime
        if runtime is not None:
            follow.missing_changed(runtime.missing)

    assembly.gateway.subscribe(swapped)
    assembly.discovery.subscribe(lambda: follow.absent_changed(assembly.discovery.absent))
    return follow


async def _ended(following: "asyncio.Task[None]") -> None:
    """Stop following. A fault in there ends the process with it, so that it is seen and restarted."""
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following
