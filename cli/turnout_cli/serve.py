"""`turnout serve`: the standalone mode. A folder of manifests, the operator's compiler, and one gateway, in one process."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import click
import uvloop

from turnout_cli.standalone.desk import Desk, NamespaceChoiceError
from turnout_operator.compile import Defaults
from turnout_sidecar.adapters.log import install
from turnout_sidecar.adapters.redaction import Redactor
from turnout_sidecar.assembly import Assembly
from turnout_sidecar.ports.secrets import HeldSecrets
from turnout_sidecar.server import GatewaySettings


@click.command("serve")
@click.option(
    "-f",
    "--filename",
    "folder",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The manifests.",
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535))
@click.option("--admin-host", default="127.0.0.1", show_default=True)
@click.option(
    "--admin-port", default=9090, show_default=True, type=click.IntRange(0, 65535), help="Health and metrics."
)
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the cache is kept; absent: it ends with the process.",
)
@click.option("-n", "--namespace", help="Which one to serve, where the folder has several.")
@click.option("--secret", multiple=True, metavar="NAME/KEY=env:VARIABLE", help="A secret value from the environment.")
@click.option(
    "--otlp-endpoint", envvar="OTEL_EXPORTER_OTLP_ENDPOINT", help="Where traces go, where the ModelGateway names none."
)
@click.option("--allow-insecure-tls", is_flag=True, help="Accept insecureSkipVerify, as the chart's value would.")
def command(
    folder: Path,
    state: Path | None,
    namespace: str | None,
    secret: tuple[str, ...],
    allow_insecure_tls: bool,  # noqa: FBT001 - click's way
    **settings: str | int | None,
) -> None:
    """Serve the manifests of a folder; edits are live within a second."""
    given = secrets_of(secret)
    secrets = HeldSecrets()
    install(Redactor(secrets.known), sys.stderr)
    desk = Desk(
        folder,
        namespace=namespace,
        secrets=secrets,
        given=given,
        defaults=Defaults(allow_insecure_tls=allow_insecure_tls),
    )
    try:
        desk.read()
    except NamespaceChoiceError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.UsageError(f"{folder}: {error.strerror}") from error
    state_dir = None if state is None else str(state)
    gateway = GatewaySettings(namespace=desk.namespace, state_dir=state_dir, **settings)  # type: ignore[arg-type]
    try:
        uvloop.run(run(gateway, desk, secrets))
    except OSError as error:
        raise click.ClickException(f"cannot start: {error.strerror or error}") from error


def secrets_of(given: tuple[str, ...]) -> dict[str, dict[str, bytes]]:
    """`NAME/KEY=env:VARIABLE` as values. Raises UsageError where one is something else or the variable is not set."""
    found: dict[str, dict[str, bytes]] = {}
    for item in given:
        path, equals, source = item.partition("=")
        name, slash, key = path.partition("/")
        variable = source.removeprefix("env:")
        if not (name and slash and key and equals) or variable == source:
            raise click.UsageError("--secret wants NAME/KEY=env:VARIABLE")
        if variable not in os.environ:
            raise click.UsageError(f"--secret {path}: the environment has no {variable}")
        found.setdefault(name, {})[key] = os.environ[variable].encode()
    return found


async def run(settings: GatewaySettings, desk: Desk, secrets: HeldSecrets) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    assembly = Assembly(settings, secrets)
    assembly.discovery.subscribe(lambda: desk.discovered(assembly.discovery.absent))
    desk.serve(assembly.apply)
    try:
        await assembly.start()
        watching = asyncio.create_task(desk.watch())
        click.echo(f"serving {desk.namespace} on http://{settings.host}:{assembly.gateway.port}/v1", err=True)
        await stop.wait()
        watching.cancel()
    finally:
        await assembly.stop()
