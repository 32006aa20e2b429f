"""Whether a national identity number of Asia, the Middle East or the former Soviet Union can be one.

The same as id_checks, whose rules hold here too.

Rules: pure; a value comes in upper case without separators and in the shape that the country uses.
"""

import re

from turnout_sidecar.guarding.checksums import luhn, verhoeff, weighted
from turnout_sidecar.guarding.id_checks import date

_PAN = re.compile(r"[A-Z]{3}[ABCFGHLJPTE][A-Z]\d{4}[A-Z]")


def aadhaar_any(value: str) -> bool:
    """India, also numbers never issued."""
    return verhoeff(value)


def turkish(value: str) -> bool:
    """Turkey."""
    digits = [int(char) for char in value]
    tenth = (sum(digits[0:9:2]) * 7 - sum(digits[1:8:2])) % 10
    return value[0] != "0" and tenth == digits[9] and sum(digits[:10]) % 10 == digits[10]


def chinese(value: str) -> bool:
    """China, resident identity."""
    total = weighted(value, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))
    return value[6:8] in {"19", "20"} and date(value[10:12], value[12:14]) and "10X98765432"[total % 11] == value[17]


def japanese(value: str) -> bool:
    """Japan, My Number."""
    rest = weighted(value, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return (0 if rest < 2 else 11 - rest) == int(value[11])  # noqa: PLR2004


def israeli(value: str) -> bool:
    """Israel."""
    return luhn(value.zfill(9))


def korean(value: str) -> bool:
    """South Korea."""
    return date(value[2:4], value[4:6]) and value[6] in "12345678"


def singaporean(value: str) -> bool:
    """Singapore, NRIC and FIN."""
    total = weighted(value[1:8], (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(value[0], 0)
    if value[0] == "M":
        return "KLJNPQRTUWX"[10 - total % 11] == value[8]
    return value[0] in "STFG" and ("JZIHGFEDCBA" if value[0] in "ST" else "XWUTRQPNMLK")[total % 11] == value[8]


def hong_kong(value: str) -> bool:
    """Hong Kong."""
    letters = value[:-7]
    total = 36 * 9 if len(letters) == 1 else (ord(letters[0]) - 55) * 9
    total += (ord(letters[-1]) - 55) * 8 + weighted(value[-7:], (7, 6, 5, 4, 3, 2))
    check = -total % 11
    return ("A" if check == 10 else str(check)) == value[-1]  # noqa: PLR2004


def taiwanese(value: str) -> bool:
    """Taiwan."""
    code = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(value[0]) + 10
    return (
        value[1] in "1289" and (code // 10 + code % 10 * 9 + weighted(value[1:], (8, 7, 6, 5, 4, 3, 2, 1, 1))) % 10 == 0
    )


def snils(value: str) -> bool:
    """Russia, pension insurance."""
    total = weighted(value, (9, 8, 7, 6, 5, 4, 3, 2, 1))
    return total % 101 % 100 == int(value[9:])


def inn(value: str) -> bool:
    """Russia, tax number of a person."""
    first = weighted(value, (7, 2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10
    second = weighted(value, (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10
    return value[10:] == f"{first}{second}"


def kazakh(value: str) -> bool:
    """Kazakhstan."""
    check = weighted(value, (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)) % 11
    if check == 10:  # noqa: PLR2004 - the second set of weights
        check = weighted(value, (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2)) % 11
    return date(value[2:4], value[4:6]) and check == int(value[11])


def thai(value: str) -> bool:
    """Thailand."""
    check = (11 - weighted(value, (13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11) % 10
    return value[0] != "0" and check == int(value[12])


def malaysian(value: str) -> bool:
    """Malaysia."""
    return date(value[2:4], value[4:6])


def indonesian(value: str) -> bool:
    """Indonesia, NIK."""
    return int(value[:2]) >= 11 and date(value[8:10], str(int(value[6:8]) % 40))  # noqa: PLR2004 - provinces


def emirati(value: str) -> bool:
    """United Arab Emirates."""
    return value.startswith("784") and luhn(value)


def egyptian(value: str) -> bool:
    """Egypt."""
    return value[0] in "23" and date(value[3:5], value[5:7])


def pan(value: str) -> bool:
    """India, permanent account number."""
    return _PAN.fullmatch(value) is not None
