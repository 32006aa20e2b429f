"""`turnout gateway`: the gateway of a namespace, as its pods run it: configured by the operator's push, secrets from mounted files."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import click
import uvloop

from turnout_contract import __version__
from turnout_contract.protocol import Build
from turnout_sidecar.adapters.log import install
from turnout_sidecar.adapters.redaction import Redactor
from turnout_sidecar.adapters.secret_files import SecretFiles
from turnout_sidecar.assembly import Assembly
from turnout_sidecar.server import GatewaySettings


@click.command("gateway")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535))
@click.option("--admin-host", default="127.0.0.1", show_default=True)
@click.option(
    "--admin-port", default=9090, show_default=True, type=click.IntRange(0, 65535), help="Health and metrics."
)
@click.option(
    "--operator", multiple=True, required=True, help="Where to dial in (wss://...); may be given several times."
)
@click.option(
    "--token-file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The projected service-account token.",
)
@click.option(
    "--ca-file", type=click.Path(dir_okay=False, path_type=Path), help="The operator's CA; absent: the system's."
)
@click.option(
    "--secrets-dir", type=click.Path(file_okay=False, path_type=Path), help="Where Secrets are mounted as NAME/KEY."
)
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the last good snapshot and the cache are kept.",
)
@click.option(
    "--otlp-endpoint", envvar="OTEL_EXPORTER_OTLP_ENDPOINT", help="Where traces go, where the ModelGateway names none."
)
@click.option("-n", "--namespace", envvar="POD_NAMESPACE", default="default", show_default=True)
def command(
    host: str,
    port: int,
    admin_host: str,
    admin_port: int,
    operator: tuple[str, ...],
    token_file: Path,
    ca_file: Path | None,
    secrets_dir: Path | None,
    state: Path | None,
    otlp_endpoint: str | None,
    namespace: str,
) -> None:
    """Run one gateway until SIGTERM."""
