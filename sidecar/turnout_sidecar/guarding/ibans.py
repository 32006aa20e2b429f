"""International bank account numbers, ISO 13616: a country, two check digits and what the country's banks make of the rest.

Rules: one has the length of its country and the right check digits; it is written in one piece or in blocks of four, with spaces,
hyphens or dots between them.
"""

import re

from turnout_sidecar.guarding.checksums import mod97
from turnout_sidecar.guarding.findings import Claim

_REGISTRY = (
    "AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BI:27 BR:29 BY:28 CH:21 CR:22 CY:28 CZ:24 DE:22 DJ:27 "
    "DK:18 DO:28 EE:20 EG:29 ES:24 FI:18 FK:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27 GT:28 HN:28 HR:21 HU:28 "
    "IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 KW:30 KZ:20 LB:28 LC:32 LI:21 LT:20 LU:20 LV:21 LY:25 MC:27 MD:24 ME:22 "
    "MK:19 MN:20 MR:27 MT:31 MU:30 NI:28 NL:18 NO:15 OM:23 PK:24 PL:28 PS:29 PT:25 QA:29 RO:24 RS:22 RU:33 SA:24 "
    "SC:31 SD:18 SE:24 SI:19 SK:24 SM:27 SO:23 ST:25 SV:28 TL:23 TN:24 TR:26 UA:29 VA:22 VG:24 XK:20 YE:30"
)
_LENGTHS = {pair[:2]: int(pair[3:]) for pair in _REGISTRY.split()}
_BLOCKS = re.compile(
    r"[A-Za-z]{2}\d\d[ .\-]?\n?(?:[A-Za-z0-9]{4}[ .\-]?\n?){2,7}[A-Za-z0-9]{0,4}|[A-Za-z]{2}\d\d[A-Za-z0-9]{11,30}"
)
_BETWEEN = " .-\n"


def iban_at(text: str, at: int) -> Claim | None:
    """The IBAN of one of the registry's countries that begins here."""
    length = _LENGTHS.get(text[at : at + 2].upper())
    if length is None or not _fresh(text, at):
        return None
    plain = text[at : at + length]
    end = at + length
    if plain.isalnum():
        # most are written in one piece
        if len(plain) < length or not plain.isascii():
            return None
    else:
        found = _BLOCKS.match(text, at)
        if found is None:
            return None
        written = found[0]
        plain = _solid(written)
        if len(plain) < length:
            return None
        end = _end(text, at, length, written) if plain != written else end
        plain = plain[:length]
    if text[end : end + 1].isalnum() or not mod97(plain.upper()):
        return None
    return Claim(3, at, end, "IBAN", "iban")


def _solid(written: str) -> str:
    # four replacements cost a third of a translation
    return written.replace(" ", "").replace("-", "").replace(".", "").replace("\n", "")


def _end(text: str, at: int, length: int, written: str) -> int:
    """Where so many letters and digits end."""
    end = at + length + (length - 1) // 4
    if text[end - 1 : end].isalnum() and len(_solid(text[at:end])) == length:
        # as most are, with one sign behind each block of four
        return end
    left = length
    for end, char in enumerate(written, at + 1):  # noqa: B007 - where the last of them stands
        left -= char not in _BETWEEN
        if not left:
            break
    return end


def _fresh(text: str, at: int) -> bool:
    before = text[at - 1 : at] if at else ""
    return not (
        before.isalnum() or before == "_" or (before in {"-", "."} and before and text[at - 2 : at - 1].isalnum())
    )
