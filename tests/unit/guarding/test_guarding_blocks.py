"""Secrets that reach over lines, wallets in tables without blanks, and what is encoded three times or as UTF-16."""

import base64

import pytest

from turnout_sidecar.guarding.scanner import scan
from unit.guarding.unseen_kit import made, named

TOKENS = {
    "HS256": made("ey" + "J{U33}.ey" + "J{U60}.{U43}", 1),
    "RS256": made("ey" + "J{U73}.ey" + "J{U360}.{U342}", 2),
    "ES512": made("ey" + "J{U40}.ey" + "J{U200}.{U176}", 3),
}
BREAKS = {"a line": "\n", "a line of Windows": "\r\n", "a quoted line": "\n> ", "an indent": "\n    "}
AFTER = {
    "words": "\nthanks for all",
    "a word": "\nthanks",
    "a setting": "\nexport REGION=eu-west-1",
    "a build": "\nbuild-2024-17",
    "nothing": "",
    "a quote": '"\n',
}


@pytest.mark.parametrize("after", AFTER.values(), ids=AFTER)
@pytest.mark.parametrize("line", BREAKS.values(), ids=BREAKS)
@pytest.mark.parametrize("width", [48, 60, 64, 76])
@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
def test_a_token_over_many_lines_is_found_to_its_end(token: str, width: int, line: str, after: str) -> None:
    broken = line.join(token[at : at + width] for at in range(0, len(token), width))
    assert ("Secret", broken) in named(f"The session:\n{broken}{after}")


@pytest.mark.parametrize("after", AFTER.values(), ids=AFTER)
@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
def test_what_follows_a_whole_token_is_left(token: str, after: str) -> None:
    assert named(f"session {token}{after}") == [("Secret", token)]


@pytest.mark.parametrize("lines", [1, 2, 12])
@pytest.mark.parametrize("version", "23")
@pytest.mark.parametrize("end", ["", "\n", "\n\nand so on", "\nPrivate-MAC: 12"])
def test_a_key_of_putty_is_found_without_its_end(end: str, version: str, lines: int) -> None:
    body = "\n".join(made("{B64}", line) for line in range(lines))
    key = f"PuTTY-User-Key-File-{version}: ssh-rsa\nPrivate-Lines: {lines}\n{body}"
    assert named(f"my key\n{key}{end}") == [("Secret", key)]


@pytest.mark.parametrize("shape", ["0x{H40}", "0x{H38}fE"])
@pytest.mark.parametrize("row", ["|{}|", "|ann|{}|", "|{}|12|", "|0x12|{}|x|", "a|{}"])
def test_a_wallet_in_a_table_without_blanks_is_found(shape: str, row: str) -> None:
    wallet = made(shape, 7)
    assert named(row.format(wallet)) == [("CryptoWallet", wallet)]


def test_each_wallet_of_a_row_is_found() -> None:
    wallets = [made("0x{H40}", number) for number in range(5)]
    assert named("|" + "|".join(wallets) + "|") == [("CryptoWallet", wallet) for wallet in wallets]


_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def _bech32(prefix: str, seed: int) -> str:
    """An address with its checksum (BIP-173)."""
    data = [(seed * 7 + place * 5) % 32 for place in range(33)]
    values = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix] + data
    check = 1
    for value in [*values, 0, 0, 0, 0, 0, 0]:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, step in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= step if top >> bit & 1 else 0
    check ^= 1
    sums = [check >> 5 * (5 - place) & 31 for place in range(6)]
    return prefix + "1" + "".join(_LETTERS[value] for value in data + sums)


@pytest.mark.parametrize("prefix", ["bc", "tb", "ltc", "addr", "cosmos", "osmo", "bnb", "terra", "inj", "stake"])
@pytest.mark.parametrize("capitals", [False, True], ids=["small", "capitals"])
@pytest.mark.parametrize("around", ["send to {} now", "|{}|", "wallet={}", "({})"])
def test_a_wallet_with_a_prefix_is_found_in_both_cases(prefix: str, around: str, *, capitals: bool) -> None:
    for seed in range(4):
        wallet = _bech32(prefix, seed)
        wallet = wallet.upper() if capitals else wallet
        assert named(around.format(wallet)) == [("CryptoWallet", wallet)]


