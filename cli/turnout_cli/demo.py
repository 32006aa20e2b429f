"""`make run`: the quick start, told by calls.

Starts two simulated providers and `turnout serve` on the example resources as processes of their own, sends a small script of
calls through the gateway, prints what became of each, and stays up with a `curl` to try. With `--provider openai` the calls
go to the real endpoint, with the key in OPENAI_API_KEY.

Rules: what is printed is read from the gateway's answers; nothing is made up here. Only processes started here are stopped.
"""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import msgspec

from turnout_cli.standalone.folder import read_files
from turnout_contract import manifests
from turnout_contract.money import format_usd, parse_usd, per_million

OK = 200
SIMULATORS = ((9001, 1), (9002, 2))
"""Port and seed of each, as the example resources name them."""
QUESTION = "What is the warranty period of the X200 washing machine?"
REPHRASED = "Can you please tell me what the warranty period of the X200 washing machine is?"
WRITTEN_SECONDS = 1.5
"""What is written to the cache is found within a second, also by its meaning."""
PERSONAL = "Write to ann.lee@example.org that card 4111 1111 1111 1111 was charged twice."
CLAIM = "Water came through the ceiling on 3 May and ruined the parquet floor in the hall."


class Step(msgspec.Struct, frozen=True):
    """One call of the script."""

    title: str
    body: dict[str, Any]
    key: str = "demo-shop"
    path: str = "/v1/chat/completions"
    headers: dict[str, str] = {}
    after: float = 0.0  # seconds to wait before it


class Row(msgspec.Struct, frozen=True):
    """What became of a call."""

    title: str
    status: int
    route: str
    backend: str
    cache: str
    tokens_in: int
    tokens_out: int
    cost: str | None
    seconds: float


def ask(text: str, model: str = "assistant", **more: Any) -> dict[str, Any]:
    """A chat request of one question."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


SCRIPT = (
    Step("a question", ask(QUESTION)),
    Step("the same again", ask(QUESTION)),
    Step("said otherwise", ask(REPHRASED), after=WRITTEN_SECONDS),
    Step("another team asks", ask(QUESTION), key="demo-support"),
    Step("a hard question, by header", ask("Prove that 17 is prime.", max_tokens=200), headers={"x-tier": "premium"}),
    Step("confidential", ask("Summarize the board's minutes."), headers={"x-turnout-sensitivity": "Confidential"}),
    Step(
        "a prompt template",
        {"model": "claim-triage", "messages": [], "prompt": {"variables": {"claim": CLAIM}}},
        headers={"x-turnout-outcome-id": "claim-4711"},
    ),
    Step("by Anthropic's API", ask("Name three uses of a siding.", max_tokens=200), path="/v1/messages"),
    Step("by the Responses API", {"model": "assistant", "input": "Name three kinds of points."}, path="/v1/responses"),
    Step("personal data in it", ask(PERSONAL)),
    Step("an attempt that is denied", ask("What do you know of Project Osprey?")),
    Step("streamed", ask("Write a haiku about a railway switch.", stream=True)),
    Step("an embedding", {"model": "text-embedding-3-small", "input": "turnout"}, path="/v1/embeddings"),
    Step("a model nobody offers", ask("Hello?", model="gpt-9")),
)


@click.command()
@click.option("--provider", type=click.Choice(["simulated", "openai"]), default="simulated", show_default=True)
@click.option("--port", default=8080, show_default=True, help="The gateway's port.")
@click.option("--admin-port", default=9090, show_default=True, help="Health and metrics.")
@click.option("--once", is_flag=True, help="Stop after the script instead of staying up.")
def main(provider: str, port: int, admin_port: int, once: bool) -> None:  # noqa: FBT001 - click's way
    """Run the quick start and tell what happened."""
    if provider == "openai" and not os.environ.get("OPENAI_API_KEY"):
        raise click.UsageError("PROVIDER=openai needs the environment variable OPENAI_API_KEY")
    folder = examples() / ("quickstart" if provider == "simulated" else "openai")
    require_free(port, admin_port, *(number for number, _ in SIMULATORS if provider == "simulated"))
    with contextlib.ExitStack() as stack:
        if provider == "simulated":
            for number, seed in SIMULATORS:
                stack.enter_context(process(simulator(number, seed)))
        wait_ready(admin_port, stack.enter_context(process(server(folder, port, admin_port, provider))))
        rows = [call(step, port) for step in SCRIPT]
        click.echo(table(rows))
        click.echo(savings(rows, prices(folder)))
        if provider == "simulated":
            click.echo(seen())
        click.echo(f"\nThe gateway is up. Try it:\n\n{curl(port)}\n")
        if not once:
            click.echo(
                f"Metrics: http://127.0.0.1:{admin_port}/metrics   Resources: {folder} (edits are live)   Ctrl-C stops."
            )
            wait_for_signal()


def examples() -> Path:
    """The example resources: in a checkout beside the packages, in a wheel within this one."""
    packaged = Path(__file__).parent / "examples"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "examples"


def simulator(port: int, seed: int) -> list[str]:
    """The command line of one simulated provider."""
    options = ["--latency", "60ms", "--tokens-per-second", "400", "--seed", str(seed)]
    return ["simulate-provider", "--protocol", "openai", "--port", str(port), *options]


def server(folder: Path, port: int, admin_port: int, provider: str) -> list[str]:
    """The command line of the gateway. Its state lives below the folder that the caller stands in."""
    state = Path(".state") / "demo" / provider
    line = ["serve", "-f", str(folder), "--port", str(port), "--admin-port", str(admin_port), "--state", str(state)]
    return line if provider == "simulated" else [*line, "--secret", "openai/apiKey=env:OPENAI_API_KEY"]


def require_free(*ports: int) -> None:
    """Raises ClickException where somebody else listens, who would be taken for what is started here."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise click.ClickException(f"port {port} is taken; does another quick start still run?") from error


