"""Which route and rule a call takes, how sensitive and how valuable it is, and what a model must be able to do for it.

Rules: a model that does not exist and one that the caller may not use are the same 404; closed gateways, routes and rules
are 503 with their reason, told only to those who may use them; sensitivity is the highest of the route's, the client's and
the header's.
"""

from turnout_sidecar.exchange.call import Exchange, Proceed, Response
from turnout_sidecar.exchange.errors import CallError, closed, not_found
from turnout_sidecar.routing import RANK
from turnout_sidecar.runtime import Runtime, may_use
from turnout_sidecar.wire.openai_request import check_has_messages, needs


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
    if route.prompt is None and exchange.endpoint.needs == "Chat":
        check_has_messages(exchange.body)
    exchange.sensitivity = (
        route.sensitivity if RANK[route.sensitivity] >= RANK[caller.sensitivity] else caller.sensitivity
    )
    exchange.value = caller.value or (route.use_case.value if route.use_case is not None else "Normal")
    exchange.needs = needs(exchange.body, exchange.endpoint.needs)
    rule = live.rule_for(exchange)
    if rule is None:
        raise CallError(503, "no_rule_matches", f"No rule of route {route.name} matches this call.")
    exchange.rule = rule.rule
    exchange.live_rule = rule
    if rule.rule.closed is not None:
        raise CallError(
            503, "rule_closed", f"Rule {rule.rule.name} of route {route.name} is closed: {rule.rule.closed}"
        )
    return await proceed(exchange)
