"""What stands on the lines under a long word: a key below a name, a digest or an encoded line is found as it is alone."""

import base64

import pytest

from turnout_sidecar.guarding.scanner import scan
from unit.guarding.unseen_kit import made, named

ABOVE = {
    "a name in capitals": "SERVICE_NAMESPACE",
    "another name": "TURNOUT_SIMULATOR_KEY",
    "a name of parts": "STAGING_API_TOKEN",
    "a name in small letters": "customer-support-namespace-07",
    "a name with humps": "aBstractConfigurationFactory2",
    "a path": "usr/share/collections/Kubernetes",
    "a digest": made("5{H31}", 3),
    "a longer digest": made("6{H63}", 4),
    "a number of forty digits": "0x" + made("{H40}", 5),
    "a short number": "0x9E3779B97F4A7C15",
    "an encoded line": base64.b64encode(b"hello world this is fine").decode(),
    "an encoded name": base64.b64encode(b"service/turnout-sidecar/7").decode(),
    "text in hexadecimal": b"service of the month".hex(),
}
KEYS = {
    "github": made("ghp_{A36}", 1),
    "aws": made("AKIA{T16}", 2),
    "slack": made("xoxb-{D12}-{D13}-{A24}", 3),
    "openai": made("sk-proj-{A48}", 4),
    "gitlab": made("glpat-{U19}4", 5),
}
PERSONAL = {"mail": "ann.weber" + "@" + "example.org", "iban": "DE89" + "3704" + "0044" + "0532" + "013000"}
BETWEEN = {"a line": "\n", "a line of Windows": "\r\n", "a quoted line": "\n> ", "an indent": "\n    ", "a blank": " "}


@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN)
@pytest.mark.parametrize("above", ABOVE.values(), ids=ABOVE)
@pytest.mark.parametrize("value", [*KEYS.values(), *PERSONAL.values()], ids=[*KEYS, *PERSONAL])
def test_a_value_under_a_long_word_is_found(value: str, above: str, between: str) -> None:
    assert value in [words for _, words in named(f"Here:\n{above}{between}{value}\n")]


@pytest.mark.parametrize("value", KEYS.values(), ids=KEYS)
def test_a_key_at_the_end_of_a_list_of_digests_is_found(value: str) -> None:
    digests = "\n".join(made("{H32}", number) for number in range(40))
    assert named(f"{digests}\n{value}\n{digests}") == [("Secret", value)]


@pytest.mark.parametrize("value", KEYS.values(), ids=KEYS)
def test_a_key_between_encoded_lines_is_found(value: str) -> None:
    lines = base64.encodebytes(b"a harmless note about the weather of the week, and what to wear " * 6).decode()
    assert named(f"{lines}{value}\n{lines}") == [("Secret", value)]


@pytest.mark.parametrize("above", ABOVE.values(), ids=ABOVE)
@pytest.mark.parametrize("width", [48, 64, 76])
def test_a_wrapped_text_under_a_long_word_is_found(above: str, width: int) -> None:
    inner = f"please write to {PERSONAL['mail']} or call the desk, whoever is there may help you along with it"
    encoded = base64.b64encode(inner.encode()).decode()
    lines = "\n".join(encoded[at : at + width] for at in range(0, len(encoded), width))
    text = f"Here:\n{above}\n{lines}\n"
    # an encoded line above is one with them
    found = scan(text)[-1]
    assert (found.start <= text.index(lines), found.end) == (True, len(text) - 1)


def test_a_wrapped_text_without_anything_in_it_is_left() -> None:
    lines = base64.encodebytes(b"a harmless note about the weather of the week, and what to wear " * 20).decode()
    assert scan(lines) == ()
