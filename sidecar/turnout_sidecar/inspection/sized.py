"""How many tokens a question has, for a limit: of every text that goes to the model, wherever it stands.

What routing and estimates count (`sizes`) leaves out what is rare; a limit that does would be none.

Rules: definitions count with all that they are made of, as they are read; what the provider keeps for itself counts nothing.
"""

from typing import Any, Final

from turnout_sidecar import sizes
from turnout_sidecar.bodies.fields import DEFINITIONS
from turnout_sidecar.bodies.leaves import Leaves
from turnout_sidecar.exchange.call import Exchange
from turnout_sidecar.wire import tokens

_UNREAD: Final = frozenset(
    (
        "metadata",
        "user",
        "safety_identifier",
        "prompt_cache_key",
        "user_profile_id",
        "logit_bias",
        "stop",
        "stop_sequences",
    )
)
"""Members of the body that no model reads."""


def of_question(exchange: Exchange, leaves: Leaves) -> int:
    """Tokens, about; never fewer than routing counts."""
    defined = [name for name in DEFINITIONS[exchange.endpoint.name] if exchange.body.get(name)]
    aside = _UNREAD.union(defined)
    total = tokens.PER_CALL + sum(tokens.of_text(str(exchange.body[name])) for name in defined)
    total += sum(tokens.of_text(leaf.text) for leaf in leaves.items if _member(leaf.path) not in aside)
    return max(total, sizes.input_tokens(exchange))


def _member(path: Any) -> Any:
    """The member of the body that a path begins with."""
    member = None
    while path is not None:
        path, member = path
    return member
