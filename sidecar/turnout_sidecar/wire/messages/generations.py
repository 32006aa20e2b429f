"""Which generation of the API's abilities a model is of, told by its name; the API itself tells it by a 400 only.

Claude up to 4.5 thinks by a budget of tokens. From 4.6 on it thinks as much as it sees fit (`adaptive`), guided by an effort,
and from 4.7 on it takes neither a budget nor temperature, top_p and top_k. Other models that speak this API (its dialects are
offered by several providers) follow its older form. A name that is of no known generation of Claude is taken for a new one.
"""

import re
from typing import Final

_CLAUDE: Final = re.compile(r"claude", re.IGNORECASE)
_BY_BUDGET: Final = re.compile(
    r"claude-(?:v?[123](?!\d)|instant|[a-z]+-4(?:[-.][0-5](?!\d)|[-@]20\d{6}|(?=$|[@:]))|4-[a-z]+)", re.IGNORECASE
)
_SAMPLES: Final = re.compile(r"claude-[a-z]+-4[-.]6(?!\d)", re.IGNORECASE)


def is_claude(model: str) -> bool:
    """Whether the name is of a model of Anthropic's own, wherever it is offered."""
    return _CLAUDE.search(model) is not None


def thinks_by_budget(model: str) -> bool:
    """Whether thinking is asked for by a budget of tokens, and not by an effort."""
    return not is_claude(model) or _BY_BUDGET.search(model) is not None


def takes_sampling(model: str) -> bool:
    """Whether it takes temperature, top_p and top_k at all."""
    return thinks_by_budget(model) or _SAMPLES.search(model) is not None
