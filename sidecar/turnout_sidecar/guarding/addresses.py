"""Addresses of people and machines: e-mail, IPv6, MAC, and the credentials inside URLs.

Each has one character that text seldom has: the detectors go from one @, :: or :// to the next and look at a bounded stretch
around, so that text without them costs one search.

Rules: of a URL only the password is claimed (the user name where there is no password), since the rest tells where to connect;
loopback and unspecified addresses are no one's; times are no addresses.
"""

import re
from collections.abc import Iterator

from turnout_contract.snapshot.guards import SECRET
from turnout_sidecar.guarding.findings import Claim
from turnout_sidecar.guarding.page import Page

_LOCAL = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-'*"
_LOCAL_SHAPE = b"0a._%+-'*"
_LONGEST_LOCAL = 64
_DOMAIN = re.compile(r"\w(?:[\w-]{0,62})(?:\.\w[\w-]{0,62}){1,8}")
_AT_WORD = re.compile(
    r" ?[\[({<] ?(?:at|@|arroba|chiocciola) ?[\])}>] ?|( at | AT |_at_)(?=[\w-]{1,63}(?: dot | DOT |_dot_))",
    re.IGNORECASE,
)
_DOT_WORD = re.compile(
    r"[\w-]{1,63}(?:(?: ?[\[({<] ?(?:dot|\.|punkt|point|punto) ?[\])}>] ?| dot |\.)[\w-]{1,63}){1,6}", re.IGNORECASE
)
_DOT_SAID = re.compile(r"[^\W_]+(?:(?: dot |_dot_|\.)[^\W_]+){1,6}", re.IGNORECASE)
# behind these, `at` tells of a place: look at example dot org
_BEFORE_PLACES = frozenset(
    [
        "look",
        "looking",
        "looked",
        "meet",
        "meeting",
        "met",
        "see",
        "seen",
        "stare",
        "glance",
        "peek",
        "pointing",
        "visit",
        "me",
        "us",
        "you",
        "him",
        "her",
        "them",
        "it",
        "that",
        "this",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "i'm",
        "hosted",
        "available",
        "live",
        "lives",
        "living",
        "online",
        "found",
        "here",
        "there",
        "up",
        "out",
        "over",
        "back",
        "work",
        "works",
        "working",
        "worked",
        "started",
        "starts",
        "stay",
        "arrive",
        "arrived",
        "join",
        "good",
        "site",
        "website",
        "page",
        "homepage",
        "docs",
        "documentation",
        "repo",
        "repository",
        "code",
        "more",
        "down",
    ]
)
_LAST_LABEL = re.compile(r"(?<![\w-])[^\W\d_]{2,24}\Z|_dot_[^\W\d_]{2,24}\Z", re.IGNORECASE)
# what needs no second look: labels of ASCII, the last of letters alone
_SIMPLE_DOMAIN = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9\-]{0,62}+\.){1,7}[A-Za-z]{2,24}+(?![\w\-]|\.\w)")
# lower case, and one bracket for all that open
_SPELLING = bytes(
    40 if code in b"[({<" else ord(chr(code).lower()) if chr(code).isascii() else code for code in range(256)
)
_IN_BRACKETS_BEGIN = frozenset((b"a", b"@", b"c"))
_IN_BRACKETS = re.compile(rb" ?(?:at|@|arroba|chiocciola) ?[\])}>]")
_DOMAIN_LITERAL = re.compile(r"\[(?:IPv6:)?[0-9A-Fa-f:.]{7,45}\]")
_SPACED_DOMAIN = re.compile(
    r" ?[A-Za-z0-9-]{2,63}(?: ?\. ?[A-Za-z0-9-]{2,63}){0,2} ?\. ?(?:com|org|net|edu|gov|io|de|fr|uk|es|it|nl|eu"
    r"|info|co)(?![\w.-]\w)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r'"\w[^"\n]{0,62}"')
_URL = re.compile(r"://([^\s/?#@:\"'<>]{0,64}):?([^\s/\"'<>]{0,96})@(?=[\w\[])")
_URL_LOOSE = re.compile(r"://([^\s/@:\"'<>]{0,64}):([^\s\"'<>@]{1,96})@(?=[\w\[])")
_URL_REACH = 3 + 64 + 1 + 96 + 1
_SCHEME = 24
_NO_LETTERS = "0123456789+.-"
_SCHEME_SIGNS = "abcdefghijklmnopqrstuvwxyz" + _NO_LETTERS
_WEB = frozenset({"http", "https", "ftp", "ftps", "ssh", "sftp", "git", "ws", "wss"})
_PLACEHOLDER = re.compile(r"[<{\[]|\$\{?\w+\}?$|\*+$|%\w+%$|pass(?:word|wd)?$|secret$|x{3,}$|\.{3}", re.IGNORECASE)
_COLONS = re.compile(r":(?::|[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{0,4}:)")
_HEX = frozenset("0123456789abcdefABCDEF")
_COLON_ADDRESS = re.compile(
    r"[0-9A-Fa-f]{0,4}(?::(?!\d{1,3}\.\d)[0-9A-Fa-f]{0,4}){1,8}(?::\d{1,3}(?:\.\d{1,3}){3})?(?:%\w{1,15})?"
)
# what needs no second look: nothing goes on at either side, see `_stands`
_MAC_COLON = re.compile(r"(?<![\w:])(?<![^\W_][\-.])[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}(?![\w%]|:[\w:]|\.\d|-[^\W_])")
_MAC_HYPHEN = re.compile(r"-[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-")
_MAC_DOT = re.compile(r"\.[0-9A-Fa-f]{4}\.")
_MACS = (re.compile(r"[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}"), re.compile(r"[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2}"))
_MAC_PARTS, _IPV6_PARTS = 6, 8


def emails(page: Page) -> Iterator[Claim]:
    """E-mail addresses, written with @, (at) or in words."""
    text, shape = page.text, page.shape
    at = text.find("@")
    while at >= 0:
        claim = _email_at(text, shape, at)
        if claim:
            yield claim
        at = text.find("@", at + 1)
    if _may_spell(page.raw):
        yield from _spelled(text)


def _may_spell(raw: bytes) -> bool:
    """Whether an @ or a dot may be written as a word; brackets are few, and one letter is found faster than any pattern."""
    low = raw.translate(_SPELLING)
    if b"dot" in low and (b" dot " in low or b"_dot_" in low):
        return True
    at = low.find(b"(")
    while at >= 0:
        if low[at + 1 : at + 3].lstrip(b" ")[:1] in _IN_BRACKETS_BEGIN and _IN_BRACKETS.match(low, at + 1):
            return True
        at = low.find(b"(", at + 1)
    return False


def _email_at(text: str, shape: bytes, at: int) -> Claim | None:
    # letters and digits before the @, by their shape; the text itself tells only where that ends at a letter of another script
    low = at - _LONGEST_LOCAL if at > _LONGEST_LOCAL else 0
    start = low + len(shape[low:at].rstrip(_LOCAL_SHAPE))
    if start > low and text[start - 1] > "\x7f":
        start = _local_start(text, at)
    else:
        while start < at and text[start] in ".%+-'*":
            start += 1
    if start == at:
        start = _quoted_start(text, at) if text[at - 1 : at] == '"' else _spaced_start(text, at)
        if start == at:
            return None
    simple = _SIMPLE_DOMAIN.match(text, at + 1)
    if simple:
        return Claim(3, start, simple.end(), "Email", "email")
    domain = _DOMAIN.match(text, at + 1)
    if domain:
        end = _domain_end(text, at + 1, domain.end())
        return Claim(3, start, end, "Email", "email") if end else None
    following = text[at + 1 : at + 2]
    literal = _DOMAIN_LITERAL.match(text, at + 1) if following == "[" else None
    if literal:
        return Claim(3, start, literal.end(), "Email", "email")
    spaced = _SPACED_DOMAIN.match(text, at + 1) if following == " " else None
    return Claim(4, start, spaced.end(), "Email", "email-spaced") if spaced else None


def _quoted_start(text: str, at: int) -> int:
    """Where a quoted local part begins, or the place of the @ where there is none."""
    start = text.rfind('"', max(0, at - _LONGEST_LOCAL - 2), at - 1)
    return start if start >= 0 and _QUOTED.fullmatch(text, start, at) else at


def _spaced_start(text: str, at: int) -> int:
    """The same where a space stands before the @: only if one stands behind it too and a known ending follows."""
    if text[at - 1 : at + 2 : 2] != "  " or not _SPACED_DOMAIN.match(text, at + 1):
        return at
    start = _local_start(text, at - 1)
    return start if start < at - 1 else at


def _spelled(text: str) -> Iterator[Claim]:
    for found in _AT_WORD.finditer(text):
        at = found.start()
        start = _local_start(text, at)
        if found[1] is not None and text[start:at].lower() in _BEFORE_PLACES:
            continue
        domain = (_DOT_WORD if found[1] is None else _DOT_SAID).match(text, found.end())
        if domain and start < at and _LAST_LABEL.search(domain[0]):
            yield Claim(4, start, domain.end(), "Email", "email-spelled")


def _local_start(text: str, at: int) -> int:
    low = max(0, at - _LONGEST_LOCAL)
    segment = text[low:at]
    left = segment.rstrip(_LOCAL)
    while left and not left[-1].isascii() and left[-1].isalnum():
        left = left[:-1].rstrip(_LOCAL)
    start = low + len(left)
    while start < at and text[start] in ".%+-'*":
        start += 1
    return start


def _domain_end(text: str, start: int, end: int) -> int:
    """Where the domain ends, or 0 where it is none: its last label is a word, not a number."""
    labels = text[start:end].split(".")
    while len(labels) > 1:
        last = labels[-1].partition("-")[0] if not labels[-1].startswith("xn--") else labels[-1].rstrip("-_")
        if len(last) > 1 and (last.isalpha() or last.startswith("xn--")):
            return start + len(".".join(labels[:-1])) + 1 + len(last)
        labels.pop()
    return 0


def urls(page: Page, entities: frozenset[str]) -> Iterator[Claim]:
    """Passwords (or lone user names) in URLs; those of databases are secrets before they are credentials of a URL."""
    text = page.text
    at = text.find("://")
    while at >= 0:
        # most have no @ in reach: one letter is found faster than that a pattern does not match
        near = text.find("@", at + 3, at + _URL_REACH) >= 0
        found = (_URL.match(text, at) or _URL_LOOSE.match(text, at)) if near else None
        if found:
            group = 2 if found[2] else 1
            scheme = _scheme(text, at)
            web = not scheme or scheme in _WEB
            if found[group] and not _PLACEHOLDER.match(found[group]) and (group == 2 or len(found[1]) > 7):  # noqa: PLR2004
                entity = (
                    "URLCredentials" if (web and "URLCredentials" in entities) or SECRET not in entities else SECRET
                )
                yield Claim(1, *found.span(group), entity, "url-password")
        at = text.find("://", at + 3)


def _scheme(text: str, at: int) -> str:
    """The scheme of a URL whose :// stands here, or nothing: two characters at least, of which a letter is the first."""
    before = text[max(0, at - _SCHEME) : at].lower().removesuffix("\n")
    scheme = before[len(before.rstrip(_SCHEME_SIGNS)) :].lstrip(_NO_LETTERS)
    return scheme if len(scheme) > 1 else ""


_NOTATIONS = ((_MAC_HYPHEN, _MACS[0], 2), (_MAC_DOT, _MACS[1], 4))


def machines(page: Page) -> Iterator[Claim]:
    """IPv6 and MAC addresses."""
    text = page.text
    if text.count(":") > 1:
        yield from _with_colons(text)
    for shape, pattern, back in _NOTATIONS if page.raw.count(b"-") > 4 else _NOTATIONS[1:]:  # noqa: PLR2004 - six bytes
        taken = 0
        for found in shape.finditer(text):
            start = found.start() - back
            if start < taken:
                continue
            whole = pattern.match(text, start)
            if whole and _stands(text, start, whole.end()) and any(char.isdecimal() for char in whole[0]):
                taken = whole.end()
                yield Claim(4, start, taken, "MACAddress", "mac")


def _with_colons(text: str) -> Iterator[Claim]:
    taken = 0
    for found in _COLONS.finditer(text):
        start = found.start()
        if start < taken:
            continue
        mac = _MAC_COLON.match(text, start - 2) if start > 1 else None
        if mac:
            taken = mac.end()
            yield Claim(4, start - 2, taken, "MACAddress", "mac")
            continue
        low = max(0, start - 4)
        while start > low and text[start - 1] in _HEX:
            start -= 1
        whole = _COLON_ADDRESS.match(text, start)
        if whole is None:
            continue
        taken = whole.end()
        written = whole[0]
        # a time
        if written.count(":") < _MAC_PARTS - 1 and "::" not in written:
            continue
        end = taken - (written.endswith(":") and not written.endswith("::"))
        if not _stands(text, start, end):
            continue
        parts = text[start:end].partition("%")[0].split(":")
        if len(parts) == _MAC_PARTS and all(len(part) == 2 for part in parts):  # noqa: PLR2004 - a byte
            yield Claim(4, start, end, "MACAddress", "mac")
        elif _is_ipv6(parts):
            yield Claim(4, start, end, "IPAddress", "ipv6")


def _is_ipv6(parts: list[str]) -> bool:
    length = len(parts) + ("." in parts[-1])
    empty = parts.count("")
    if not empty:
        return length == _IPV6_PARTS
    inner = parts[1:-1].count("")
    if inner != 1 or length > _IPV6_PARTS + 1 or empty > inner + 1 or any(len(p) > 4 for p in parts[:-1]):  # noqa: PLR2004
        return False
    filled = "".join(parts)
    return len(filled) > 2 and any(char.isdecimal() for char in filled)  # noqa: PLR2004 - ::1 is this machine


def _stands(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    if before.isalnum() or (before in {"_", ":"} and before):
        return False
    if before in {"-", "."} and before and text[start - 2 : start - 1].isalnum():
        return False
    if after in {"-", ":"}:
        following = text[end + 1 : end + 2]
        return not following.isalnum() and (after == "-" or following not in {"_", ":"})
    return not (after.isalnum() or after == "_")
