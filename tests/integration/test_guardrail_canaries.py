"""A hundred people and a hundred secrets go through every path with every fault of its provider, and turn up nowhere.

One gateway as a process, which tells as much as it ever does and keeps all that it can. Each person comes with a secret; whatever
becomes of the call, none of the values is in the log, in spans with captured content, in metrics, in the snapshot that it
shows, in its state folder with the cache in it, or at a provider; and where there is an answer, its caller gets the values back.
"""

import base64
import itertools
import json
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from canaries import Canary, people, secrets
from canary_search import Search
from cluster.processes import Spawner
from doubles.echo_provider import EchoProvider
from support.keys import Keys
from support.resources import Folder, cache, client, gateway, model, provider, resource, route, secret
from support.spans import SpanReceiver
from support.turnout import CHAT, Answer, Gateway, Json, Provider

PEOPLE, SECRETS = people(), secrets()
SEARCH = Search([*(canary for person in PEOPLE for canary in person), *SECRETS])
PLACEHOLDER = b"<EMAIL_"
MASK: Json = {
    "input": {"pii": {"action": "Mask"}, "secrets": {"action": "Mask"}},
    "output": {"pii": {"action": "Mask"}},
}
BLOCK: Json = {"input": {"pii": {"action": "Block"}, "secrets": {"action": "Block"}}}
QUICK = {"request": "4s", "firstToken": "1s", "streamIdle": "1s"}
SIMULATED = ("", "status=500", "status=429,retry_after=1", "status=400", "status=503", "cut=3", "malformed",
             "error-event", "no-end", "usage=none", "usage=wrong", "oversized=20000", "drip=3ms")  # fmt: skip
ECHOED = ("", "error", "quoting-500", "cut", "malformed", "error-event")


class Bundle:
    """What one call brings: all values of a person, and a secret."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.canaries: tuple[Canary, ...] = (*PEOPLE[number], SECRETS[number])
        self.texts = [canary.text for canary in self.canaries]

    @property
    def text(self) -> str:
        """All in one text."""
        return "\n".join([f"Case {self.number}.", *self.texts])


def _refs(*routes: str) -> Json:
    return {"targetRefs": [{"kind": "ModelRoute", "name": name} for name in routes]}


@pytest.fixture
def echo() -> Iterator[EchoProvider]:
    with EchoProvider() as provider:
        yield provider


@pytest.fixture
def claude(tmp_path: Path, spawner: Spawner, keys: Keys) -> Iterator[Provider]:
    env = {"TURNOUT_SIMULATOR_KEY": keys.alpha}
    one = Provider("claude", "--protocol", "anthropic", root=tmp_path, spawner=spawner, env=env)
    one.start()
    one.wait_ready()
    yield one
    one.process.stop()


@pytest.fixture
def guarded(
    start: Any,
    tmp_path: Path,
    alpha: Provider,
    beta: Provider,
    claude: Provider,
    echo: EchoProvider,
    spans: SpanReceiver,
    keys: Keys,
) -> Gateway:
    """A gateway of its own, that tells as much as it ever does."""
    telemetry = {"otlpEndpoint": spans.url, "sampling": "1", "captureContent": True}
    masking = {"name": "masking", "key": "key"}
    embedding, sonnet = model("embed", "Embeddings"), model("claude-sonnet-4-5")
    folder = Folder(tmp_path / "guarded")
    folder.write(
        "all.yaml",
        gateway(client("app", "Outcome"), telemetry=telemetry, maskingKeySecretRef=masking),
        *(secret(name, value) for name, value in (("app", keys.app), ("alpha", keys.alpha), ("masking", "m" * 48))),
        provider("alpha", alpha.url, model("small"), embedding, secret_name="alpha"),
        provider("beta", beta.url),
        provider("claude", claude.url, sonnet, secret_name="alpha", protocol="Anthropic"),
        provider("echo", echo.url, model("echo")),
        *_routes(),
        *_policies(f"{echo.url}/detect"),
        cache("kept", "plain", "echo", "triage", mode="Semantic"),
    )
    running: Gateway = start(folder, "--state", str(tmp_path / "state"), key=keys.app)
    return running


def _routes() -> list[Json]:
    templates = {"name": "v1", "messages": [{"role": "user", "content": "Sort it: {{ claim }}"}]}
    variables = {"type": "object", "required": ["claim"], "properties": {"claim": {"type": "string"}}}
    return [
        route("plain", "alpha/small", timeouts=QUICK, models=["plain", "gpt-*"]),
        route("again", "alpha/small", "beta/small", retry={"attempts": 2}, timeouts=QUICK),
        route("sonnet", "claude/claude-sonnet-4-5", timeouts=QUICK),
        route("embed", "alpha/embed"),
        route("echo", "echo/echo", timeouts=QUICK),
        route("triage", "alpha/small", promptTemplateRef={"name": "triage"}, timeouts=QUICK),
        route("closed", "alpha/small"),
        route("unsure", "alpha/small"),
        route("quoted", "alpha/small", timeouts=QUICK),
        route("shaped", "echo/echo", timeouts=QUICK),
        resource("PromptTemplate", "triage", {"variables": variables, "active": "v1", "versions": [templates]}),
    ]


def _policies(detector: str) -> list[Json]:
    """`detector` fails, and quotes what it was shown."""
    away = {"name": "away", "url": "http://127.0.0.1:9/detect"}
    quotes = {"name": "quotes", "url": detector, "failureMode": "FailOpen", "flags": {"action": "Monitor"}}
    shape = {**MASK["output"], "jsonSchema": {"onViolation": "Retry"}}
    specs: dict[str, Json] = {
        "mask": {**MASK, **_refs("plain", "again", "sonnet", "embed", "echo", "triage")},
        "block": {**BLOCK, **_refs("closed")},
        "unsure": {**MASK, **_refs("unsure"), "plugins": [away]},
        "quoted": {**MASK, **_refs("quoted"), "plugins": [quotes]},
        "shaped": {**MASK, **_refs("shaped"), "output": shape},
    }
    return [resource("GuardrailPolicy", name, spec) for name, spec in specs.items()]


def chat(name: str, bundle: Bundle, **more: Any) -> Json:
    """A chat call that brings it in a text of the user's."""
    return {"model": name, "messages": [{"role": "user", "content": bundle.text}], **more}


