"""Accounts to which money can be sent: IBANs and the addresses of crypto wallets.

Both carry check digits, so that a look alone is never enough: an IBAN also has the length of its country, a wallet the version and
checksum of its network. Ethereum's addresses are taken by their form (0x and forty hexadecimal digits).

Rules: IBANs in blocks of four, with spaces or hyphens, dots, or in one piece.
"""

import re

from turnout_sidecar.guarding.checksums import base58check, bech32, mod97
from turnout_sidecar.guarding.findings import Claim
from turnout_sidecar.guarding.page import Page
from turnout_sidecar.guarding.words import Words

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
_SEPARATORS = str.maketrans("", "", " .-\n")
_BASE58 = re.compile(r"[13LMDXA9t][1-9A-HJ-NP-Za-km-z]{25,35}")
_TRON = re.compile(r"T[1-9A-HJ-NP-Za-km-z]{33}")
_RIPPLE = re.compile(r"r[1-9A-HJ-NP-Za-km-z]{24,34}")
_BECH32 = re.compile(r"(?:bc|tb|ltc|addr|cosmos|osmo|bnb|terra|inj|stake)1[02-9ac-hj-np-z]{11,100}", re.IGNORECASE)
_ETHEREUM = re.compile(r"0x[0-9a-fA-F]{40}")
_SHORTEST = 14
_SOLANA_LENGTHS = range(32, 45)
_MONERO_LENGTH = 95
_MONERO = re.compile(r"[48][0-9AB][1-9A-HJ-NP-Za-km-z]{93}")
_SOLANA = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")
_SOLANA_WORDS = Words(r"solana|\bsol\b|wallet|phantom|\bspl\b")


def iban_at(text: str, at: int) -> Claim | None:
    """The IBAN of one of the registry's countries that begins here."""
    if not _fresh(text, at):
        return None
    country = text[at : at + 2]
    length = _LENGTHS.get(country.upper())
    if length is None:
        return None
    solid = text[at : at + length]
    if solid.isalnum():
        # most are written in one piece
        end = at + length
        if len(solid) < length or text[end : end + 1].isalnum() or not (solid.isascii() and mod97(solid.upper())):
            return None
        return Claim(3, at, end, "IBAN", "iban")
    found = _BLOCKS.match(text, at)
    if found is None:
        return None
    written = found[0]
    plain = written.translate(_SEPARATORS)
    if len(plain) < length:
        return None
    end = at + length
    if plain != written:
        left = length
        for end, char in enumerate(written, at + 1):  # noqa: B007 - where the last of them stands
            left -= char not in " .-\n"
            if not left:
                break
    if text[end : end + 1].isalnum():
        return None
    return Claim(3, at, end, "IBAN", "iban") if mod97(plain[:length].upper()) else None


def _fresh(text: str, at: int) -> bool:
    before = text[at - 1 : at] if at else ""
    return not (
        before.isalnum() or before == "_" or (before in {"-", "."} and before and text[at - 2 : at - 1].isalnum())
    )


def wallet(page: Page, token: str, start: int) -> Claim | None:
    """The wallet that one long word is."""
    found = _is_wallet(token)
    if not found and len(token) in _SOLANA_LENGTHS and not token.isalpha() and _SOLANA.fullmatch(token):
        found = page.near(_SOLANA_WORDS, start)
    if found:
        return Claim(2, start, start + len(token), "CryptoWallet", "wallet")
    return None


def like_wallet(token: str) -> bool:
    """Whether this has a wallet's form, whatever its checksum: then it is a wallet mistyped, and no key."""
    return token[0] in "13LMDXA9tT" and (_BASE58.fullmatch(token) or _TRON.fullmatch(token)) is not None


def _is_wallet(token: str) -> bool:
    if len(token) < _SHORTEST:
        return False
    first = token[0]
    if first == "0":
        return _ETHEREUM.fullmatch(token) is not None
    if first in "13LMDXA9tT":
        return (_BASE58.fullmatch(token) or _TRON.fullmatch(token)) is not None and base58check(token)
    if first == "r":
        return _RIPPLE.fullmatch(token) is not None and base58check(token, ripple=True)
    if "1" in token and _BECH32.fullmatch(token):
        return bech32(token)
    return len(token) == _MONERO_LENGTH and first in "48" and _MONERO.fullmatch(token) is not None
