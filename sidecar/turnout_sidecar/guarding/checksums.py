"""Check digits: whether a number can be what it looks like.

A shape alone is no evidence: one number in ten has a right Luhn digit, one in ninety-seven a right IBAN. The detectors combine
shape, check digits and the words around.

Rules: pure; digits come as strings of ASCII digits already cleaned of separators; a wrong length is false, never an error.
"""

import hashlib
from operator import mul

_DOUBLED = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
_VALUES = bytes.maketrans(b"0123456789", bytes(range(10)))
_VERHOEFF_D = tuple(
    tuple(map(int, row))
    for row in (
        "0123456789",
        "1234067895",
        "2340178956",
        "3401289567",
        "4012395678",
        "5987604321",
        "6598710432",
        "7659821043",
        "8765932104",
        "9876543210",
    )
)
_VERHOEFF_P = tuple(
    tuple(map(int, row))
    for row in (
        "0123456789",
        "1576283094",
        "5803796142",
        "8916043527",
        "9453126870",
        "4286573901",
        "2793806415",
        "7046913258",
    )
)
_CODES = {char: str(value) for value, char in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 10)}
_LETTER_VALUES = str.maketrans(_CODES)
_BASE58 = {char: value for value, char in enumerate("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")}
_RIPPLE = {char: value for value, char in enumerate("rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz")}
_BECH32 = {char: value for value, char in enumerate("qpzry9x8gf2tvdw0s3jn54khce6mua7l")}
_BECH32_STEPS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_SUMS = {1, 0x2BC830A3}


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1: cards, Canadian, Swedish and South African numbers."""
    return luhn_raw(digits.encode())


def luhn_raw(raw: bytes) -> bool:
    """The same for digits in ASCII."""
    # a digit's code is 48 more than the digit
    return (sum(raw[-1::-2]) - 48 * ((len(raw) + 1) // 2) + sum(raw[-2::-2].translate(_DOUBLED))) % 10 == 0


def weighted(digits: str, weights: tuple[int, ...]) -> int:
    """The sum of digits times weights, as far as both reach."""
    return sum(map(mul, weights, digits.encode().translate(_VALUES)))


def mod97(text: str) -> bool:
    """ISO 7064 MOD 97-10 of an IBAN: upper case, no separators."""
    country = _CODES[text[0]] + _CODES[text[1]]
    account = text[4:]
    if not account.isdecimal():
        account = account.translate(_LETTER_VALUES)
    return int(account + country + text[2:4]) % 97 == 1


def mod11_10(digits: str) -> bool:
    """ISO 7064 MOD 11,10: the German tax id."""
    product = 10
    for digit in digits[:-1]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def verhoeff(digits: str) -> bool:
    """Verhoeff: Aadhaar."""
    check = 0
    for place, digit in enumerate(map(int, reversed(digits))):
        check = _VERHOEFF_D[check][_VERHOEFF_P[place % 8][digit]]
    return check == 0


def base58check(text: str, *, ripple: bool = False) -> bool:
    """Base58Check of an address: a version, 20 bytes and the first four of a double SHA-256."""
    values = _RIPPLE if ripple else _BASE58
    number = 0
    for char in text:
        value = values.get(char)
        if value is None:
            return False
        number = number * 58 + value
    raw = number.to_bytes(26, "big") if number.bit_length() <= 208 else b""  # noqa: PLR2004 - 26 bytes
    return any(raw and _sealed(raw[-length:]) for length in (25, 26))


def _sealed(payload: bytes) -> bool:
    return hashlib.sha256(hashlib.sha256(payload[:-4]).digest()).digest()[:4] == payload[-4:]


def bech32(text: str) -> bool:
    """BIP-173 and BIP-350: a prefix, 1, data and a six-character checksum."""
    text = text.lower()
    prefix, _, data = text.rpartition("1")
    if not prefix or len(data) < 6:  # noqa: PLR2004 - the checksum
        return False
    values = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    for char in data:
        value = _BECH32.get(char)
        if value is None:
            return False
        values.append(value)
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, step in enumerate(_BECH32_STEPS):
            if top >> bit & 1:
                check ^= step
    return check in _BECH32_SUMS