@pytest.mark.parametrize("prefix", ["tb", "terra", "ltc", "addr"])
def test_a_wallet_with_a_prefix_and_a_wrong_checksum_is_left(prefix: str) -> None:
    wallet = _bech32(prefix, 1)
    assert named(wallet[:-1] + ("q" if wallet[-1] != "q" else "p")) == []


_SAID = "please write to ann.weber" + "@" + "example.org before the week is over"


@pytest.mark.parametrize("times", [1, 2, 3])
def test_what_is_encoded_up_to_three_times_is_found(times: int) -> None:
    encoded = _SAID.encode()
    for _ in range(times):
        encoded = base64.b64encode(encoded)
    assert [(found.start, found.end) for found in scan(f"x {encoded.decode()} y")] == [(2, 2 + len(encoded))]


@pytest.mark.parametrize("lead", ["powershell -enc ", "-EncodedCommand ", "", "data: "])
@pytest.mark.parametrize(
    "said", [_SAID, "$k = '" + made("ghp_{A36}", 3) + "'", "the card is " + "4111" * 1 + " 1111" * 3]
)
def test_what_is_encoded_as_text_of_windows_is_found(said: str, lead: str) -> None:
    encoded = base64.b64encode(said.encode("utf-16-le")).decode()
    assert encoded.rstrip("=") in [words.rstrip("=") for _, words in named(f"{lead}{encoded} end")]


def test_text_of_windows_without_anything_in_it_is_left() -> None:
    encoded = base64.b64encode(b"Get-ChildItem | Sort-Object Length".decode().encode("utf-16-le")).decode()
    assert named(f"powershell -enc {encoded}") == []


MAKERS = {
    "azure storage with a plus": "{B75}++ASt{B6}==",
    "azure storage with a slash": "{B75}/+ASt{B6}==",
    "azure cosmos with a plus": "{B75}+ACDb{B6}==",
    "azure cosmos with a slash": "{B75}/ACDb{B6}==",
    "new relic licence": "{H36}NRAL",
    "new relic licence of the EU": "eu01xx{H30}NRAL",
    "new relic ingest licence": "{H32}FFFFNRAL",
    "adyen": "AQE" + "yhm{B100}w",
    "ngrok": "2{A26}_{A21}",
    "splunk": "{H8}-{H4}-{H4}-{H4}-{H12}",
}
SAID = {"ngrok": ["ngrok config add-authtoken {}", "authtoken: {}"], "splunk": ["Authorization: Splunk {}"]}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("maker", MAKERS)
def test_a_key_of_these_makers_is_found_whole(maker: str, seed: int) -> None:
    key = made(MAKERS[maker], seed)
    for said in SAID.get(maker, ["{}", "AccountKey={};Suffix=core.windows.net", "log: {} was sent", '"{}"']):
        assert ("Secret", key) in named(said.format(key))


@pytest.mark.parametrize("event", ["a", "deploy_failed"])
def test_a_hook_of_ifttt_is_found(event: str) -> None:
    address = "https://maker.ifttt.com/trigger/" + event + "/with/key/" + made("{U21}4", 1)
    assert named(f"call {address} then") == [("Secret", address)]


@pytest.mark.parametrize(
    "text",
    [
        "authtoken expired yesterday for_the_session",
        "Authorization: Splunk token of the collector",
        "Private-Lines: see the manual",
        "|0x12|0xdeadbeef|" + "0x" + "ab" * 16 + "|",
        made("{H40}", 4),
        "|" + made("{H40}", 4) + "|",
    ],
)
def test_what_only_looks_like_these_is_left(text: str) -> None:
    assert named(text) == []
