"""How large a call is, in tokens, before anybody has counted: for what fits a model's window, and for what nobody reports.

One place for all formats of requests. What is made of it is an estimate and is marked so.
"""

from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.wire import tokens
from turnout_sidecar.wire.messages.format import texts as messages_texts
from turnout_sidecar.wire.registry import INBOUND
from turnout_sidecar.wire.responses.format import texts as responses_texts

_TEXTS = {"messages": messages_texts, "responses": responses_texts}


def input_tokens(exchange: Exchange) -> int:
    """Tokens of what was asked, about."""
    texts = _TEXTS.get(exchange.endpoint.format)
    if texts is None:
        return tokens.of_request(exchange.body)
    return tokens.PER_CALL + sum(tokens.PER_MESSAGE + tokens.of_text(text) for text in texts(exchange.body))


def output_limit(exchange: Exchange) -> int | None:
    """The most tokens of output that the call asks for, or None."""
    inbound = INBOUND.get(exchange.endpoint.format)
    return None if inbound is None else inbound.output_limit(exchange.body)