def spread(name: str, bundle: Bundle) -> Json:
    """A chat call that brings each value in another place."""
    texts = bundle.texts
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": json.dumps({"for": texts[3]})}}
    parameters = {"type": "object", "properties": {"for": {"type": "string", "default": texts[5]}}}
    return {
        "model": name,
        "messages": [
            {"role": "system", "content": texts[0]},
            {"role": "user", "content": [{"type": "text", "text": texts[1]}, {"type": "text", "text": texts[2]}]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": texts[4]},
            {"role": "user", "content": texts[6] + texts[7], "name": "somebody"},
        ],
        "tools": [
            {"type": "function", "function": {"name": "look", "parameters": parameters, "description": texts[6]}}
        ],
        "metadata": {"note": texts[8][:500]},
        "stop": [texts[7]],
    }


def responses(name: str, bundle: Bundle, **more: Any) -> Json:
    """A call of the Responses API."""
    return {"model": name, "input": bundle.text, "instructions": bundle.texts[0], "store": False, **more}


def messages(name: str, bundle: Bundle, **more: Any) -> Json:
    """A call of Anthropic's API."""
    said = [{"role": "user", "content": [{"type": "text", "text": bundle.text}]}]
    return {"model": name, "max_tokens": 100, "system": bundle.texts[0], "messages": said, **more}


def counted(name: str, bundle: Bundle) -> Json:
    """How many tokens it would be."""
    return {member: value for member, value in messages(name, bundle).items() if member != "max_tokens"}


def shaped(name: str, bundle: Bundle) -> Json:
    """A call whose answer must have a shape, which tells of it too."""
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer", "description": bundle.texts[0]}},
        "required": ["a"],
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "shape", "schema": schema}}
    return chat(name, bundle, response_format=wanted)


