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
_BECH32_PREFIXES = ("bc1", "tb1", "ltc1", "addr1", "cosmos1", "osmo1", "bnb1", "terra1", "inj1", "stake1")
_LONGEST_PREFIX = max(map(len, _BECH32_PREFIXES))
_BECH32 = re.compile(rf"(?:{'|'.join(_BECH32_PREFIXES)})[02-9ac-hj-np-z]{{11,100}}", re.IGNORECASE)
_FIRSTS = "13LMDXA9tT"
_BASE58_LENGTHS = range(26, 37)
_RIPPLE_LENGTHS = range(25, 36)
_ETHEREUM_LENGTH = 42
_ETHEREUM = re.compile(r"0x[0-9a-fA-F]{40}")
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


def wallet(page: Page, token: str, start: int) -> tuple[bool, Claim | None]:
    """Whether a long word of letters and digits has the form of most wallets, whatever its checksum, and the wallet that it is.

    What has the form and is none is a wallet mistyped, and no key.
    """
    first, length = token[0], len(token)
    like = False
    if first in _FIRSTS:
        if length in _BASE58_LENGTHS:
            like = (_BASE58.fullmatch(token) or _TRON.fullmatch(token)) is not None
        found = like and base58check(token)
    else:
        found = _is_wallet(token, first, length)
    # a zero, which most digests have, is none of its letters
    if (
        not found
        and length in _SOLANA_LENGTHS
        and "0" not in token
        and not token.isalpha()
        and _SOLANA.fullmatch(token)
    ):
        found = page.near(_SOLANA_WORDS, start)
    return like, Claim(2, start, start + length, "CryptoWallet", "wallet") if found else None


def _is_wallet(token: str, first: str, length: int) -> bool:
    """Whether this is one of the wallets that are not told by their first letter and form."""
    if first == "0":
        return length == _ETHEREUM_LENGTH and _ETHEREUM.fullmatch(token) is not None
    if first == "r":
        return length in _RIPPLE_LENGTHS and _RIPPLE.fullmatch(token) is not None and base58check(token, ripple=True)
    if token[:_LONGEST_PREFIX].lower().startswith(_BECH32_PREFIXES) and _BECH32.fullmatch(token):
        return bech32(token)
    return length == _MONERO_LENGTH and first in "48" and _MONERO.fullmatch(token) is not None
