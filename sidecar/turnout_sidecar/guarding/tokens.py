"""Long words that look like nothing but a key, and wallets: what no name introduces and no vendor's prefix marks.

A word is taken for a key if it stands near a word such as token or revoke (or the name of a service) and is random, or behind a
prefix of its own (acme_live_...) if the rest is random. A random word that nothing speaks of is none: digests, cursors and order
numbers look the same.

Rules: each word is looked at once; what names a thing (hashes, UUIDs, ids behind known prefixes, words in a path) is no key unless
it is said to be one.
"""

import re
from collections.abc import Iterator

from turnout_contract.snapshot.guards import SECRET
from turnout_sidecar.guarding.findings import Claim
from turnout_sidecar.guarding.page import Page, last_word
from turnout_sidecar.guarding.randomness import UUID_LENGTH, is_hash, is_key, is_random, is_uuid
from turnout_sidecar.guarding.wallets import wallet
from turnout_sidecar.guarding.words import Words

_SHORTEST = 16
_SLASH, _PLUS, _EQUALS = b"/+="
_ZERO = ord("0")  # a digit in a shape
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.~|$"
# a word with the marks of base64, and its parts between them: a space for all else
_WORD = bytes(code if code in _LETTERS + b"+/=" else ord(" ") for code in range(256))
_PART = bytes(code if code in _LETTERS else ord(" ") for code in range(256))
_CELL = bytes(ord(" ") if code == ord("|") else code for code in range(256))
_BAR = ord("|")
# one and the same for all that any word that matters has many of in a row: addresses of machines, times and settings have not
RUNS = bytes(ord("x") if code in _LETTERS + b"+/" else ord(" ") for code in range(256))
_NEAR = Words(
    r"secrets?\b|token\b|passw|passphrase|credential|commit(?:ted)? (?:a |my |our )?(?:key|secret)"
    r"|(?:api|access|secret|private|licen[cs]e|encryption|auth"
    r"|signing|app|account|service|storage|subscription|master|shared|admin|client|deploy|webhook|this|the|my"
    r"|our|your|new|old)(?: |_|-)?key|keys? is|api[ _\-]?key|rotate|revoke|\bbearer"
    r"|authori[sz]|leaked|compromised"
    r"|geheim|schl(?:ü|ue)ssel|jeton|\bcl(?:é|e)s?\b|chave|llave|\bclave|zugangsdaten|\bpat\b|\bsecret"
    r"|datadog|heroku|algolia|cloudflare|fastly|\bokta|auth0|mixpanel|amplitude|pagerduty|opsgenie|bugsnag"
    r"|rollbar|mapbox|shodan"
    r"|virustotal|newrelic|new relic|splunk|sumo ?logic|zendesk|freshdesk|bitly|alchemy|infura|etherscan"
    r"|moralis|quicknode"
    r"|coinbase|binance|kraken|bitfinex|kucoin|adyen|worldpay|klarna|cohere|mistral|together\.?ai|stability"
    r"|assemblyai|deepgram"
    r"|elevenlabs|wandb|azure|snowflake|looker|jfrog|artifactory|sonatype|travis|circleci"
    r"|jenkins|teamcity"
    r"|twitter|linkedin|facebook|instagram|tiktok|yelp|finnhub|polygon\.io|alphavantage|openweather|twitch"
    r"|spotify|trello|asana"
    r"|vultr|linode|hetzner|scaleway|messagebird|vonage|nexmo|plivo|postmark|sparkpost|mandrill|kubeconfig"
    r"|\.netrc|dockerconfig",
    r"секрет|ключ|токен|密钥|金鑰|令牌|キー|トークン|키|토큰|مفتاح|κλειδ|מפתח",
)
_NAMES = frozenset(
    [
        "sha",
        "count",
        "used",
        "limit",
        "usage",
        "hash",
        "digest",
        "commit",
        "checksum",
        "etag",
        "integrity",
        "fingerprint",
        "trace",
        "traceid",
        "traceparent",
        "span",
        "spanid",
        "revision",
        "build",
        "cursor",
        "uuid",
        "ulid",
        "ref",
        "version",
        "tree",
        "parent",
        "nonce",
        "object",
        "image",
        "layer",
        "blob",
        "base",
        "requestid",
        "request",
        "runid",
        "run",
        "job",
        "jobid",
        "v",
        "md",
        "keyid",
        "callid",
        "guid",
    ]
)
_PREFIXED = re.compile(
    r"([a-z][a-z0-9]{1,11}(?:[_\-.][a-z0-9]{1,8}){0,3}|[A-Z][A-Z0-9]{1,9})[_\-.]([A-Za-z0-9]{20,}"
    r"|(?:(?<=[A-Za-z]{3}[_\-.])|(?<=[a-z]{2}\d[_\-.]))(?:[A-Za-z0-9]|[_\-](?=[A-Za-z0-9])){20,})"
)
_ID_HEADS = (
    "www http req msg call toolu chatcmpl resp run thread file asst cus ch pi evt sub in prod price acct step batch vs "
    "org proj user item rs fc img trace span session sess commit build sha sha1 sha256 sha384 sha512 md5 cmpl rev ord "
    "order inv txn tx job task pod node arn id uuid gen ws ses srv app dep deploy i vol ami snap subnet sg eni "
    "vpc rtb igw release v pm seti si ctx ev conv doc tenant customer event request response message upload blob "
    "chunk layer image main vendor runtime polyfills index bundle style styles assets static fig table section page "
    "slide diff frame node device serial part sku lot case ticket rgn usr cust pay card ba src re tr po ii il plan"
)
_IDS = frozenset(_ID_HEADS.split())
_HEX_START = re.compile(r"[0-9a-fA-F]{8}-")
# a long word between: the key that was spoken of
_TAKEN = re.compile(r"(?=\S*\d)[^\s:=\"']{14}")
_GLUED = ":/@=-#"  # a digest behind one of these is the name of a thing, or given to a name
_JOINTS = re.compile(r"[_\-.]")
_NEXT_TO, _AROUND = 48, 24
_FEWEST = 20
_MAILGUN = re.compile(r"[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}")
_MAILGUN_LENGTH = 50
_LEAST, _LONGEST = 14, 4096
_LEAST_BITS = 3.0
_SHORTEST_CUE = 3  # no word that speaks of keys is shorter


