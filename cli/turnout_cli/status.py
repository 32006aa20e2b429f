"""`turnout status`: what each gateway runs, as the leading operator sees it.

Asks the operator's admin port: at `--url`, or in the cluster of the kubeconfig, through the API server's proxy to the pod that
holds the Lease. Exit code 1 where a gateway does not run what is wanted, something is wrong with a whole namespace, or no leader
is found.
"""

import json
import socket
import sys
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import click
import kubernetes
import msgspec
import yaml

TIMEOUT = 10.0
HEAD = ("NAMESPACE", "GATEWAY", "STATE", "VERSION", "WANTED", "AGE")


class GatewayRow(msgspec.Struct, frozen=True):
    """One gateway. `age`: seconds in this state."""

    pod: str
    state: str
    version: str = ""
    age: float | None = None


class TroubleRow(msgspec.Struct, frozen=True):
    """What is wrong with a whole namespace: a reason as in its objects' conditions, and a message."""

    reason: str
    message: str = ""


class NamespaceRows(msgspec.Struct, frozen=True):
    """A namespace: the version wanted, its gateways, what is wrong with the whole of it, and by provider the models that do not
    exist."""

    version: str = ""
    gateways: tuple[GatewayRow, ...] = ()
    troubles: tuple[TroubleRow, ...] = ()
    absent: dict[str, tuple[str, ...]] = {}


class Report(msgspec.Struct, frozen=True):
    """What an operator says. A standby knows no gateways."""

    leader: bool
    namespaces: dict[str, NamespaceRows] = {}


@click.command("status")
@click.option("--url", help="The operator's admin address, such as http://127.0.0.1:8081; needs no kubeconfig.")
@click.option(
    "--kubeconfig",
    type=click.Path(exists=True, dir_okay=False),
    help="Absent: the usual places, then the pod's account.",
)
@click.option("--operator-namespace", default="turnout-system", show_default=True)
@click.option("--lease", default="turnout-operator", show_default=True, help="The Lease that the leader holds.")
@click.option("-n", "--namespace", help="Only this one.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(
    url: str | None, kubeconfig: str | None, operator_namespace: str, lease: str, namespace: str | None, output: str
) -> None:
    """Show per gateway SYNCED, STALE, NACKED or DISCONNECTED, with version and age."""
    report = ask_url(url) if url else ask_cluster(kubeconfig, operator_namespace, lease)
    if namespace:
        report = Report(report.leader, {name: rows for name, rows in report.namespaces.items() if name == namespace})
    click.echo(json.dumps(msgspec.to_builtins(report), indent=2) if output == "json" else table(report))
    namespaces = report.namespaces.values()
    healthy = all(row.state == "SYNCED" for rows in namespaces for row in rows.gateways)
    healthy = healthy and not any(rows.troubles for rows in namespaces)
    sys.exit(0 if healthy else 1)


def ask_url(url: str) -> Report:
    """The leader's report, from whichever address behind this name leads. Raises ClickException where none answers as leader."""
    parts = urlsplit(url)
    port = parts.port or 80
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise click.ClickException(f"{parts.hostname}: {error.strerror}") from error
    troubles: list[str] = []
    for *_, address in dict.fromkeys(found):
        host = f"[{address[0]}]" if ":" in str(address[0]) else address[0]
        target = urlunsplit((parts.scheme, f"{host}:{port}", "/gateways", "", ""))
        try:
            with urllib.request.urlopen(target, timeout=TIMEOUT) as answer:  # noqa: S310 - the user's own address
                report = msgspec.json.decode(answer.read(), type=Report)
        except (OSError, msgspec.DecodeError) as error:
            troubles.append(f"{host}: {error}")
            continue
        if report.leader:
            return report
        troubles.append(f"{host}: a standby")
    raise click.ClickException(f"no leading operator behind {url} ({'; '.join(troubles)})")


def ask_cluster(kubeconfig: str | None, namespace: str, lease: str) -> Report:
    """The leader's report, through the API server. Raises ClickException where it cannot be had."""
    try:
        client = _client(kubeconfig)
        held = kubernetes.client.CoordinationV1Api(client).read_namespaced_lease(
            lease, namespace, _request_timeout=TIMEOUT
        )
        pod = held.spec.holder_identity if held.spec is not None else None
        if not pod:
            raise click.ClickException(f"nobody holds the Lease {namespace}/{lease}: no operator leads")
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}:8081/proxy/gateways"
        text: Any = client.call_api(
            path, "GET", auth_settings=["BearerToken"], response_type="str", _request_timeout=TIMEOUT
        )[0]
        return msgspec.json.decode(text, type=Report)
    except kubernetes.config.ConfigException as error:
        raise click.ClickException(f"no cluster to ask: {error}") from error
    except kubernetes.client.ApiException as error:
        raise click.ClickException(f"the API server answered {error.status} {error.reason}") from error
    except (urllib.error.URLError, OSError, msgspec.DecodeError) as error:
        raise click.ClickException(f"the operator could not be asked: {error}") from error


def _client(kubeconfig: str | None) -> Any:
    try:
        return kubernetes.config.new_client_from_config(kubeconfig)  # type: ignore[no-untyped-call]
    except kubernetes.config.ConfigException:
        if kubeconfig:
            raise
        kubernetes.config.load_incluster_config()  # type: ignore[no-untyped-call]
        return kubernetes.client.ApiClient()
    except (TypeError, AttributeError, KeyError, ValueError, yaml.YAMLError) as error:  # it looks at no type itself
        raise kubernetes.config.ConfigException(f"{kubeconfig or 'what is found'} is no kubeconfig") from error


def table(report: Report) -> str:
    """The rows, for people."""
    rows = [HEAD]
    for name, namespace in sorted(report.namespaces.items()):
        if not namespace.gateways:
            rows.append((name, "-", "no gateway", "", namespace.version[:12], ""))
        for row in namespace.gateways:
            age = "" if row.age is None else f"{row.age:.0f}s"
            rows.append((name, row.pod, row.state, row.version[:12], namespace.version[:12], age))
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    for name, namespace in sorted(report.namespaces.items()):
        lines += [f"{name}: {trouble.reason}: {trouble.message}" for trouble in namespace.troubles]
        absent = namespace.absent.items()
        lines += [f"{name}: the provider {owner} has no model {', '.join(models)}" for owner, models in absent]
    return "\n".join(lines)
