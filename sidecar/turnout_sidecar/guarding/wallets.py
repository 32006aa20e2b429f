"""Crypto wallets: addresses to which money can be sent, and never be called back.

A look alone is never enough: most carry check digits, the version and checksum of their network. Ethereum's addresses are taken by
their form (0x and forty hexadecimal digits), Solana's behind a word that says so.

Rules: what has the form of most wallets and a wrong checksum is a wallet mistyped, and no key.
"""

import re

from turnout_sidecar.guarding.checksums import base58check, bech32
from turnout_sidecar.guarding.findings import Claim
from turnout_sidecar.guarding.page import Page
from turnout_sidecar.guarding.words import Words

_BASE58 = re.compile(r"[13LMDXA9t][1-9A-HJ-NP-Za-km-z]{25,35}")
_TRON = re.compile(r"T[1-9A-HJ-NP-Za-km-z]{33}")
_RIPPLE = re.compile(r"r[1-9A-HJ-NP-Za-km-z]{24,34}")
_BECH32_PREFIXES = ("bc1", "tb1", "ltc1", "addr1", "cosmos1", "osmo1", "bnb1", "terra1", "inj1", "stake1")
_LONGEST_PREFIX = max(map(len, _BECH32_PREFIXES))
_BECH32 = re.compile(rf"(?:{'|'.join(_BECH32_PREFIXES)})[02-9ac-hj-np-z]{{11,100}}", re.IGNORECASE)
_FIRSTS = "13LMDXA9tT"
_BOTH = "LAtT"  # with which prefixes begin too
_BASE58_LENGTHS = range(26, 37)
_RIPPLE_LENGTHS = range(25, 36)
_ETHEREUM_LENGTH = 42
_ETHEREUM = re.compile(r"0x[0-9a-fA-F]{40}")
_SOLANA_LENGTHS = range(32, 45)
_MONERO_LENGTH = 95
_MONERO = re.compile(r"[48][0-9AB][1-9A-HJ-NP-Za-km-z]{93}")
_SOLANA = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")
_SOLANA_WORDS = Words(r"solana|\bsol\b|wallet|phantom|\bspl\b")


def wallet(page: Page, token: str, start: int) -> tuple[bool, Claim | None]:
    """Whether a long word of letters and digits has the form of most wallets, whatever its checksum, and the wallet that it is.

    What has the form and is none is a wallet mistyped, and no key.
    """
    first, length = token[0], len(token)
    like = False
    if first in _FIRSTS and not (first in _BOTH and _is_prefixed(token)):
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
    if _is_prefixed(token) and _BECH32.fullmatch(token):
        return bech32(token)
    return length == _MONERO_LENGTH and first in "48" and _MONERO.fullmatch(token) is not None


def _is_prefixed(token: str) -> bool:
    return token[:_LONGEST_PREFIX].lower().startswith(_BECH32_PREFIXES)
