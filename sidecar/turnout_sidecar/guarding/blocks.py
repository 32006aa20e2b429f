"""Secrets that speak for themselves and are more than a word: private keys, addresses that are secrets, tokens over many lines.

Rules: linear: a private key without an end takes the rest; a token goes on over lines that are as wide as each other, and ends with
the first that is shorter.
"""

import re
from collections.abc import Iterator

from turnout_contract.snapshot.guards import SECRET
from turnout_sidecar.guarding.findings import Claim
from turnout_sidecar.guarding.page import Page
from turnout_sidecar.guarding.randomness import is_random

_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_HOOKS = re.compile(
    r"https?://(?:[\w.\-]{0,60}\.)?(?:hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/|discord(?:app)?\.com/api/webhooks/"
    r"|webhook\.office\.com/|hooks\.zapier\.com/hooks/catch/|maker\.ifttt\.com/[\w/]{1,60}/key/"
    r"|hook\.\w{2,4}\.make\.com/"
    r"|logic\.azure\.com(?::443)?/workflows/|chat\.googleapis\.com/v1/spaces/|open\.feishu\.cn/open-apis/bot/v2/hook/"
    r"|qyapi\.weixin\.qq\.com/cgi-bin/webhook/send\?key=|oapi\.dingtalk\.com/robot/send\?access_token="
    r"|hooks\.chime\.aws/\w+/)"
    r"([\w/@\-.?=&%+]{8,300})"
)
_LINE_OF_TOKEN = "key-jwt-line"  # noqa: S105 - a rule
TOKENS = frozenset(("key-jwt", _LINE_OF_TOKEN))
"""The rules of tokens that may go on over lines, and of what may be the first of their lines."""
_BEGUN = re.compile(r"ey[JK][A-Za-z0-9_\-.]{17,}+(?=[ \t]{0,4}\r?\n)")
_BEGINS = ("eyJ", "eyK")
_LINE = re.compile(r"[ \t]{0,4}\r?\n[ \t>]{0,8}([A-Za-z0-9_\-.=]+)(?=[ \t]{0,4}[\r\n]|[\"'`,;<)]|\Z)")
_SIGNATURES = frozenset((43, 64, 86, 128, 176, 342, 512, 683))  # characters of those in use
_TOKEN = re.compile(r"ey[JK][A-Za-z0-9_\-]{10,}={0,2}\.(?:[A-Za-z0-9_\-]{4,}\.){1,3}[A-Za-z0-9_\-]{16,}={0,2}")
_PIECE = re.compile(r"\d|[_\-.]|[a-z][A-Z]")  # what no last line that is a word has
_MOST = 64  # lines
_DOTS = 2  # within the shortest of them
_DIGIT = re.compile(r"\d")


def private_keys(page: Page) -> Iterator[Claim]:
    """PEM and PGP blocks; one that is cut off reaches to the end."""
    text = page.text
    at = text.find("-----BEGIN ")
    while at >= 0:
        begun = _PEM.match(text, at)
        if begun:
            end = _PEM_END.search(text, begun.end())
            stop = end.end() if end else len(text)
            yield Claim(0, at, stop, SECRET, "private-key")
            at = text.find("-----BEGIN ", stop)
        else:
            at = text.find("-----BEGIN ", at + 1)


def hooks(page: Page) -> Iterator[Claim]:
    """Addresses that are secrets themselves: whoever has one may post."""
    text = page.text
    if "://" in text and (
        "hook" in text or "logic.azure" in text or "chat.googleapis" in text or "/robot/" in text or "ifttt" in text
    ):
        for found in _HOOKS.finditer(text):
            if _DIGIT.search(found[1]):
                yield Claim(1, *found.span(), SECRET, "webhook")


def over_lines(text: str, start: int, end: int, rule: str) -> int:
    """Where a JSON web token ends that may go on over lines; 0 if its first line does not become one."""
    begun = _BEGUN.match(text, start)
    stop = _goes_on(text, start, begun.end()) if begun else start
    if begun and stop > begun.end() and _TOKEN.fullmatch("".join(text[start:stop].replace(">", "").split())):
        return stop
    return 0 if rule == _LINE_OF_TOKEN else end


def _goes_on(text: str, start: int, at: int) -> int:
    """Where the lines end that go on with a token: the first that is shorter than the one before is the last."""
    width = begun = 0
    tail = text[start:at].rpartition(".")[2]
    # what has a whole signature needs nothing more, and what could be whole goes on with nothing but letters and digits mixed
    whole = _TOKEN.fullmatch(text, start, at) is not None
    for _ in range(_MOST):
        line = None if whole and len(tail) in _SIGNATURES else _LINE.match(text, at)
        if line is None or (width and len(line[1]) > width):
            break
        begun += sum(map(line[1].count, _BEGINS))
        if (
            begun > 1
        ):  # its head and what it says begin so: one more is another token, and many are not gone through from each
            break
        if not _PIECE.search(line[1]) and len(tail) + len(line[1]) not in _SIGNATURES:
            break
        if whole and not (width or is_random(line[1], least=3)):
            break
        at = line.end()
        tail = line[1].rpartition(".")[2] if "." in line[1] else tail + line[1]
        whole = whole or text.count(".", start, at) >= _DOTS
        if width and len(line[1]) < width:
            break
        width = len(line[1])
    return at
