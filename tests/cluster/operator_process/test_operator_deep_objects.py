"""One tenant's object that is nested thousands of levels deep: the API server takes it, and the operator goes on for all."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from cluster.kube import Cluster, eventually
from cluster.operator_rig import FakeGateway, OperatorRig, has_condition, provider, route

Fleet = Callable[..., list[FakeGateway]]


def create_deep(cluster: Cluster, namespace: str, folder: Path, depth: int) -> str:
    """Make a PromptTemplate with variables of that depth. Python's own JSON could not even write it."""
    name = f"deep-{depth}"
    body = (
        f'{{"apiVersion":"turnout.dev/v1alpha1","kind":"PromptTemplate","metadata":{{"name":"{name}"}},"spec":'
        '{"active":"v1","versions":[{"name":"v1","messages":[{"role":"system","content":"x"}]}],"variables":'
        + '{"a":' * depth
        + "1"
        + "}" * depth
        + "}}"
    )
    path = folder / f"{name}.json"
    path.write_text(body, encoding="utf-8")
    folder_path = f"/apis/turnout.dev/v1alpha1/namespaces/{namespace}/prompttemplates"
    cluster.kubectl("create", "--raw", folder_path, "-f", str(path))
    return name


def says_invalid(cluster: Cluster, namespace: str, name: str) -> bool:
    """Whether its status says so, as kubectl reads it (an answer with the object is too deep for Python)."""
    condition = 'jsonpath={.status.conditions[?(@.type=="Accepted")].reason}'
    return "Invalid" in str(cluster.kubectl("-n", namespace, "get", "prompttemplate", name, "-o", condition))


@pytest.mark.timeout(
    400
)  # a write of such an object takes an API server seconds of work, and as many times that as it is busy
@pytest.mark.parametrize("depth", [900, 5000])
def test_an_object_nested_thousands_of_levels_deep_ends_no_operator(
    cluster: Cluster, namespace: str, rig: OperatorRig, fleet: Fleet, tmp_path: Path, depth: int
) -> None:
    before = create_deep(cluster, namespace, tmp_path, depth)
    operator = rig.start()  # it lists the object
    cluster.apply([provider(), route()], namespace=namespace)
    (gateway,) = fleet(operator)
    pid = operator.process.pid
    during = create_deep(cluster, namespace, tmp_path, depth + 1)  # and hears of this one
    for name in (before, during):
        eventually(f"{name} is flagged", partial(says_invalid, cluster, namespace, name), 180)
    cluster.apply([route(sensitivity="Confidential")], namespace=namespace)
    eventually(
        "its neighbour is served",
        has_condition(cluster, namespace, "modelroutes", "assistant", "Programmed", "True"),
        90,
    )
    assert gateway.runs("ModelRoute", "assistant", 2)
    assert (operator.ready(), operator.process.pid) == (True, pid)
