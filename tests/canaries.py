"""Canaries: made-up people and secrets that must be found nowhere, the same on every run.

A hundred people, each with a mail address, a telephone number, a card, an IBAN, a national number, addresses of machines and a
wallet; a hundred secrets in the formats of vendors, as assignments, in URLs, as tokens and private keys. Nobody has any, and
all check digits are right, so that whatever looks for such values finds these.

Rules: everything is drawn from a digest of its own name; each value stands in a text of its own, with the words that people put
around it; values are unique, so that one that is found says which call and which place leaked it.
"""

import base64
import hashlib
import string
from collections.abc import Callable, Sequence

import msgspec

COUNT = 100
_FIRST = ("Ada", "Bruno", "Chloe", "Dario", "Esra", "Finn", "Greta", "Hugo", "Ines", "Jonas")
_LAST = ("Abendrot", "Birkholm", "Castellanos", "Dubrowski", "Eriksdotter", "Fontaine", "Grimaldi", "Hallgren")
_LETTERS, _DIGITS, _HEX = string.ascii_letters, string.digits, "0123456789abcdef"
_WORD = _LETTERS + _DIGITS
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class Canary(msgspec.Struct, frozen=True):
    """One value. `text` is what somebody writes with it in it; `parts` are pieces that give it away as well."""

    owner: str
    entity: str
    value: str
    text: str
    parts: tuple[str, ...] = ()


