"""National identity numbers of some thirty countries, told by shape, check digits and the words before them.

A number whose shape or check digits leave little doubt is found anywhere; a bare run of digits that one number in ten would pass
needs a word before it that speaks of such a number, in the languages of its country or in English.

Rules: a rule sees digits and letters in upper case without separators; a US number of the usual shape with its hyphens is found
even where it could never have been issued, since it is meant to be one.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from turnout_sidecar.guarding.checksums import luhn, mod11_10, verhoeff, weighted

_ANY_ID = (
    "national id|national number|identity|identification|identifiant|identit|id card|id no|id number|id nr|"
    "tax id|taxpayer|social security|social insurance|personal id|personal number|personal code|citizen|passport|"
    "government id|insurance n|personnummer|personummer|personnr|personal-nr|ausweis|documento|ssn|tin:|nin:"
)
ANY_ID = tuple(_ANY_ID.split("|"))


class Identity(NamedTuple):
    """How the number of one country is told; `sure` needs no word before it."""

    rule: str
    check: Callable[[str], bool]
    words: tuple[str, ...]
    sure: bool = False


def _rule(rule: str, check: Callable[[str], bool], words: str, *, sure: bool = False) -> Identity:
    return Identity(rule, check, tuple(words.split("|")), sure)


def _date(month: str, day: str) -> bool:
    return 1 <= int(month) <= 12 and 1 <= int(day) <= 31  # noqa: PLR2004 - a calendar


def _us(value: str) -> bool:
    return value[:3] != "000" and value[3:5] != "00" and value[5:] != "0000"


def _nhs(value: str) -> bool:
    return (11 - weighted(value, (10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11) % 11 == int(value[9])


def _dni(value: str) -> bool:
    digits = value[:-1].translate(_NIE)
    return digits.isdecimal() and "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23] == value[-1]


_NIE = str.maketrans("XYZ", "012")
_CF_ODD = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", (
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25,
    24, 23), strict=True))  # fmt: skip


def _codice_fiscale(value: str) -> bool:
    total = sum(_CF_ODD[char] for char in value[:15:2])
    total += sum(int(char) if char.isdecimal() else ord(char) - 65 for char in value[1:15:2])
    return chr(65 + total % 26) == value[15]


def _nir(value: str) -> bool:
    body = value[:13].replace("2A", "19").replace("2B", "18")
    return value[0] in "1278" and body.isdecimal() and 97 - int(body) % 97 == int(value[13:])


def _steuer(value: str) -> bool:
    counts = sorted(value.count(digit, 0, 10) for digit in set(value[:10]))
    return value[0] != "0" and counts[-1] in {2, 3} and (len(counts) == 1 or counts[-2] == 1) and mod11_10(value)


def _bsn(value: str) -> bool:
    return value != "000000000" and weighted(value, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def _pesel(value: str) -> bool:
    month = int(value[2:4]) % 20
    right = weighted(value, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0
    return right and _date(str(month), value[4:6])


def _swedish(value: str) -> bool:
    short = value[-10:]
    day = int(short[4:6])
    return _date(short[2:4], str(day - 60 if day > 60 else day)) and luhn(short)  # noqa: PLR2004


def _hetu(value: str) -> bool:
    check = "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(value[:6] + value[-4:-1]) % 31]
    return _date(value[2:4], value[:2]) and check == value[-1]


def _ahv(value: str) -> bool:
    return value.startswith("756") and (10 - weighted(value, (1, 3) * 6) % 10) % 10 == int(value[12])


_TEN_DOWN, _ELEVEN_DOWN = tuple(range(10, 1, -1)), tuple(range(11, 1, -1))


def _cpf(value: str) -> bool:
    if len(set(value)) == 1:
        return False
    first = weighted(value, _TEN_DOWN) * 10 % 11 % 10
    second = weighted(value, _ELEVEN_DOWN) * 10 % 11 % 10
    return value[9:] == f"{first}{second}"


def _aadhaar(value: str) -> bool:
    return value[0] in "23456789" and verhoeff(value)


def _aadhaar_any(value: str) -> bool:
    return verhoeff(value)


def _tfn(value: str) -> bool:
    return weighted(value, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def _sin(value: str) -> bool:
    return value[0] != "0" and luhn(value)


def _norwegian(value: str) -> bool:
    first = -weighted(value, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
    second = -weighted(value, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return value[9:] == f"{first}{second}" and _date(str(int(value[2:4]) % 40), str(int(value[:2]) % 40))


def _belgian(value: str) -> bool:
    body, check = value[:9], int(value[9:])
    return 97 - int(body) % 97 == check or 97 - int("2" + body) % 97 == check


def _turkish(value: str) -> bool:
    digits = [int(char) for char in value]
    tenth = (sum(digits[0:9:2]) * 7 - sum(digits[1:8:2])) % 10
    return value[0] != "0" and tenth == digits[9] and sum(digits[:10]) % 10 == digits[10]


def _chinese(value: str) -> bool:
    total = weighted(value, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))
    return value[6:8] in {"19", "20"} and _date(value[10:12], value[12:14]) and "10X98765432"[total % 11] == value[17]


def _romanian(value: str) -> bool:
    check = weighted(value, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return value[0] in "12345678" and _date(value[3:5], value[5:7]) and (1 if check == 10 else check) == int(value[12])  # noqa: PLR2004


def _south_african(value: str) -> bool:
    return _date(value[2:4], value[4:6]) and luhn(value)


def _korean(value: str) -> bool:
    return _date(value[2:4], value[4:6]) and value[6] in "12345678"


def _danish(value: str) -> bool:
    return _date(value[2:4], value[:2])


def _portuguese(value: str) -> bool:
    rest = 11 - weighted(value, (9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return (0 if rest > 9 else rest) == int(value[8])  # noqa: PLR2004


def _bulgarian(value: str) -> bool:
    month = int(value[2:4]) % 20
    return _date(str(month), value[4:6]) and weighted(value, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10 == int(value[9])


def _czech(value: str) -> bool:
    return int(value) % 11 == 0 and int(value[2:4]) % 50 % 20 <= 12  # noqa: PLR2004 - a month


def _irish(value: str) -> bool:
    total = weighted(value, (8, 7, 6, 5, 4, 3, 2)) + (9 * (ord(value[8]) - 64) if len(value) == 9 else 0)  # noqa: PLR2004
    return "WABCDEFGHIJKLMNOPQRSTUV"[total % 23] == value[7]


def _singaporean(value: str) -> bool:
    total = weighted(value[1:8], (2, 7, 6, 5, 4, 3, 2)) + (4 if value[0] in "TG" else 0)
    return ("JZIHGFEDCBA" if value[0] in "ST" else "XWUTRQPNMLK")[total % 11] == value[8]


def _chilean(value: str) -> bool:
    total = sum(int(digit) * (2 + place % 6) for place, digit in enumerate(reversed(value[:-1])))
    return "0K987654321"[total % 11] == value[-1]


def _taiwanese(value: str) -> bool:
    code = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(value[0]) + 10
    return (code // 10 + code % 10 * 9 + weighted(value[1:], (8, 7, 6, 5, 4, 3, 2, 1, 1))) % 10 == 0


def _british(value: str) -> bool:
    return (
        value[0] not in "DFIQUV" and value[1] not in "DFIOQUV" and value[:2] not in _NINO_UNUSED and value[8] in "ABCD"
    )


_NINO_UNUSED = {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


def _always(_value: str) -> bool:
    return True


_PAN = re.compile(r"[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]")
_CURP = re.compile(r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[A-Z0-9]\d")


def _pan(value: str) -> bool:
    return _PAN.fullmatch(value) is not None


def _curp(value: str) -> bool:
    return _CURP.fullmatch(value) is not None


SSN = _rule("id-us-ssn", _us, "ssn|social|tax", sure=True)
_SSN_BARE = _rule("id-us-ssn", _us, "ssn|social")
_SIN = _rule("id-ca-sin", _sin, " sin|canad|assurance| nas")
_TFN = _rule("id-au-tfn", _tfn, "tfn|tax|austral")
_BSN = _rule("id-nl-bsn", _bsn, "bsn|burgerservice|sofi|dutch")
_NIF_PT = _rule("id-pt-nif", _portuguese, "nif|contribuinte|fiscal")
_NHS = _rule("id-gb-nhs", _nhs, "nhs|patient|health")
_PESEL = _rule("id-pl-pesel", _pesel, "pesel", sure=True)
_STEUER = _rule("id-de-steuer", _steuer, "steuer|idnr|tax", sure=True)
_CPF = _rule("id-br-cpf", _cpf, "cpf|cadastro")
_BELGIAN = _rule("id-be-nn", _belgian, "rijksregister|registre national|insz|niss|national")
_NORWEGIAN = _rule("id-no-fnr", _norwegian, "fødsels|fodsels|fnr|d-nummer", sure=True)
_TURKISH = _rule("id-tr-tckn", _turkish, "kimlik|tckn|t.c.| tc ")
_SWEDISH = _rule("id-se-pnr", _swedish, "personnummer|pnr|samordning")
_AADHAAR = _rule("id-in-aadhaar", _aadhaar, "aadhar|aadhaar|uidai| uid ")
_AADHAAR_ANY = _rule("id-in-aadhaar", _aadhaar_any, "aadhar|aadhaar|uidai| uid ")
_NIR = _rule("id-fr-nir", _nir, " nir|insee|sociale|vitale", sure=True)
_DNI = _rule("id-es-dni", _dni, "dni|nif|nie", sure=True)
_HETU = _rule("id-fi-hetu", _hetu, "hetu|henkil", sure=True)
_CHINESE = _rule("id-cn-ric", _chinese, "身份证|resident", sure=True)
_AHV = _rule("id-ch-ahv", _ahv, "ahv|avs", sure=True)
_KOREAN = _rule("id-kr-rrn", _korean, "주민|rrn|resident", sure=True)
_DANISH = _rule("id-dk-cpr", _danish, "cpr|personnummer")
_CZECH = _rule("id-cz-rc", _czech, "rodn")


def sure(identity: Identity) -> Identity:
    """The same rule where the shape speaks for itself."""
    return identity._replace(sure=True)


# By shape: digits written 0, letters a. A separator of any other kind than these is no part of such a number.
BY_SHAPE: dict[str, tuple[Identity, ...]] = {
    "000-00-0000": (SSN,),
    "000 00 0000": (_SSN_BARE,),
    "000.00.0000": (_SSN_BARE,),
    "000000000": (_SSN_BARE, _SIN, _BSN, _TFN, _NIF_PT),
    "000-000-000": (sure(_SIN), _TFN),
    "000 000 000": (sure(_TFN), sure(_SIN), _BSN, _NIF_PT),
    "0000.00.000": (_BSN,),
    "0000 00 000": (_BSN,),
    "000 000 0000": (sure(_NHS),),
    "000-000-0000": (_NHS,),
    "0000000000": (_NHS, _SWEDISH, _DANISH, _rule("id-bg-egn", _bulgarian, "егн|egn"), _CZECH),
    "00000000000": (_PESEL, _STEUER, _NORWEGIAN, _CPF, _BELGIAN, _TURKISH),
    "00 000 000 000": (_STEUER,),
    "000000 00000": (_NORWEGIAN,),
    "00.00.00-000.00": (sure(_BELGIAN),),
    "000.000.000-00": (sure(_CPF),),
    "000 000 000 00": (sure(_CPF),),
    "000000-0000": (sure(_SWEDISH), _DANISH, _HETU._replace(sure=False)),
    "000000+0000": (sure(_SWEDISH),),
    "00000000-0000": (sure(_SWEDISH),),
    "000000000000": (_AADHAAR_ANY, _SWEDISH),
    "000000/0000": (sure(_CZECH),),
    "000000/000": (_rule("id-cz-rc", _always, "rodn"),),
    "0000 0000 0000": (sure(_AADHAAR), _AADHAAR_ANY),
    "0000-0000-0000": (sure(_AADHAAR), _AADHAAR_ANY),
    "0000000000000": (
        sure(_AHV),
        _rule("id-ro-cnp", _romanian, "cnp|cod numeric"),
        _rule("id-za-id", _south_african, "south africa|rsa|id "),
    ),
    "000.0000.0000.00": (_AHV,),
    "000 0000 0000 00": (_AHV,),
    "000000-0000000": (_KOREAN,),
    "000000000000000": (_NIR,),
    "0 00 00 00 000 000 00": (_NIR,),
    "0 00 00 00 000 000": (_rule("id-fr-nir", _always, "nir|insee|sociale"),),
    "000000000000000000": (_CHINESE,),
    "00000000000000000a": (_CHINESE,),
    "00000000a": (_DNI,),
    "00000000-a": (_DNI,),
    "00.000.000-a": (_DNI, _rule("id-cl-rut", _chilean, " rut|chile", sure=True)),
    "00.000.000-0": (_rule("id-cl-rut", _chilean, " rut|chile", sure=True),),
    "0.000.000-0": (_rule("id-cl-rut", _chilean, " rut|chile", sure=True),),
    "a0000000a": (_DNI, _rule("id-sg-nric", _singaporean, "nric|fin", sure=True)),
    "a-0000000-a": (_DNI,),
    "000000-000a": (_HETU,),
    "000000a000a": (_HETU,),
    "0000000a": (_rule("id-ie-pps", _irish, " pps"),),
    "0000000aa": (_rule("id-ie-pps", _irish, " pps", sure=True),),
    "aa000000a": (_rule("id-gb-nino", _british, "nino| ni |insurance", sure=True),),
    "aa 00 00 00 a": (_rule("id-gb-nino", _british, "nino| ni |insurance", sure=True),),
    "aaaaaa00a00a000a": (_rule("id-it-cf", _codice_fiscale, "fiscale", sure=True),),
    "aaaaa0000a": (_rule("id-in-pan", _pan, " pan|income tax|permanent account", sure=True),),
    "a000000000": (_rule("id-tw-id", _taiwanese, "taiwan|身分證", sure=True),),
    "aaaa000000aaaaaa00": (_rule("id-mx-curp", _curp, "curp", sure=True),),
    "aaaa000000aaaaaaa0": (_rule("id-mx-curp", _curp, "curp", sure=True),),
}
