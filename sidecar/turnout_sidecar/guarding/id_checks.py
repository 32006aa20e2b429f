"""Whether a national identity number can be one: the arithmetic of each country, by what the issuing authorities publish.

Rules: pure; a value comes in upper case without separators and in the shape that the country uses, so that a wrong length never
gets here; dates are looked at loosely (month and day), since centuries are coded in many ways.
"""

import re

from turnout_sidecar.guarding.checksums import luhn, mod11_10, weighted

_MONTHS = frozenset(form for month in range(1, 13) for form in (f"{month}", f"{month:02}"))
_DAYS = frozenset(form for day in range(1, 32) for form in (f"{day}", f"{day:02}"))


def date(month: str, day: str) -> bool:
    """Whether these can be a month and a day, of one digit or two."""
    return month in _MONTHS and day in _DAYS


def us(value: str) -> bool:
    """Also numbers never issued: whoever writes one so means one."""
    return value[:3] != "000" and value[3:5] != "00" and value[5:] != "0000"


def nhs(value: str) -> bool:
    """United Kingdom, National Health Service."""
    return (11 - weighted(value, (10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11) % 11 == int(value[9])


_NIE = str.maketrans("XYZ", "012")
_NIE_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def dni(value: str) -> bool:
    """Spain, DNI and NIE."""
    digits = value[:-1].translate(_NIE)
    return digits.isdecimal() and _NIE_LETTERS[int(digits) % 23] == value[-1]


_CF_ODD = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", (
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25,
    24, 23), strict=True))  # fmt: skip


def codice_fiscale(value: str) -> bool:
    """Italy."""
    total = sum(_CF_ODD[char] for char in value[:15:2])
    total += sum(int(char) if char.isdecimal() else ord(char) - 65 for char in value[1:15:2])
    return chr(65 + total % 26) == value[15]


def nir(value: str) -> bool:
    """France, social security."""
    body = value[:13].replace("2A", "19").replace("2B", "18")
    return value[0] in "123478" and body.isdecimal() and 97 - int(body) % 97 == int(value[13:])


def steuer(value: str) -> bool:
    """Germany, tax id."""
    counts = sorted(value.count(digit, 0, 10) for digit in set(value[:10]))
    return value[0] != "0" and counts[-1] in {2, 3} and (len(counts) == 1 or counts[-2] == 1) and mod11_10(value)


