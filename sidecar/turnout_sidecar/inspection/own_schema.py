"""The schema that a call brings itself, before its answer is paid for.

Rules: where a policy holds answers to it, a schema that answers cannot be checked against is the caller's mistake: 400, naming the
field; a policy that only watches, or lets failures go on, refuses no call for it, and its verdict says that it could not look.
"""

from turnout_sidecar.checks.asked import asked_schema, place_of_schema
from turnout_sidecar.checks.schema import SchemaUnusable, checker
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.exchange.errors import bad_request
from turnout_sidecar.exchange.guarded import Verdict
from turnout_sidecar.inspection.guards import LiveGuard

CODE = "schema_unusable"


def check(exchange: Exchange, guard: LiveGuard) -> None:
    """See the module. Raises CallError (400). Its message names rules and places of the schema."""
    held = [one for one in guard.guard.schemas if one.schema is None and one.on_violation != "Monitor"]
    if not held or guard.guard.fail_open:
        return
    name = exchange.endpoint.name
    schema = asked_schema(name, exchange.body)
    if schema is None:
        return
    try:
        checker(schema)
    except SchemaUnusable as error:
        for one in held:
            exchange.guard.verdicts.append(
                Verdict("schema", "output", "schema", "failed", "blocked", policy=one.policy)
            )
        field = place_of_schema(name, exchange.body)
        message = f"{field}: answers cannot be checked against this schema, which a guardrail asks for: {error}"
        raise bad_request(message[:1024], param=field, code=CODE) from None