@contextlib.contextmanager
def process(arguments: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A `turnout` process for as long as the context lasts. Its ordinary output goes to a file, its errors are shown."""
    log = Path(".state") / "demo" / f"{arguments[0]}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        child = subprocess.Popen([sys.executable, "-m", "turnout_cli", *arguments], stdout=out, stderr=None)  # noqa: S603
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def wait_ready(admin_port: int, gateway: "subprocess.Popen[bytes]", limit: float = 60.0) -> None:
    """Wait until the gateway says that it is ready. Raises ClickException where it does not come up."""
    end = time.monotonic() + limit
    while time.monotonic() < end and gateway.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", admin_port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == OK:
                return
        except OSError:
            pass  # not listening yet
        finally:
            connection.close()
        time.sleep(0.1)
    raise click.ClickException("the gateway did not become ready; what it said stands above")


def call(step: Step, port: int) -> Row:
    """Send one call and read what became of it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"authorization": f"Bearer {step.key}", "content-type": "application/json", **step.headers}
    time.sleep(step.after)
    started = time.perf_counter()
    try:
        connection.request("POST", step.path, json.dumps(step.body), headers)
        response = connection.getresponse()
        data = response.read()
    finally:
        connection.close()
    seconds = time.perf_counter() - started
    usage = {} if step.body.get("stream") else (json.loads(data).get("usage") or {})
    said = {name.lower(): value for name, value in response.getheaders()}
    return Row(
        title=step.title,
        status=response.status,
        route=said.get("x-turnout-route", "-"),
        backend=said.get("x-turnout-backend", "-"),
        cache=said.get("x-turnout-cache", "-"),
        tokens_in=usage.get("prompt_tokens", usage.get("input_tokens", 0)),
        tokens_out=usage.get("completion_tokens", usage.get("output_tokens", 0)),
        cost=said.get("x-turnout-cost-usd"),
        seconds=seconds,
    )


def table(rows: list[Row]) -> str:
    """The rows, for people."""
    head = ("call", "status", "route", "backend", "cache", "tokens", "cost $", "ms")
    body = [
        (
            r.title,
            str(r.status),
            r.route,
            r.backend,
            r.cache,
            f"{r.tokens_in}+{r.tokens_out}",
            r.cost or "-",
            f"{r.seconds * 1e3:.0f}",
        )
        for r in rows
    ]
    widths = [max(len(line[i]) for line in (head, *body)) for i in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (head, *body)
    )


def prices(folder: Path) -> dict[str, tuple[int, int]]:
    """Nano-dollars for a million tokens, in and out, of each provider/model of the folder."""
    found: dict[str, tuple[int, int]] = {}
    for data in read_files(folder).values():
        for item in manifests.parse(data.decode()):
            for model in item.get("spec", {}).get("models", []) if item["kind"] == "ModelProvider" else []:
                price = model.get("price", {})
                pair = (parse_usd(price.get("inputPerMillion", "0")), parse_usd(price.get("outputPerMillion", "0")))
                found[f"{item['metadata']['name']}/{model['name']}"] = pair
    return found


def savings(rows: list[Row], price: dict[str, tuple[int, int]]) -> str:
    """What the calls cost, and what the cache and the choice of models saved beside the dearest model, on the same tokens."""
    dearest = max(price.values(), key=lambda pair: pair[1])
    spent = saved_cache = saved_routing = 0
    for row in rows:
        if row.status != OK or row.backend not in price or row.route == "embeddings":
            continue
        paid = per_million(row.tokens_in * price[row.backend][0] + row.tokens_out * price[row.backend][1])
        saved_routing += per_million(row.tokens_in * dearest[0] + row.tokens_out * dearest[1]) - paid
        if row.cache in ("exact", "semantic"):
            saved_cache += paid
    spent = sum(int(Decimal(row.cost) * 10**9) for row in rows if row.cost)
    return (
        f"\ntotal: ${format_usd(spent)} spent; the cache saved ${format_usd(saved_cache)}; routing saved "
        f"${format_usd(saved_routing)} beside sending the same tokens to the dearest model.\n"
        "(What a stream cost is known at its end: it is in the log, the metrics and the trace, not in this table.)"
    )


def seen() -> str:
    """What reached the providers of the call with personal data, as they recorded it."""
    for port, _ in SIMULATORS:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/_calls")
            calls = json.loads(connection.getresponse().read())["calls"]
        finally:
            connection.close()
        for recorded in reversed(calls):
            messages = json.loads(recorded["body"]).get("messages") or [{}]
            text = messages[-1].get("content")
            if isinstance(text, str) and text.startswith(PERSONAL[:8]):
                return f"\nasked: {PERSONAL}\nwhat the provider was sent: {text}"
    return "\nno provider was sent the call with personal data"


def curl(port: int) -> str:
    """A call to try."""
    body = json.dumps(ask("What is a turnout?"))
    return f"curl -si http://127.0.0.1:{port}/v1/chat/completions -H 'authorization: Bearer demo-shop' -d '{body}'"


def wait_for_signal() -> None:
    """Until Ctrl-C or SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        stop.wait()
    except KeyboardInterrupt:
        click.echo("\nstopping")


if __name__ == "__main__":
    main()
