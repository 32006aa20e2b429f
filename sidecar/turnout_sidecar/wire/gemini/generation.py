"""Which generation a Gemini model is of, by its name: the API wants other things from Gemini 3 on.

A name that says nothing (`gemini-flash-latest`, a tuned model) is taken for a new one, since aliases move on. Gemma models are
served by the same API and neither think in levels nor sign.
"""

import re
from typing import Final

_GEMINI: Final = re.compile(r"gemini-(\d{1,3})(?:[.-]|$)")
_OWN_PLACE: Final = ("models/", "tunedModels/")
_SIGNING: Final = 3


def signs(model: str) -> bool:
    """Gemini 3 and later: calls of tools must come back signed, thinking has levels, format and tools go together."""
    found = _GEMINI.search(model)
    return "gemma" not in model and (found is None or int(found.group(1)) >= _SIGNING)


def resource(model: str) -> str:
    """The model's place below the endpoint; not yet encoded."""
    return model if model.startswith(_OWN_PLACE) else f"models/{model}"
