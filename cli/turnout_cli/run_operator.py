"""`turnout operator`: the control plane's process. The chart mounts its settings as a file; options are for trying it by hand."""

import sys
from pathlib import Path

import click
import kubernetes
import msgspec
import uvloop

from turnout_operator import app, logs
from turnout_operator.settings import OperatorSettings, load


@click.command("operator")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Settings (YAML); the chart's ConfigMap.",
)
@click.option(
    "--kubeconfig",
    type=click.Path(exists=True, dir_okay=False),
    help="Absent: the pod's own service account.",
)
@click.option("--namespace", help="The operator's own namespace.")
@click.option("--pod-name", envvar="POD_NAME", help="Who holds the Lease.")
@click.option("--port", type=click.IntRange(0, 65535), help="Where gateways dial in.")
@click.option("--health-port", type=click.IntRange(0, 65535), help="/healthz, /readyz, /metrics, /gateways.")
@click.option("--watch-namespace", multiple=True, help="May be given several times; absent: all namespaces.")
@click.option(
    "--log-level", default="INFO", show_default=True, type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"])
)
def command(
    config: Path | None,
    kubeconfig: str | None,
    namespace: str | None,
    pod_name: str | None,
    port: int | None,
    health_port: int | None,
    watch_namespace: tuple[str, ...],
    log_level: str,
) -> None:
    """Run the operator until SIGTERM."""
    logs.set_up(log_level)
    try:
        settings = load(config) if config else OperatorSettings()
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    given = {
        "kubeconfig": kubeconfig,
        "namespace": namespace,
        "pod_name": pod_name,
        "port": port,
        "health_port": health_port,
        "watch_namespaces": watch_namespace or None,
    }
    settings = msgspec.structs.replace(settings, **{name: value for name, value in given.items() if value is not None})
    try:
        sys.exit(uvloop.run(app.run(settings)))
    except kubernetes.config.ConfigException as error:
        raise click.ClickException(f"no cluster to serve: {error}") from error
    except OSError as error:
        raise click.ClickException(f"cannot start: {error.strerror or error}") from error
