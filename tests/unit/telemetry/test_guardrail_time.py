"""What the trail says that guardrails took is the looking alone: not what providers took, also not when they were asked again."""

import orjson

from gateway_rig import call, chat
from guard_rig import Echo, a_guard, guarded
from turnout_contract.snapshot import codec, guards
from turnout_sidecar.ports.clock import FakeClock
from turnout_sidecar.ports.secrets import FakeSecrets
from turnout_sidecar.ports.telemetry import FakeTelemetry
from turnout_sidecar.server import Gateway, GatewaySettings

SCHEMA = {"type": "object", "required": ["answer"]}


async def test_the_time_of_an_answer_that_is_asked_for_again_is_not_the_guards() -> None:
    clock, telemetry = FakeClock(), FakeTelemetry()
    answers = iter(["no JSON", '{"answer": 1}'])

    def slowly(_: dict[str, object]) -> str:
        clock.advance(5)
        return next(answers)

    echo = Echo(slowly)
    snapshot = guarded(a_guard(schemas=(guards.AnswerSchema("shape", "Retry", schema=SCHEMA),)))
    gateway = Gateway(GatewaySettings(port=0), secrets=FakeSecrets(), upstream=echo, telemetry=telemetry, clock=clock)
    await gateway.start()
    try:
        data = codec.encode(snapshot)
        gateway.apply(data, codec.version(data))
        reply = await call(gateway, chat(text="Tell me."))
    finally:
        await gateway.stop(0.2)

    assert orjson.loads(reply.json["choices"][0]["message"]["content"]) == {"answer": 1}
    trail = telemetry.ended[-1].guard
    assert len(echo.requests) == 2
    assert (trail.input_ns, trail.output_ns) == (0, 0), "the clock moves while a provider is asked, and then alone"
    assert trail.output_span is not None
