"""`turnout simulate-provider`: a provider for demos, tests and load, whose answers depend on nothing but the request."""

import asyncio
import signal

import click
import uvloop

from turnout_contract import durations
from turnout_sidecar.ports.secrets import Secret
from turnout_sidecar.simulator.faults import KNOWN
from turnout_sidecar.simulator.server import DIALECTS, UnknownProtocol, serve
from turnout_sidecar.simulator.settings import SimulatorSettings


class _Duration(click.ParamType[float]):
    """A duration such as 50ms, as seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if isinstance(value, float):
            return value
        try:
            return durations.parse_ms(str(value)) / 1000
        except ValueError as error:
            self.fail(str(error), param, ctx)


_HELP = f"""Simulate a provider until Ctrl-C or SIGTERM.

Answers depend on nothing but the request and the seed; requests are refused as strictly as the real provider refuses them. A
tool is called where the question says "call NAME", and two where it says "both" or "twice". What is to go wrong is asked for
in a header, `x-simulate: status=429,retry_after=1`, or prescribed for the next calls by PUT /_faults, a line each.

There is: {KNOWN}.

GET /_calls shows what came.
"""


@click.command("simulate-provider", help=_HELP)
@click.option(
    "--protocol",
    default="openai",
    show_default=True,
    help=f"One of: {', '.join(sorted(DIALECTS))}. OpenAI's is chat, responses and embeddings.",
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), required=True)
@click.option("--latency", type=_Duration(), default="0ms", show_default=True, help="Before the first byte.")
@click.option("--tokens-per-second", type=click.FloatRange(min=0), default=0.0, help="0: as fast as it goes.")
@click.option(
    "--fail-rate", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Share of calls that fail."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Other answers and other failures.")
@click.option("--models", default="", help="Comma-separated; absent: any name is taken.")
@click.option(
    "--api-key",
    envvar="TURNOUT_SIMULATOR_KEY",
    help="Absent: any credentials are taken. For bedrock AKID:SECRET, with which signatures are checked.",
)
def command(
    protocol: str,
    host: str,
    port: int,
    latency: float,
    tokens_per_second: float,
    fail_rate: float,
    seed: int,
    models: str,
    api_key: str | None,
) -> None:
    """Simulate a provider; `_HELP` is what the command says of itself."""
    settings = SimulatorSettings(
        protocol=protocol,
        host=host,
        port=port,
        latency=latency,
        tokens_per_second=tokens_per_second,
        fail_rate=fail_rate,
        seed=seed,
        models=tuple(name for name in models.split(",") if name),
        api_key=None if api_key is None else Secret(api_key.encode()),
    )
    try:
        uvloop.run(_until_stopped(settings))
    except UnknownProtocol as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{host}:{port}: {error.strerror or error}") from error


async def _until_stopped(settings: SimulatorSettings) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(serve(settings))
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    if settings.protocol in DIALECTS:
        base = DIALECTS[settings.protocol]().base
        click.echo(f"simulating {settings.protocol} on http://{settings.host}:{settings.port}{base}")
    try:
        await task
    except asyncio.CancelledError:
        click.echo("stopped")
