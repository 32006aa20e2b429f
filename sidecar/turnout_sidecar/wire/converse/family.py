"""Whose model it is, by its name: Converse hands some settings on as the maker knows them.

A name is a model id, an inference profile's (`eu.anthropic.claude-...`) or an ARN. One that tells nothing, such as the ARN of an
application's own profile, is `other`, and gets only what every model takes.
"""

import re
from typing import Final, Literal

Family = Literal["claude", "nova", "openai", "other"]

_CLAUDE: Final = re.compile(r"claude-(?:opus|sonnet|haiku)-(\d{1,2})(?:-(\d{1,2}))?(?![0-9])")
_EARLY_CLAUDE: Final = re.compile(r"claude-(?:v?[1-3](?![0-9])|instant)")
_ADAPTIVE: Final = (4, 6)


def family_of(model: str) -> Family:
    """Its family."""
    name = model.lower()
    if "claude" in name:
        return "claude"
    if "amazon.nova" in name:
        return "nova"
    return "openai" if "openai." in name else "other"


def thinks_adaptively(model: str) -> bool:
    """Whether a Claude decides itself how much it thinks (from 4.6 on), and takes no budget."""
    name = model.lower()
    if _EARLY_CLAUDE.search(name):
        return False
    found = _CLAUDE.search(name)
    return found is None or (int(found.group(1)), int(found.group(2) or 0)) >= _ADAPTIVE


def caches(model: str) -> bool:
    """Whether it takes marks for the cache."""
    return family_of(model) in ("claude", "nova")