class Draw:
    """Choices that depend on a name alone."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = 0

    def below(self, bound: int) -> int:
        """A whole number from 0 to `bound` - 1."""
        self._count += 1
        drawn = hashlib.sha256(f"canary/{self._name}/{self._count}".encode()).digest()
        return int.from_bytes(drawn[:8], "big") % bound

    def text(self, alphabet: str, length: int) -> str:
        """So many characters."""
        return "".join(alphabet[self.below(len(alphabet))] for _ in range(length))

    def number(self, first: int, last: int) -> int:
        """A whole number of a range, both ends in."""
        return first + self.below(last - first + 1)

    def key(self, alphabet: str, length: int) -> str:
        """A random part of a key, with a digit and a letter of each case that the alphabet has."""
        while True:
            drawn = self.text(alphabet, length)
            kinds = [any(char in group for char in alphabet) for group in _GROUPS]
            if all(any(char in group for char in drawn) for group, there in zip(_GROUPS, kinds, strict=True) if there):
                return drawn


_GROUPS = (string.ascii_lowercase, string.ascii_uppercase, _DIGITS)


def people(count: int = COUNT) -> tuple[tuple[Canary, ...], ...]:
    """All values of each person."""
    return tuple(_person(number) for number in range(count))


def secrets(count: int = COUNT) -> tuple[Canary, ...]:
    """Each of another format, as far as there are any, then round again."""
    kinds = list(_SECRETS)
    return tuple(_secret(kinds[number % len(kinds)], number) for number in range(count))


def _person(number: int) -> tuple[Canary, ...]:
    draw = Draw(f"person-{number}")
    owner = f"person-{number}"
    first, last = _FIRST[number % len(_FIRST)], _LAST[number % len(_LAST)]
    local = f"{first}.{last}{draw.number(1000, 9999)}".lower()
    mail = f"{local}@{('mail', 'post', 'inbox')[number % 3]}.example{('.org', '.com', '.net')[number % 3]}"
    country, word, national = _NATIONAL[number % len(_NATIONAL)]
    identity = national(draw)
    phone = _PHONES[number % len(_PHONES)](draw)
    card = _card(draw)
    iban = _iban(draw, number)
    return (
        Canary(owner, "Email", mail, f"Please write to {mail} about it.", (local,)),
        Canary(owner, "Phone", phone, f"Call {first} at {phone} after five."),
        Canary(owner, "CreditCard", card, f"The card number is {card}, valid until next year."),
        Canary(owner, "IBAN", iban, f"Transfer it to the account {iban}, please."),
        Canary(owner, "NationalId", identity, f"The {word} ({country}) is {identity}."),
        Canary(owner, "IPAddress", address := _address(draw, number), f"It was logged in from {address}."),
        Canary(owner, "MACAddress", mac := _mac(draw), f"The laptop has the MAC address {mac}."),
        Canary(owner, "CryptoWallet", wallet := _wallet(draw, number), f"Send the bitcoin to {wallet}."),
    )


def _luhn(body: str) -> str:
    """The digit that makes the whole right."""
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body))]
    return str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def _card(draw: Draw) -> str:
    body = f"4{draw.text(_DIGITS, 14)}" if draw.below(2) else f"5{draw.number(1, 5)}{draw.text(_DIGITS, 13)}"
    whole = body + _luhn(body)
    return " ".join(whole[at : at + 4] for at in range(0, 16, 4)) if draw.below(2) else whole


def _iban(draw: Draw, number: int) -> str:
    country, bank = (
        ("DE", draw.text(_DIGITS, 18)),
        ("NL", "INGB" + draw.text(_DIGITS, 10)),
        ("GB", "BARC" + draw.text(_DIGITS, 14)),
        ("AT", draw.text(_DIGITS, 16)),
        ("CH", draw.text(_DIGITS, 17)),
    )[number % 5]
    turned = "".join(str(int(char, 36)) for char in f"{bank}{country}00")
    whole = f"{country}{98 - int(turned) % 97:02d}{bank}"
    return " ".join(whole[at : at + 4] for at in range(0, len(whole), 4)) if number % 2 else whole


def _address(draw: Draw, number: int) -> str:
    if number % 4 == 3:
        return f"2a02:810{draw.text(_HEX, 1)}:" + ":".join(f"{draw.number(4096, 65535):x}" for _ in range(6))
    return f"{draw.number(81, 95)}.{draw.number(100, 250)}.{draw.number(100, 250)}.{draw.number(100, 250)}"


def _mac(draw: Draw) -> str:
    return ":".join(["3c", *(draw.text(_HEX, 2) for _ in range(5))])


def _wallet(draw: Draw, number: int) -> str:
    if number % 2:
        return "0x" + draw.key(_HEX, 40)
    payload = b"\x00" + bytes(draw.number(1, 255) for _ in range(20))
    whole = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    value, text = int.from_bytes(whole, "big"), ""
    while value:
        value, rest = divmod(value, 58)
        text = _BASE58[rest] + text
    return "1" + text


def _sum(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def _us_number(draw: Draw) -> str:
    return f"{draw.number(100, 665)}-{draw.number(10, 99)}-{draw.number(1000, 9999)}"


def _spanish_number(draw: Draw) -> str:
    digits = draw.text(_DIGITS, 8)
    return digits + "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23]


def _french_number(draw: Draw) -> str:
    body = (
        f"{draw.number(1, 2)}{draw.number(60, 99)}{draw.number(1, 12):02d}{draw.number(10, 95)}{draw.text(_DIGITS, 6)}"
    )
    return f"{body}{97 - int(body) % 97:02d}"


def _polish_number(draw: Draw) -> str:
    body = f"{draw.number(60, 99)}{draw.number(1, 12):02d}{draw.number(1, 28):02d}{draw.text(_DIGITS, 4)}"
    return f"{body}{-_sum(body, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10}"


def _brazilian_number(draw: Draw) -> str:
    body = draw.text(_DIGITS, 9)
    for length in (10, 11):
        body += str(_sum(body, range(length, 1, -1)) * 10 % 11 % 10)
    return f"{body[:3]}.{body[3:6]}.{body[6:9]}-{body[9:]}"


def _dutch_number(draw: Draw) -> str:
    while True:
        body = f"{draw.number(1, 9)}{draw.text(_DIGITS, 7)}"
        check = _sum(body, range(9, 1, -1)) % 11
        if check < 10:
            return f"{body}{check}"


def _british_number(draw: Draw) -> str:
    return f"{draw.text('ABCEHJKLMPRSTWX', 1)}{draw.text('ABCEHJKLMPRSTWX', 1)}{draw.text(_DIGITS, 6)}{draw.text('ABCD', 1)}"


def _swedish_number(draw: Draw) -> str:
    body = f"{draw.number(60, 99)}{draw.number(1, 12):02d}{draw.number(1, 28):02d}{draw.text(_DIGITS, 3)}"
    return f"{body[:6]}-{body[6:]}{_luhn(body)}"


def _finnish_number(draw: Draw) -> str:
    birth, serial = f"{draw.number(1, 28):02d}{draw.number(1, 12):02d}{draw.number(60, 99)}", draw.number(100, 899)
    return f"{birth}-{serial}{'0123456789ABCDEFHJKLMNPRSTUVWXY'[int(f'{birth}{serial}') % 31]}"


def _swiss_number(draw: Draw) -> str:
    body = f"756{draw.text(_DIGITS, 9)}"
    whole = f"{body}{-_sum(body, (1, 3) * 6) % 10}"
    return f"{whole[:3]}.{whole[3:7]}.{whole[7:11]}.{whole[11:]}"


_NATIONAL: tuple[tuple[str, str, Callable[[Draw], str]], ...] = (
    ("USA", "social security number", _us_number),
    ("Spain", "DNI", _spanish_number),
    ("France", "numéro de sécurité sociale", _french_number),
    ("Poland", "PESEL", _polish_number),
    ("Brazil", "CPF", _brazilian_number),
    ("Netherlands", "BSN", _dutch_number),
    ("United Kingdom", "national insurance number", _british_number),
    ("Sweden", "personnummer", _swedish_number),
    ("Finland", "henkilötunnus", _finnish_number),
    ("Switzerland", "AHV number", _swiss_number),
)
_PHONES: tuple[Callable[[Draw], str], ...] = (
    lambda draw: f"+49 170 {draw.number(2000000, 9999999)}",
    lambda draw: f"+1 212-{draw.number(200, 999)}-{draw.number(1000, 9999)}",
    lambda draw: f"+4420{draw.number(70000000, 79999999)}",
    lambda draw: f"(312) {draw.number(200, 999)}-{draw.number(1000, 9999)}",
)


def _jwt(draw: Draw) -> str:
    def part(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    claims = '{"sub":"' + draw.text(_WORD, 16) + '","admin":true}'
    return ".".join((part('{"alg":"HS256","typ":"JWT"}'), part(claims), draw.key(_WORD, 43)))


def _pem(draw: Draw) -> str:
    kind = "RSA PRIVATE KEY"
    lines = "\n".join(draw.key(_WORD + "+/", 64) for _ in range(6))
    return f"-----BEGIN {kind}-----\nMIIE{lines}\n-----END {kind}-----"


_SECRETS: dict[str, Callable[[Draw], str]] = {
    "aws-id": lambda draw: "AKIA" + draw.key(string.ascii_uppercase + "234567", 16),
    "github": lambda draw: "ghp_" + draw.key(_WORD, 36),
    "github-fine": lambda draw: f"github_pat_{draw.key(_WORD, 22)}_{draw.key(_WORD, 59)}",
    "gitlab": lambda draw: "glpat-" + draw.key(_WORD, 20),
    "openai": lambda draw: "sk-proj-" + draw.key(_WORD, 48),
    "anthropic": lambda draw: f"sk-ant-api03-{draw.key(_WORD, 93)}AA",
    "stripe": lambda draw: "sk_live_" + draw.key(_WORD, 24),
    "slack": lambda draw: f"xoxb-{draw.text(_DIGITS, 12)}-{draw.text(_DIGITS, 12)}-{draw.key(_WORD, 24)}",
    "google": lambda draw: "AIza" + draw.key(_WORD, 35),
    "npm": lambda draw: "npm_" + draw.key(_WORD, 36),
    "sendgrid": lambda draw: f"SG.{draw.key(_WORD, 22)}.{draw.key(_WORD, 43)}",
    "hugging-face": lambda draw: "hf_" + draw.key(_LETTERS, 34),
    "digitalocean": lambda draw: "dop_v1_" + draw.key(_HEX, 64),
    "jwt": _jwt,
    "pem": _pem,
    "password": lambda draw: f"{draw.key(_WORD, 9)}!{draw.key(_WORD, 9)}",
    "aws-secret": lambda draw: draw.key(_WORD + "/", 40),
    "api-key": lambda draw: draw.key(_WORD, 40),
    "bearer": lambda draw: draw.key(_WORD, 40),
    "url": lambda draw: f"https://deploy:{draw.key(_WORD, 20)}@git.example.org/team/repo.git",
}
_AROUND: dict[str, str] = {
    "password": "password: {}",
    "aws-secret": "aws_secret_access_key = {}",
    "api-key": "API_KEY={}",
    "bearer": "Authorization: Bearer {}",
    "pem": "The key of the server:\n{}\n",
    "url": "Clone it from {} first.",
}


def _secret(kind: str, number: int) -> Canary:
    draw = Draw(f"secret-{number}-{kind}")
    value = _SECRETS[kind](draw)
    owner = f"secret-{number}-{kind}"
    text = _AROUND.get(kind, "Use the key {} for it.").format(value)
    if kind == "url":
        password = value.split(":")[2].split("@")[0]
        return Canary(owner, "URLCredentials", value, text, (password,))
    if kind == "pem":
        lines = value.split("\n")[1:-1]
        return Canary(owner, "Secret", value, text, tuple(lines))
    return Canary(owner, "Secret", value, text, (value[-12:],))