def bsn(value: str) -> bool:
    """Netherlands."""
    return value != "000000000" and weighted(value, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def pesel(value: str) -> bool:
    """Poland."""
    right = weighted(value, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0
    return right and date(str(int(value[2:4]) % 20), value[4:6])


def swedish(value: str) -> bool:
    """Sweden, personal and coordination numbers."""
    short = value[-10:]
    day = int(short[4:6])
    return date(short[2:4], str(day - 60 if day > 60 else day)) and luhn(short)  # noqa: PLR2004 - coordination numbers


def hetu(value: str) -> bool:
    """Finland."""
    check = "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(value[:6] + value[-4:-1]) % 31]
    return date(value[2:4], value[:2]) and check == value[-1]


def ahv(value: str) -> bool:
    """Switzerland."""
    return value.startswith("756") and (10 - weighted(value, (1, 3) * 6) % 10) % 10 == int(value[12])


_TEN_DOWN, _ELEVEN_DOWN = tuple(range(10, 1, -1)), tuple(range(11, 1, -1))


def cpf(value: str) -> bool:
    """Brazil, persons."""
    if len(set(value)) == 1:
        return False
    first = weighted(value, _TEN_DOWN) * 10 % 11 % 10
    return value[9:] == f"{first}{weighted(value, _ELEVEN_DOWN) * 10 % 11 % 10}"


_CNPJ = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)


def cnpj(value: str) -> bool:
    """Brazil, companies."""
    first = weighted(value, _CNPJ[1:]) % 11
    second = weighted(value, _CNPJ) % 11
    return value[12:] == f"{0 if first < 2 else 11 - first}{0 if second < 2 else 11 - second}"  # noqa: PLR2004


def tfn(value: str) -> bool:
    """Australia, tax file number."""
    return weighted(value, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def medicare(value: str) -> bool:
    """Australia, Medicare."""
    return value[0] in "23456" and weighted(value, (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(value[8])


def sin(value: str) -> bool:
    """Canada."""
    return value[0] != "0" and luhn(value)


def luhn_only(value: str) -> bool:
    """Numbers with a Luhn digit and no more."""
    return luhn(value)


def norwegian(value: str) -> bool:
    """Norway, birth and D numbers."""
    first = -weighted(value, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
    second = -weighted(value, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return value[9:] == f"{first}{second}" and date(str(int(value[2:4]) % 40), str(int(value[:2]) % 40))


def belgian(value: str) -> bool:
    """Belgium, before and after 2000."""
    body, check = value[:9], int(value[9:])
    return 97 - int(body) % 97 == check or 97 - int("2" + body) % 97 == check


def romanian(value: str) -> bool:
    """Romania."""
    if value[0] not in "12345678" or not date(value[3:5], value[5:7]):
        return False
    check = weighted(value, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return (1 if check == 10 else check) == int(value[12])  # noqa: PLR2004


def yugoslav(value: str) -> bool:
    """JMBG and EMSO: Serbia, Slovenia, Bosnia, North Macedonia, Montenegro."""
    if not date(value[2:4], value[:2]):
        return False
    return -weighted(value, (7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11 % 10 == int(value[12])


def baltic(value: str) -> bool:
    """Estonia and Lithuania."""
    check = weighted(value, (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    if check == 10:  # noqa: PLR2004 - the second set of weights
        check = weighted(value, (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    return value[0] in "123456" and date(value[3:5], value[5:7]) and check == int(value[10])


def latvian(value: str) -> bool:
    """Latvia, old and new numbers."""
    if value[:2] == "32":
        return True
    return date(value[2:4], value[:2])


def austrian(value: str) -> bool:
    """Austria, social insurance."""
    if value[0] == "0" or not 1 <= int(value[6:8]) <= 15:  # noqa: PLR2004 - months to 15
        return False
    return weighted(value, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)) % 11 == int(value[3])


def south_african(value: str) -> bool:
    """South Africa."""
    return date(value[2:4], value[4:6]) and value[10] in "012" and luhn(value)


def danish(value: str) -> bool:
    """Denmark."""
    return date(value[2:4], value[:2])


def icelandic(value: str) -> bool:
    """Iceland."""
    if value[9] not in "890" or not date(value[2:4], value[:2]):
        return False
    return -weighted(value, (3, 2, 7, 6, 5, 4, 3, 2)) % 11 == int(value[8])


def portuguese(value: str) -> bool:
    """Portugal, tax number."""
    rest = 11 - weighted(value, (9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return (0 if rest > 9 else rest) == int(value[8])  # noqa: PLR2004


def greek_tax(value: str) -> bool:
    """Greece, AFM."""
    return weighted(value, (256, 128, 64, 32, 16, 8, 4, 2)) % 11 % 10 == int(value[8])


def amka(value: str) -> bool:
    """Greece, social security."""
    return date(value[2:4], value[:2]) and luhn(value)


def bulgarian(value: str) -> bool:
    """Bulgaria."""
    month = int(value[2:4]) % 20
    return date(str(month), value[4:6]) and weighted(value, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10 == int(value[9])


def czech(value: str) -> bool:
    """Czechia and Slovakia."""
    return int(value) % 11 in {0, 10} and int(value[2:4]) % 50 % 20 <= 12  # noqa: PLR2004 - a month


def irish(value: str) -> bool:
    """Ireland."""
    total = weighted(value, (8, 7, 6, 5, 4, 3, 2)) + (9 * (ord(value[8]) - 64) if len(value) == 9 else 0)  # noqa: PLR2004
    return "WABCDEFGHIJKLMNOPQRSTUV"[total % 23] == value[7] or (value[8:] in {"W", "T", "X"} and _old_irish(value))


def _old_irish(value: str) -> bool:
    return "WABCDEFGHIJKLMNOPQRSTUV"[weighted(value, (8, 7, 6, 5, 4, 3, 2)) % 23] == value[7]


def chilean(value: str) -> bool:
    """Chile."""
    total = sum(int(digit) * (2 + place % 6) for place, digit in enumerate(reversed(value[:-1])))
    return "0K987654321"[total % 11] == value[-1]


def uruguayan(value: str) -> bool:
    """Uruguay."""
    return -weighted(value, (2, 9, 8, 7, 6, 3, 4)) % 10 == int(value[7])


def cuit(value: str) -> bool:
    """Argentina, CUIT and CUIL."""
    check = 11 - weighted(value, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return value[:2] in {"20", "23", "24", "25", "26", "27", "30", "33", "34"} and (
        9 if check == 10 else check % 11  # noqa: PLR2004
    ) == int(value[10])


def ecuadorian(value: str) -> bool:
    """Ecuador."""
    return 1 <= int(value[:2]) <= 24 and luhn(value)  # noqa: PLR2004 - provinces


_NINO_UNUSED = {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


def british(value: str) -> bool:
    """United Kingdom, National Insurance."""
    return (
        value[0] not in "DFIQUV" and value[1] not in "DFIOQUV" and value[:2] not in _NINO_UNUSED and value[8] in "ABCD"
    )


def ird(value: str) -> bool:
    """New Zealand."""
    check = -weighted(value.zfill(9), (3, 2, 7, 6, 5, 4, 3, 2)) % 11
    if check == 10:  # noqa: PLR2004 - the second set of weights
        check = -weighted(value.zfill(9), (7, 4, 3, 2, 5, 2, 7, 6)) % 11
    return check == int(value[-1])


def taj(value: str) -> bool:
    """Hungary, social security."""
    return weighted(value, (3, 7, 3, 7, 3, 7, 3, 7)) % 10 == int(value[8])


def oib(value: str) -> bool:
    """Croatia."""
    return mod11_10(value)


def any_number(value: str) -> bool:
    """Any number whose digits are not nearly all the same."""
    return len(set(value)) > 2  # noqa: PLR2004 - not all the same


def always(_value: str) -> bool:
    """Whatever has the shape."""
    return True


_CURP = re.compile(r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[A-Z0-9]\d")
_RFC = re.compile(r"[A-ZÑ&]{4}\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[A-Z0-9]{2}[0-9A]")


def curp(value: str) -> bool:
    """Mexico, population register."""
    return _CURP.fullmatch(value) is not None and date(value[6:8], value[8:10])


def rfc(value: str) -> bool:
    """Mexico, tax register of persons."""
    return _RFC.fullmatch(value) is not None
