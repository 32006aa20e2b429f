"""Which route and rule a call takes, how sensitive and how valuable it is, and what a model must be able to do for it.

Rules: a model that does not exist and one that the caller may not use are the same 404; closed gateways, routes and rules
are 503 with their reason, told only to those who may use them; sensitivity is the highest of the route's, the client's and
the header's.
"""

from turnout_sidecar.exchange.call import Exchange, Proceed, Response
from turnout_sidecar.exchange.errors import CallError, bad_request, closed, not_found
from turnout_sidecar.routing import RANK, LiveRule
from turnout_sidecar.runtime import Runtime, may_use
from turnout_sidecar.wire.openai_request import check_has_messages, needs
from turnout_sidecar.wire.registry import INBOUND
from turnout_sidecar.wire.responses.check import check_has_input
from turnout_sidecar.wire.responses.words import stateful_fields

STATEFUL = "Responses"
_ASKS = {"chat": check_has_messages, "responses": check_has_input}


async def resolve_route(exchange: Exchange, proceed: Proceed) -> Response:
    """Stage: fills in route, rule, sensitivity, value and needs. Raises CallError 404 and 503."""
    runtime: Runtime = exchange.runtime
    if runtime.gateway.closed is not None:
        raise CallError(503, "gateway_closed", f"The gateway is closed: {runtime.gateway.closed}")
    caller = exchange.caller
    live = runtime.routes.find(exchange.model)
    if caller is None or live is None or not may_use(caller, live.route):
        raise not_found(exchange.model)
    route = live.route
    exchange.route = route
    if route.closed is not None:
        raise closed(route.name, route.closed)
    if route.prompt is None:
        _check_asks(exchange)
    exchange.sensitivity = (
        route.sensitivity if RANK[route.sensitivity] >= RANK[caller.sensitivity] else caller.sensitivity
    )
    exchange.value = caller.value or (route.use_case.value if route.use_case is not None else "Normal")
    exchange.needs = _needs(exchange)
    rule = live.rule_for(exchange)
    if rule is None:
        raise CallError(503, "no_rule_matches", f"No rule of route {route.name} matches this call.")
    exchange.rule = rule.rule
    exchange.live_rule = rule
    _check_stateful(exchange, rule)
    if rule.rule.closed is not None:
        raise CallError(
            503, "rule_closed", f"Rule {rule.rule.name} of route {route.name} is closed: {rule.rule.closed}"
        )
    return await proceed(exchange)


def _check_asks(exchange: Exchange) -> None:
    """Raises CallError (400) where a call asks nothing."""
    check = _ASKS.get(exchange.endpoint.format)
    if check is not None and exchange.endpoint.needs:
        check(exchange.body)


def _needs(exchange: Exchange) -> frozenset[str]:
    """What a model must be able to do. Whatever leans on what one API keeps needs that API itself."""
    endpoint = exchange.endpoint
    inbound = None if endpoint.format == "chat" else INBOUND.get(endpoint.format)
    if inbound is None:
        return needs(exchange.body, endpoint.needs)
    found = inbound.needs(exchange.body) | {endpoint.needs}
    if endpoint.format == "responses" and stateful_fields(exchange.body):
        found |= {STATEFUL}
    return frozenset(found)


def _check_stateful(exchange: Exchange, rule: LiveRule) -> None:
    if STATEFUL in exchange.needs and not any(STATEFUL in backend.capabilities for backend in rule.backends):
        field = stateful_fields(exchange.body)[0]
        message = f"{field} needs a backend that speaks the Responses API itself, and this model has none."
        raise bad_request(message, param=field, code="not_stateful")