Ask = Callable[[Gateway, Bundle], Answer]
STREAM: Json = {"stream": True}
PATHS: tuple[Ask, ...] = (
    lambda to, it: to.post(chat("plain", it)),
    lambda to, it: to.post(chat("plain", it, **STREAM)),
    lambda to, it: to.post(spread("plain", it)),
    lambda to, it: to.post(chat("again", it)),
    lambda to, it: to.post(chat("again", it, **STREAM)),
    lambda to, it: to.post(responses("plain", it), "/v1/responses"),
    lambda to, it: to.post(responses("plain", it, **STREAM), "/v1/responses"),
    lambda to, it: to.post(messages("plain", it), "/v1/messages"),
    lambda to, it: to.post(messages("plain", it, **STREAM), "/v1/messages"),
    lambda to, it: to.post({"model": "embed", "input": it.texts}, "/v1/embeddings"),
    lambda to, it: to.post({"model": "triage", "prompt": {"variables": {"claim": it.text}}}),
    lambda to, it: to.post(chat("quoted", it)),
)
ANTHROPIC: tuple[Ask, ...] = (
    lambda to, it: to.post(messages("sonnet", it), "/v1/messages"),
    lambda to, it: to.post(messages("sonnet", it, **STREAM), "/v1/messages"),
    lambda to, it: to.post(chat("sonnet", it)),
    lambda to, it: to.post(chat("sonnet", it, **STREAM)),
    lambda to, it: to.post(counted("sonnet", it), "/v1/messages/count_tokens"),
)


TO_ECHO: tuple[Ask, ...] = (
    lambda to, it: to.post(chat("echo", it)),
    lambda to, it: to.post(chat("echo", it, **STREAM)),
    lambda to, it: to.post(shaped("shaped", it)),
    lambda to, it: to.post({**shaped("shaped", it), **STREAM}),
)


def _every_kind_of_call(to: Gateway, alpha: Provider, claude: Provider, echo: EchoProvider) -> None:
    """Every path with every fault of the provider at its end; each bundle goes one way at least, most go several."""
    bundles = map(Bundle, itertools.cycle(range(len(PEOPLE))))
    for paths, simulated in ((PATHS, alpha), (ANTHROPIC, claude)):
        for ask, fault in itertools.product(paths, SIMULATED):
            with _fault(simulated, fault):
                ask(to, next(bundles))
    for ask, fault in itertools.product(TO_ECHO, ECHOED):
        echo.next_faults.append(fault)
        ask(to, next(bundles))
        echo.next_faults.clear()


@contextmanager
def _fault(provider: Provider, fault: str) -> Iterator[None]:
    provider.prescribe(*([f"{fault} x3"] if fault else []))
    yield
    provider.prescribe()


def _whatever_is_refused(to: Gateway) -> None:
    """Calls that never get to a provider, or are not even calls."""
    for number in range(20):
        bundle = Bundle(number)
        plain = chat("plain", bundle)
        mail = bundle.canaries[0].value
        assert to.post(chat("closed", bundle)).status == 403
        assert to.post(chat("unsure", bundle)).status == 503
        assert to.post(plain, key="no-such-key").status == 401
        assert to.post({**plain, "model": mail}).status == 404
        assert to.post({**plain, "messages": bundle.text}).status == 400
        assert to.post(json.dumps(plain).encode()[:-3]).status == 400
        assert to.post(plain, "/v1/" + mail).status == 404
        assert to.post({"model": "triage", "prompt": {"variables": {"other": bundle.text}}}).status == 400
        to.post(plain, x_turnout_cache=bundle.texts[0])
        assert to.post({**plain, "model": f"gpt-{mail}"}, x_turnout_outcome_id=bundle.texts[1]).status == 200
        assert to.post({**plain, "model": "closed"}, x_turnout_outcome_id=mail, tracestate=f"x={mail}").status == 403
        to.post({**plain, "temperature": bundle.text, "n": bundle.text})


