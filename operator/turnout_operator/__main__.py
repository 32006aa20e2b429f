"""`python -m turnout_operator`: the operator alone, as the tests and a container without the `turnout` command start it.

Rules: a settings file says everything, options and the environment override what differs from pod to pod.
"""

import asyncio
import sys
from pathlib import Path

import click
import msgspec

from turnout_operator import app, logs
from turnout_operator.settings import OperatorSettings, load


@click.command(context_settings={"auto_envvar_prefix": "TURNOUT_OPERATOR"})
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A settings file (YAML).")
@click.option("--kubeconfig", type=click.Path(exists=True), help="Absent: the pod's service account.")
@click.option("--namespace", envvar="POD_NAMESPACE", help="The operator's own namespace.")
@click.option("--pod-name", envvar="POD_NAME", help="The name under which this replica stands for election.")
@click.option("--host", help="Where gateways are listened for.")
@click.option("--port", type=int, help="And on which port.")
@click.option("--health-port", type=int, help="The port of probes and metrics.")
@click.option("--watch-namespace", "watch_namespaces", multiple=True, help="Only this one (again for more).")
@click.option(
    "--log-level", default="INFO", show_default=True, type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"])
)
def main(config: Path | None, log_level: str, **options: object) -> None:
    """Run the Turnout operator."""
    logs.set_up(log_level)
    try:
        settings = load(config) if config is not None else OperatorSettings()
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from error
    given = {name: value for name, value in options.items() if value not in (None, ())}
    asyncio.run(app.run(msgspec.structs.replace(settings, **given)))


if __name__ == "__main__":
    sys.exit(main())
