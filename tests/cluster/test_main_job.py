"""From `kubectl apply` to a routed, cached, traced call, and what must hold when parts of it change, end or fail.

One stage for the whole module: both charts installed, the chart's operator and the gateways of one namespace as processes, two
simulated providers and an OTLP receiver. The tests tell one story, but each finds and leaves the stage as it was: operator and
gateways at work, all resources of the quick start applied.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cluster.charts import RESTRICTED, Installed
from cluster.kube import Cluster, eventually
from cluster.main_job_rig import GOOD, Kubelet, Operator, all_conditions
from cluster.operator_rig import condition, custom, has_condition, there, wait_for_pods
from cluster.processes import Spawner
from support.resources import model, provider, route, secret
from support.spans import SpanReceiver
from support.turnout import Answer, Gateway, Provider, fetch
from turnout_cli.__main__ import main
from turnout_contract.protocol import AUDIENCE

pytestmark = pytest.mark.timeout(240)
QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart"
NAMESPACE = "main-job"
QUESTION = "What is the warranty period of the X200 washing machine?"
REPHRASED = "Can you please tell me what the warranty period of the X200 washing machine is?"
OBJECTS = (
    ("modelgateways", "default"),
    ("modelproviders", "openai"),
    ("modelproviders", "in-house"),
    ("modelroutes", "assistant"),
    ("modelroutes", "claim-triage"),
    ("modelroutes", "embeddings"),
    ("prompttemplates", "claim-triage"),
    ("cachepolicies", "default"),
    ("guardrailpolicies", "default"),
)
LEASE = "/apis/coordination.k8s.io/v1/namespaces/{}/leases/{}"


@dataclass
class Stage:
    """All that is there."""

    cluster: Cluster
    installed: Installed
    operators: tuple[Operator, Operator]
    kubelet: Kubelet
    openai: Provider
    in_house: Provider
    spans: SpanReceiver
    spawner: Spawner
    root: Path

    @property
    def gateways(self) -> list[Gateway]:
        return self.kubelet.gateways

    @property
    def leader(self) -> Operator:
        return next(one for one in self.operators if one.process.pid is not None and one.leads())

    def lease(self) -> dict[str, Any]:
        return self.cluster.request("GET", LEASE.format(self.installed.namespace, self.installed.name))

    def epoch(self) -> int:
        return int(self.lease()["metadata"]["annotations"]["turnout.dev/epoch"])

    def delete_lease(self) -> None:
        self.cluster.request("DELETE", LEASE.format(self.installed.namespace, self.installed.name))

    def pushes(self) -> list[float]:
        return [one.metric("turnout_config_pushes_total") for one in self.gateways]

    def in_step(self) -> None:
        """Wait until an operator leads and every gateway is connected to it and runs what is wanted."""

        def probe() -> bool:
            alive = [one for one in self.operators if one.process.pid is not None]
            leaders = [one for one in alive if one.leads()]
            states = leaders[0].states(NAMESPACE) if leaders else {}
            return all(states.get(pod) == "SYNCED" for pod in self.kubelet.running)

        eventually("every gateway is in step", probe, 90)

    def edit(self, timeout: str) -> None:
        """Change a route and wait until every gateway has acknowledged that."""
        self.patch("modelroutes", "assistant", {"spec": {"timeouts": {"request": timeout}}})
        self.programmed("assistant")

    def patch(self, plural: str, name: str, change: dict[str, Any]) -> None:
        self.cluster.kubectl("patch", plural, name, "-n", NAMESPACE, "--type=merge", "-p", json.dumps(change))

    def programmed(self, name: str) -> None:
        probe = has_condition(self.cluster, NAMESPACE, "modelroutes", name, "Programmed", "True")
        eventually(f"route {name} is programmed", probe, 90)

    def apply(self, *objects: dict[str, Any]) -> None:
        self.cluster.apply([here(item) for item in objects], namespace=NAMESPACE)

    def delete(self, *what: str) -> None:
        self.cluster.kubectl("delete", "-n", NAMESPACE, "--wait=true", *what)


@pytest.fixture(scope="module")
def spawner() -> Iterator[Spawner]:
    running = Spawner()
    yield running
    running.close()


@pytest.fixture(scope="module")
def spans() -> Iterator[SpanReceiver]:
    with SpanReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def stage(
    cluster: Cluster,
    turnout_installed: Installed,
    spans: SpanReceiver,
    spawner: Spawner,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    root = tmp_path_factory.mktemp("main-job")
    openai, in_house = (Provider(name, root=root, spawner=spawner) for name in ("openai", "in-house"))
    first, second = (Operator(turnout_installed, f"operator-{n}", root, spawner) for n in (0, 1))
    addresses = [one.address for one in (first, second)]
    kubelet = Kubelet(cluster, NAMESPACE, root, spawner, addresses, "demo-shop")
    made = Stage(cluster, turnout_installed, (first, second), kubelet, openai, in_house, spans, spawner, root)
    try:
        for one in (openai, in_house):
            one.start()
        first.start()
        for one in (openai, in_house):
            one.wait_ready()
        cluster.create_namespace(NAMESPACE, RESTRICTED)
        cluster.kubectl("apply", "-f", str(_quickstart(made)))
        wait_for_pods(cluster, NAMESPACE, 2)
        kubelet.settle(2)
        made.in_step()
        yield made
    finally:
        kubelet.close()
        for process in (first.process, second.process, openai.process, in_house.process):
            process.stop()
        cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false", check=False)


def _quickstart(made: Stage) -> Path:
    """The quick start, in our namespace and with our addresses."""
    folder = made.root / "quickstart"
    folder.mkdir()
    changes = {
        "namespace: demo": f"namespace: {NAMESPACE}",
        "http://127.0.0.1:9001/v1": made.openai.url,
        "http://127.0.0.1:9002/v1": made.in_house.url,
        'sampling: "1"': f'sampling: "1", otlpEndpoint: "{made.spans.url}"',
    }
    for path in QUICKSTART.iterdir():
        text = path.read_text(encoding="utf-8")
        for old, new in changes.items():
            text = text.replace(old, new)
        (folder / path.name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def _calm(stage: Stage) -> None:
    for one in (stage.openai, stage.in_house):
        one.forget()


def here(item: dict[str, Any]) -> dict[str, Any]:
    """An object in our namespace."""
    return {**item, "metadata": {"name": item["metadata"]["name"], "namespace": NAMESPACE}}


def uncached(running: Gateway, model: str, text: str = "Who answers?", **headers: str) -> Answer:
    return running.ask(model, text, headers={"x_turnout_cache": "no-cache", **headers})


def test_all_that_was_applied_is_accepted_resolved_and_programmed_at_its_generation(stage: Stage) -> None:
    for plural, name in OBJECTS:
        good = partial(all_conditions, stage.cluster, NAMESPACE, plural, name)
        eventually(f"{plural}/{name} is good", lambda good=good: good() == GOOD)  # type: ignore[misc]
        conditions = custom(stage.cluster, NAMESPACE, plural, name)["status"]["conditions"]
        assert [one["type"] for one in conditions if "Waiting" in one["message"] or one["reason"] == "Pending"] == []
    listed = stage.cluster.kubectl("get", "turnout", "-n", NAMESPACE, "-o", "name").stdout.split()
    assert len(listed) == len(OBJECTS)


def test_calls_are_answered_by_gateways_that_got_their_configuration_by_push(stage: Stage) -> None:
    wanted = custom(stage.cluster, NAMESPACE, "modelgateways", "default")["status"]["version"]
    for one in stage.gateways:
        client = one.openai()
        raw = client.chat.completions.with_raw_response.create(
            model="assistant", messages=[{"role": "user", "content": "What is a turnout?"}]
        )
        assert raw.headers["x-turnout-config"] == wanted
        assert raw.headers["x-turnout-backend"] == "in-house/llama-4-8b"
        assert raw.parse().choices[0].message.content
        assert {item.id for item in client.models.list()} == {"assistant", "claim-triage", "text-embedding-3-small"}
        assert len(client.embeddings.create(model="text-embedding-3-small", input="turnout").data) == 1
        stream = client.chat.completions.create(
            model="assistant", messages=[{"role": "user", "content": "Streamed?"}], stream=True
        )
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        assert one.metric("turnout_config_pushes_total", result="acknowledged") >= 1
    assert (
        uncached(stage.gateways[0], "assistant", x_turnout_sensitivity="Confidential").headers["x-turnout-rule"]
        == "private"
    )
    assert uncached(stage.gateways[0], "assistant-pro").headers["x-turnout-backend"] == "openai/gpt-5"
    assert stage.gateways[0].ask("assistant", "Whose key?", key="no-such-key").status == 401


def test_personal_data_leaves_masked_and_a_denied_question_not_at_all(stage: Stage) -> None:
    for running in stage.gateways:
        asked = "Write to ann.lee@example.org that card 4111 1111 1111 1111 was charged twice."
        assert uncached(running, "assistant", asked).status == 200
        assert uncached(running, "assistant", "What is Project Osprey?").status == 403
    left = json.dumps([stage.openai.calls, stage.in_house.calls])
    assert left.count("<EMAIL_") == len(stage.gateways)
    assert "ann.lee" not in left
    assert "4111" not in left
    assert "Osprey" not in left


def test_the_same_question_and_one_that_means_the_same_are_answered_from_the_cache(stage: Stage) -> None:
    running = stage.gateways[0]

    def looked_up() -> Answer | None:
        answer = running.ask("assistant", QUESTION)
        return None if answer.cache == "bypass" else answer  # a busy machine's store may be too slow, and is passed by

    first = eventually("a look-up in time", looked_up)

    def from_cache(text: str, wanted: str) -> Answer:
        def probe() -> Answer | None:
            answer = running.ask("assistant", text, headers={"x_turnout_cache": "no-store"})
            return answer if answer.cache == wanted else None

        return eventually(f"a hit ({wanted})", probe)

    assert from_cache(QUESTION, "exact").text == first.text
    semantic = from_cache(REPHRASED, "semantic")
    assert semantic.text == first.text
    assert semantic.headers["x-turnout-cost-usd"] == "0"
    assert running.ask("assistant", QUESTION, key="demo-support").cache in {"miss", "bypass"}


def test_every_call_is_told_to_the_otlp_receiver(stage: Stage) -> None:
    pod, running = next(iter(stage.kubelet.running.items()))
    answer = uncached(running, "assistant", x_turnout_outcome_id="claim-4711")
    call = stage.spans.call(answer.headers["x-turnout-request-id"])
    assert call.server["turnout.route"] == "assistant"
    assert call.server["turnout.team"] == "shop"
    assert call.server["turnout.outcome_id"] == "claim-4711"
    assert call.server.resource["service.namespace"] == NAMESPACE
    assert call.server.resource["service.instance.id"] == pod
    assert [span["turnout.backend"] for span in call.attempts] == ["in-house/llama-4-8b"]


def test_an_edited_route_is_live_in_every_gateway_once_it_is_programmed(stage: Stage) -> None:
    before = custom(stage.cluster, NAMESPACE, "modelroutes", "assistant")
    swap = [
        {"op": "replace", "path": "/spec/rules/2/backendRefs/0/priority", "value": 1},
        {"op": "replace", "path": "/spec/rules/2/backendRefs/1/priority", "value": 0},
    ]
    patch = ["patch", "modelroutes", "assistant", "-n", NAMESPACE, "--type=json", "-p"]
    stage.cluster.kubectl(*patch, json.dumps(swap))
    stage.programmed("assistant")
    # Programmed means that every gateway has acknowledged: no call after it may still go the old way.
    assert [uncached(one, "assistant").headers["x-turnout-backend"] for one in stage.gateways] == [
        "openai/gpt-5-mini"
    ] * 2
    after = custom(stage.cluster, NAMESPACE, "modelroutes", "assistant")
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    back = [{**change, "value": 1 - int(str(change["value"]))} for change in swap]
    stage.cluster.kubectl(*patch, json.dumps(back))
    stage.programmed("assistant")
    assert [uncached(one, "assistant").headers["x-turnout-backend"] for one in stage.gateways] == [
        "in-house/llama-4-8b"
    ] * 2


def test_an_invalid_resource_is_flagged_while_its_neighbours_serve_and_a_deleted_route_is_gone(stage: Stage) -> None:
    odd = here(route("odd", "openai/gpt-5", timeouts={"request": "never"}))
    refused = stage.cluster.kubectl("apply", "-n", NAMESPACE, "-f", "-", input=json.dumps(odd), check=False)
    assert refused.returncode == 1
    assert "spec.timeouts.request" in refused.stderr
    stage.apply(route("lost", "nobody/model"), route("found", "in-house/llama-4-8b"))
    eventually("it is flagged", has_condition(stage.cluster, NAMESPACE, "modelroutes", "lost", "ResolvedRefs", "False"))
    stage.programmed("found")
    assert "nobody" in condition(custom(stage.cluster, NAMESPACE, "modelroutes", "lost"), "ResolvedRefs")["message"]
    for one in stage.gateways:
        assert uncached(one, "lost").status == 503
        assert uncached(one, "found").status == 200
        assert uncached(one, "assistant").status == 200
    assert all_conditions(stage.cluster, NAMESPACE, "modelroutes", "assistant") == GOOD

    stage.delete("modelroute/lost", "modelroute/found")

    def gone() -> bool:
        return all(uncached(one, name).status == 404 for one in stage.gateways for name in ("lost", "found"))

    eventually("they are gone", gone)


def test_a_model_that_its_provider_does_not_have_is_named_in_the_status_until_it_is_mended(
    stage: Stage, tmp_path: Path
) -> None:
    picky = Provider("picky", "--models", "small", root=tmp_path, spawner=stage.spawner)
    picky.start()
    try:
        picky.wait_ready()
        stage.apply(provider("picky", picky.url, model("small"), model("smal")), route("picky", "picky/small"))
        resolved = partial(has_condition, stage.cluster, NAMESPACE, "modelproviders", "picky", "ResolvedRefs")
        found = eventually("it is found", resolved("False", "ModelNotFound"), 60)
        assert found["message"] == "the provider says that there is no model smal"
        stage.programmed("picky")
        assert uncached(stage.gateways[0], "picky").status == 200
        printed = CliRunner().invoke(main, ["status", "--url", stage.leader.url, "-n", NAMESPACE])
        assert f"{NAMESPACE}: the provider picky has no model smal" in printed.output
        assert [call["method"] for call in picky.calls] == ["POST"]
        stage.apply(provider("picky", picky.url, model("small")))
        eventually("it is mended", resolved("True"), 60)
    finally:
        stage.delete("modelprovider/picky")
        stage.delete("modelroute/picky")
        picky.process.stop()

    def gone() -> bool:
        return all(uncached(one, "picky").status == 404 for one in stage.gateways)

    eventually("every gateway is as before", gone)


def test_status_is_printed_for_each_gateway(stage: Stage) -> None:
    stage.in_step()
    done = CliRunner().invoke(main, ["status", "--url", stage.leader.url, "--namespace", NAMESPACE])
    assert done.exit_code == 0, done.output
    assert all(pod in done.output for pod in stage.kubelet.running)
    assert done.output.count("SYNCED") == 2
    done = CliRunner().invoke(main, ["status", "--url", stage.leader.url, "--namespace", NAMESPACE, "--output", "json"])
    version = json.loads(done.output)["namespaces"][NAMESPACE]["version"]
    assert version == uncached(stage.gateways[0], "assistant").headers["x-turnout-config"]


def test_an_operator_that_was_killed_comes_back_without_a_push_or_a_change_of_status(stage: Stage) -> None:
    stage.in_step()
    leader, pushes = stage.leader, stage.pushes()
    objects = [custom(stage.cluster, NAMESPACE, plural, name) for plural, name in OBJECTS]
    leader.kill()
    assert [uncached(one, "assistant").status for one in stage.gateways] == [200, 200]
    leader.start()
    stage.in_step()
    eventually("each is confirmed", lambda: all(one.metric("turnout_config_degraded") == 0 for one in stage.gateways))
    assert stage.pushes() == pushes
    for (plural, name), before in zip(OBJECTS, objects, strict=True):
        now = custom(stage.cluster, NAMESPACE, plural, name)
        assert condition(now, "Programmed") == condition(before, "Programmed"), f"{plural}/{name}"
    stage.edit("41s")


def test_gateways_start_without_the_operator_from_what_was_last_good_and_only_from_that(stage: Stage) -> None:
    stage.in_step()
    leader = stage.leader
    leader.kill()
    (_, kept), (pod, emptied) = stage.kubelet.running.items()
    version = uncached(kept, "assistant").headers["x-turnout-config"]
    kept.stop()
    kept.start()
    assert uncached(kept, "assistant").headers["x-turnout-config"] == version
    assert kept.metric("turnout_config_degraded") == 1

    emptied.stop()
    shutil.rmtree(stage.kubelet.state(pod))
    emptied.start(ready=False)
    eventually("its admin port answers", lambda: emptied.admin("/healthz")[0] == 200, 60)
    eventually("it looks for the operator", lambda: "cannot be reached" in emptied.log)
    assert not emptied.ready()
    assert uncached(emptied, "assistant").status == 503

    leader.start()
    stage.kubelet.settle(2)
    stage.in_step()
    assert kept.metric("turnout_config_degraded") == 0


def test_a_gateway_of_another_account_audience_or_namespace_gets_nothing(stage: Stage) -> None:
    cluster, kubelet = stage.cluster, stage.kubelet
    pod = kubelet.pods()[0]
    template = there(cluster, NAMESPACE, "deployments", "turnout-gateway", "/apis/apps/v1")
    assert template is not None
    elsewhere = f"{NAMESPACE}-elsewhere"
    cluster.create_namespace(elsewhere, RESTRICTED)
    accounts = ((NAMESPACE, "default"), (elsewhere, "turnout-gateway"))
    account = {"metadata": {"name": "turnout-gateway"}}
    cluster.request("POST", f"/api/v1/namespaces/{elsewhere}/serviceaccounts", account)
    for where, name in accounts:
        spec = {**template["spec"]["template"]["spec"], "serviceAccountName": name}
        body = {"metadata": {"name": "impostor"}, "spec": spec}
        cluster.request("POST", f"/api/v1/namespaces/{where}/pods", body)
    own = pod["metadata"]["name"]
    tokens = {
        "account": cluster.service_account_token(NAMESPACE, "default", audience=AUDIENCE, bound_pod="impostor"),
        "audience": cluster.service_account_token(NAMESPACE, "turnout-gateway", audience="vault", bound_pod=own),
        "no pod": cluster.service_account_token(NAMESPACE, "turnout-gateway", audience=AUDIENCE),
        "namespace": cluster.service_account_token(
            elsewhere, "turnout-gateway", audience=AUDIENCE, bound_pod="impostor"
        ),
    }
    impostors = {what: kubelet.gateway(pod, token=token).start(ready=False) for what, token in tokens.items()}
    said = {
        "account": "refuses this gateway's token for good",
        "audience": "answered 401",
        "no pod": "refuses this gateway's token for good",
        # This one is let in, as what its token says that it is: a gateway of a namespace that has no resources.
        "namespace": "connected to the operator",
    }
    try:
        for what, text in said.items():
            eventually(f"the one of another {what} says {text!r}", lambda w=what, t=text: t in impostors[w].log, 60)  # type: ignore[misc]
        assert "impostor" not in stage.leader.states(NAMESPACE)
        for what in ("account", "audience", "no pod"):
            assert not impostors[what].ready(), what
            assert impostors[what].metric("turnout_config_pushes_total") == 0, what
        stranger = impostors["namespace"]
        eventually("it runs what is its own", lambda: elsewhere in stranger.admin("/debug/snapshot")[1])
        snapshot = json.loads(stranger.admin("/debug/snapshot")[1])
        assert (snapshot["namespace"], snapshot.get("routes", [])) == (elsewhere, [])
        assert uncached(stranger, "assistant").status == 404
        assert not any(token in one.log for token in tokens.values() for one in impostors.values())
    finally:
        for one in impostors.values():
            one.process.stop()
        cluster.kubectl("delete", "pod", "impostor", "-n", NAMESPACE, "--wait=false", "--force")
        cluster.kubectl("delete", "namespace", elsewhere, "--wait=false")
    stage.in_step()


def test_a_new_providers_secret_reaches_only_gateways_that_have_it(stage: Stage, tmp_path: Path) -> None:
    key = "canary-of-the-new-provider"
    locked = Provider("locked", root=tmp_path, spawner=stage.spawner, env={"TURNOUT_SIMULATOR_KEY": key})
    locked.start()
    old = dict(stage.kubelet.running)
    before = uncached(stage.gateways[0], "assistant").headers["x-turnout-config"]
    try:
        locked.wait_ready()
        stage.apply(
            secret("locked", key), provider("locked", locked.url, secret_name="locked"), route("late", "locked/small")
        )
        pending = has_condition(
            stage.cluster, NAMESPACE, "modelroutes", "late", "Programmed", "False", "RolloutPending"
        )
        eventually("the rollout is waited for", pending)
        for one in old.values():
            answer = uncached(one, "assistant")
            assert (answer.status, answer.headers["x-turnout-config"]) == (200, before)
            assert uncached(one, "late").status == 404
        wait_for_pods(stage.cluster, NAMESPACE, 3)

        def rolled() -> bool:
            stage.kubelet.sync()
            names = set(stage.kubelet.running)
            return len(names) == 2 and not names & set(old) and all(one.ready() for one in stage.gateways)

        eventually("all pods are new ones", rolled, 120)
        stage.programmed("late")
        assert [uncached(one, "late").status for one in stage.gateways] == [200, 200]
        assert all(key not in one.log for one in (*old.values(), *stage.gateways))
        listed = stage.cluster.kubectl("get", "turnout,configmaps,deployments", "-n", NAMESPACE, "-o", "json").stdout
        assert key not in listed
        stage.delete("modelroute/late", "modelprovider/locked", "secret/locked")
        eventually("the route is gone", lambda: all(uncached(one, "late").status == 404 for one in stage.gateways))
        stage.kubelet.settle(2)
    finally:
        locked.process.stop()


def test_a_second_operator_takes_the_lease_of_one_that_was_killed(stage: Stage) -> None:
    stage.in_step()
    old = stage.leader
    new = next(one for one in stage.operators if one is not old)
    new.start()
    assert not new.leads()
    pushes, epoch = stage.pushes(), stage.epoch()
    old.kill()
    eventually("the second leads", new.leads)
    stage.in_step()
    assert stage.pushes() == pushes
    assert stage.epoch() > epoch
    stage.edit("42s")
    assert [uncached(one, "assistant").status for one in stage.gateways] == [200, 200]


def _both(stage: Stage) -> tuple[Operator, Operator]:
    """Leader and standby, both at work."""
    for one in stage.operators:
        if one.process.pid is None:
            one.start()
    stage.in_step()
    leader = stage.leader
    return leader, next(one for one in stage.operators if one is not leader)


def _same_version(stage: Stage, name: str) -> None:
    wanted = custom(stage.cluster, NAMESPACE, "modelgateways", "default")["status"]["version"]
    assert [uncached(one, name).headers["x-turnout-config"] for one in stage.gateways] == [wanted] * 2


def test_a_leader_that_was_paused_comes_back_and_changes_nothing(stage: Stage) -> None:
    old, new = _both(stage)
    epoch = stage.epoch()
    old.pause()
    eventually("the other leads", new.leads)
    stage.edit("43s")  # the gateways find their silent connections dead first
    pushes = stage.pushes()
    old.resume()
    eventually("it knows that it leads no more", lambda: fetch(f"{old.url}/readyz")[0] == 200 and not old.leads())
    stage.edit("44s")
    assert [now - before for now, before in zip(stage.pushes(), pushes, strict=True)] == [1, 1]
    assert [one.metric("turnout_config_pushes_total", result="staleepoch") for one in stage.gateways] == [0, 0]
    assert new.leads()
    assert stage.epoch() > epoch
    _same_version(stage, "assistant")


def test_a_lease_deleted_and_made_anew_within_a_second_fences_off_the_leader_before(stage: Stage) -> None:
    old, new = _both(stage)
    epoch = stage.epoch()
    old.pause()
    stage.delete_lease()
    eventually("the other leads", new.leads)
    made_anew = stage.lease()
    old.resume()  # within what it believes to be its term, if the machine is not too busy
    eventually("it knows that it leads no more", lambda: not old.leads())
    stage.in_step()
    stage.edit("45s")
    # Nobody waited for the old Lease to run out: this one has had no other holder.
    assert (made_anew["spec"]["holderIdentity"], made_anew["spec"]["leaseTransitions"]) == (new.name, 0)
    assert stage.epoch() > epoch
    assert new.leads()
    _same_version(stage, "assistant")


def test_an_operator_whose_clock_was_set_back_leads_above_all_that_gateways_have_seen(stage: Stage) -> None:
    old, new = _both(stage)
    epoch = stage.epoch()
    for one in (old, new):
        one.kill()
    stage.delete_lease()
    new.start(clock_shift=-3600)
    stage.in_step()
    assert stage.epoch() > epoch
    stage.edit("46s")
    assert stage.epoch() < epoch + 60_000, "it went above the gateways, not back to a true clock"
    _same_version(stage, "assistant")


def test_nothing_was_dropped_on_the_way(stage: Stage) -> None:
    for one in stage.gateways:
        assert "Traceback" not in one.log
        statuses = {line["status"] for line in one.lines()}
        assert statuses <= {200, 401, 404, 503}
    for operator in stage.operators:
        assert "Traceback" not in operator.process.log.read_text()