def _whoever_leaves(to: Gateway) -> None:
    """Callers that hang up in the middle of a stream."""
    for number in range(5):
        body = json.dumps(chat("echo", Bundle(number), stream=True, max_tokens=99)).encode()
        with closing(socket.create_connection(("127.0.0.1", to.port), timeout=20)) as raw:
            head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {to.key}\r\ncontent-length: {len(body)}\r\n\r\n"
            raw.sendall(head.encode() + body)
            raw.recv(100)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_no_canary_is_in_what_the_gateway_says_or_keeps(
    guarded: Gateway,
    tmp_path: Path,
    alpha: Provider,
    beta: Provider,
    claude: Provider,
    echo: EchoProvider,
    spans: SpanReceiver,
) -> None:
    before = len(spans.bodies)
    _every_kind_of_call(guarded, alpha, claude, echo)
    _whatever_is_refused(guarded)
    _whoever_leaves(guarded)
    last = guarded.post(chat("plain", Bundle(99), temperature=0))
    spans.call(last.headers["x-turnout-request-id"])
    ended = {(line["endpoint"], line.get("route"), line["status"]) for line in guarded.lines()}
    masked = guarded.metric("turnout_guardrail_calls_total", outcome="changed")
    places = _said(guarded) | {one.name: json.dumps(one.calls) for one in (alpha, beta, claude)}
    places |= {"echo": b"\n".join(echo.bodies)}
    guarded.stop()
    places |= _kept(tmp_path / "state")
    places |= {f"spans {number}": body for number, body in enumerate(spans.bodies[before:])}
    places["log"] = guarded.log

    assert masked >= 100, "the policies did hold"
    for path in ("plain", "again", "sonnet", "embed", "echo", "triage", "quoted"):
        assert any(route == path and status == 200 for _, route, status in ended), path
    assert {("count_tokens", "sonnet", 200), ("chat", "shaped", 422)} <= ended
    assert PLACEHOLDER in b"".join(spans.bodies[before:]), "content was captured, as it was masked"
    assert all("<" in call["body"] for call in alpha.calls if call["method"] == "POST")
    assert echo.bodies
    assert SEARCH.found(places) == []


def _said(to: Gateway) -> dict[str, bytes | str]:
    status, snapshot = to.admin("/debug/snapshot")
    assert status == 200
    return {"metrics": to.metrics(), "snapshot": snapshot}


def _kept(state: Path) -> dict[str, bytes | str]:
    """All files, by their path."""
    files = [path for path in state.rglob("*") if path.is_file()]
    assert files
    return {str(path.relative_to(state)): path.read_bytes() for path in files}


def test_who_asks_gets_the_values_back_whole_or_in_a_stream(guarded: Gateway, echo: EchoProvider) -> None:
    for number in range(0, len(PEOPLE), 7):
        bundle = Bundle(number)
        whole = guarded.post(chat("echo", bundle))
        stream = guarded.post(chat("echo", bundle, stream=True))

        assert (whole.status, whole.text) == (200, bundle.text)
        assert (stream.status, stream.streamed_text) == (200, bundle.text)
        again = guarded.post(chat("echo", bundle))
        assert (again.cache, again.text) == ("exact", bundle.text)

    assert len(echo.bodies) >= len(range(0, len(PEOPLE), 7))
    assert SEARCH.found({"echo": b"\n".join(echo.bodies)}) == []


def test_what_a_policy_refuses_is_answered_without_what_was_found(guarded: Gateway) -> None:
    refused = guarded.post(chat("closed", Bundle(3)))

    assert (refused.status, refused.error["code"]) == (403, "guardrail_blocked")
    assert SEARCH.found({"answer": refused.body, "headers": json.dumps(refused.headers)}) == []
    line = guarded.line_of(refused.headers["x-turnout-request-id"])
    assert line["guardrail"] == "blocked"
    assert {verdict["done"] for verdict in line["guardrail_verdicts"]} >= {"blocked"}


def test_the_trail_names_what_was_masked_by_the_letters_of_its_placeholders(
    guarded: Gateway, echo: EchoProvider, spans: SpanReceiver
) -> None:
    answer = guarded.post(chat("echo", Bundle(11)))
    request_id = answer.headers["x-turnout-request-id"]
    line, call = guarded.line_of(request_id), spans.call(request_id)

    masked = [verdict for verdict in line["guardrail_verdicts"] if verdict.get("done") == "masked"]
    assert {verdict["rule"] for verdict in masked} >= {canary.entity for canary in PEOPLE[11]} | {"Secret"}
    digests = [digest for verdict in masked for digest in verdict["digests"]]
    assert all(digest.encode() in echo.bodies[-1] for digest in digests)
    assert (line["guardrail"], line["guardrail_policies"]) == ("changed", ["mask"])
    assert line["guardrail_restored"] == len(digests)
    assert call.server["turnout.guardrail.outcome"] == "changed"
    assert call.server["turnout.guardrail.restored"] == len(digests)
    assert {"turnout.guardrail.input", "turnout.guardrail.output"} <= {span.name for span in call.below}


def test_the_search_would_have_found_them(guarded: Gateway, echo: EchoProvider) -> None:
    bundle = Bundle(5)
    answer = guarded.post(chat("echo", bundle))

    found = SEARCH.found({"answer": base64.b64encode(answer.body)})

    assert {line.split(" ")[2] for line in found} >= {canary.entity for canary in bundle.canaries}