def words(page: Page, stretch: bytes, offset: int, *, plain: bool) -> list[Claim]:
    """Keys and wallets among the words of a stretch without white space, in its raw form; plain: it is letters and digits only."""
    if plain:
        claim = _claim(page, stretch, offset) if len(stretch) <= _LONGEST else None
        return [claim] if claim else []
    claims: list[Claim] = []
    at = 0
    for word in stretch.translate(_WORD).split():
        if len(word) < _SHORTEST:
            continue
        at = stretch.find(word, at)
        start = offset + at
        at += len(word)
        if len(word) > _LONGEST:
            continue
        if _SLASH not in word and _PLUS not in word and _EQUALS not in word:
            cells = list(_parts(page, word, start, _CELL)) if _BAR in word else []
            claims += cells
            claim = None if cells else _claim(page, word, start)
        else:
            claim = _with_marks(page, word, start)
            if claim is None:
                claims += _parts(page, word, start, _PART)
        if claim:
            claims.append(claim)
    return claims


def _parts(page: Page, word: bytes, start: int, table: bytes) -> Iterator[Claim]:
    """The same among what stands between the marks of base64, or in the cells of a table without blanks."""
    at = 0
    for part in word.translate(table).split():
        if len(part) >= _SHORTEST:
            at = word.find(part, at)
            claim = _claim(page, part, start + at)
            at += len(part)
            if claim:
                yield claim


def _claim(page: Page, found: bytes, start: int) -> Claim | None:
    raw = found.rstrip(b".-~|$")
    length = len(raw)
    if length < _LEAST:
        return None
    word = raw.decode()
    if raw.isalnum():
        like, claim = wallet(page, word, start)
        if like or claim or length < _FEWEST:
            return claim
        mixed, joined = not raw.isalpha(), False
    elif length < _FEWEST:
        return None
    elif length == _MAILGUN_LENGTH and _MAILGUN.fullmatch(word):
        return Claim(1, start, start + length, SECRET, "key-mailgun")
    else:
        mixed, joined = _ZERO in page.shape[start : start + length], True
    if not mixed and (raw.islower() or not is_random(word, least=_LEAST_BITS) or not page.near(_NEAR, start, 32)):
        return None
    return _random(page, word, start, joined=joined and mixed)


def _with_marks(page: Page, word: bytes, start: int) -> Claim | None:
    """Base64 with its marks: a key only near a word that says so, and no path."""
    value = word.lstrip(b"=/+").decode()
    start += len(word) - len(value)
    if len(value) < 2 * _FEWEST or "=" in value.rstrip("=") or value.count("/") > len(value) // 10 + 1:
        return None
    if not is_key(value) or not page.near(_NEAR, start, _on_line(page, start)) or _named(page, start):
        return None
    return Claim(7, start, start + len(value), SECRET, "random-near-word")


def _random(page: Page, word: str, start: int, *, joined: bool) -> Claim | None:
    """A word that is random, where that makes it a key; joined: it has digits, and marks that could join a prefix to it."""
    if joined and ("_" in word or "-" in word or "." in word) and not _HEX_START.match(word):
        prefixed = _PREFIXED.fullmatch(word)
        if (
            prefixed
            and _JOINTS.split(prefixed[1].lower(), maxsplit=1)[0] not in _IDS
            and is_random(prefixed[2], least=3.2)
            and not is_uuid(prefixed[2])
        ):
            return Claim(7, start, start + len(word), SECRET, "prefixed-key")
    if (len(word) == UUID_LENGTH and is_uuid(word)) or (start and page.text[start - 1] in _GLUED and is_hash(word)):
        return None
    # what is said before is asked first: few words have anything to do with keys, most long ones are random
    window = _on_line(page, start)
    if window < _SHORTEST_CUE or page.last(_NEAR, start, window) < 0 or not is_random(word, least=_LEAST_BITS):
        return None
    if _TAKEN.search(page.text, max(0, start - _NEXT_TO), start) or _named(page, start):
        return None
    return Claim(7, start, start + len(word), SECRET, "random-near-word")


def _on_line(page: Page, start: int) -> int:
    """How far before a place, on its line, a word still speaks of it."""
    low = start - _NEXT_TO if start > _NEXT_TO else 0
    line = page.text.rfind("\n", low, start)
    return start - low if line < 0 else start - line - 1


def _named(page: Page, start: int) -> bool:
    """Whether the word before says that this names a thing."""
    return last_word(page.before(start, _AROUND)) in _NAMES
