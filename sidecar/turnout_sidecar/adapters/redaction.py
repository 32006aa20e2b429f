"""Takes secrets out of text that leaves the process: log lines above all.

It works on the finished line, after every argument has been put in, because a key may come by any way: an exception's text,
a URL, a header that somebody printed. Two nets: the values of all secrets that this process holds, and the shapes that
credentials have. No IO.

Rules: what is taken out becomes [redacted]; a value shorter than eight characters is not searched for (it would be found
everywhere).
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from turnout_sidecar.ports.secrets import Secret

REDACTED: Final = "[redacted]"
_LEAST_CHARS: Final = 8
_SHAPES: Final = (
    re.compile(r"(?i)\b(bearer|basic)\s+[-._~+/=a-z0-9]{6,}"),
    re.compile(
        r"(?i)(['\"]?(?:x-api-key|api[-_]?key|authorization|password|secret|token)['\"]?\s*[:=]\s*)['\"]?[^\s'\",;}&]{6,}"
    ),
    re.compile(r"\b(?:sk|pk|rk|gsk|xai|key)-[-_A-Za-z0-9]{8,}"),
    re.compile(r"\beyJ[-_A-Za-z0-9]{6,}\.[-_A-Za-z0-9]{6,}(?:\.[-_A-Za-z0-9]*)?"),
    re.compile(r"\bAIza[-_A-Za-z0-9]{20,}"),
    re.compile(r"\bA(?:KIA|SIA)[A-Z0-9]{12,}"),
    re.compile(r"(?<=://)[^/\s:@]{0,256}:[^/\s@]{1,256}@"),
)


class Redactor:
    """Takes known values and credential-like text out. `known` gives the secrets that the process holds now."""

    def __init__(self, known: Callable[[], Iterable[Secret]]) -> None:
        self._known = known

    def clean(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._known():
            value = secret.reveal().decode("utf-8", "replace")
            if len(value) >= _LEAST_CHARS and value in text:
                text = text.replace(value, REDACTED)
        for shape in _SHAPES:
            text = shape.sub(_hidden, text)
        return text


def _hidden(match: re.Match[str]) -> str:
    """Keeps the word that says what it was (`Bearer`, `api_key=`), which is no secret and helps the reader."""
    kept = match.group(1) if match.re.groups else ""
    if match.group(0).endswith("@"):
        return f"{REDACTED}@"
    return f"{kept}{' ' if kept and kept[-1].isalpha() else ''}{REDACTED}"
