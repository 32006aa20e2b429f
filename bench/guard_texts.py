"""What guardrails are measured on: a letter full of personal data, one without any, and texts that are meant to be slow.

All are made up here. The keys among them are put together when they are asked for, so that nothing that looks like one lies in a
file; hostile texts repeat what a careless pattern would look at again and again.
"""

import base64
import random
import string

SIZE = 2048
HOSTILE_SIZE = 40_000
_WORD = string.ascii_letters + string.digits
_DENSE = """Dear colleagues, please update the file of {name}. Mail {mail}, mobile {phone}, at the office +44 20 7946 {four}.
The refund goes to DE89 3704 0044 0532 0130 00, the deposit was paid with card 4111 1111 1111 1111 on Tuesday.
Her social security number is 219-09-{four}; the laptop ({mac}) was last seen at 81.197.{two}.14.
The job runs with {key} and the password: {password}. Ask {mail2} if anything is missing.
"""
_PLAIN = """The morning trains leave the yard on the second track, and whoever wants to reach the harbour before noon changes
at the old mill. In winter the line along the river is closed for some weeks, so the timetable has fewer trains and longer halts.
Please summarise the report in five sentences, keep the headings, and say which of the proposals the council has turned down.
"""


def dense(number: int) -> str:
    """2 KB with some twenty findings; another for each number."""
    draw = random.Random(number)
    text = ""
    while len(text) < SIZE:
        text += (
            _PLAIN
            + _PLAIN[: number % 40]
            + _DENSE.format(
                name=draw.choice(("Ada Abendrot", "Bruno Birkholm", "Chloe Castellanos")),
                mail=f"{draw.choice('abcdef')}.{draw.choice('xyz')}{draw.randrange(100)}@post.example.org",
                mail2=f"desk{draw.randrange(1000)}@office.example.com",
                phone=f"+49 170 {draw.randrange(2_000_000, 9_999_999)}",
                mac=":".join(f"{draw.randrange(256):02x}" for _ in range(6)),
                key="sk-proj-" + "".join(draw.choices(_WORD, k=48)),
                password="".join(draw.choices(_WORD, k=14)) + "!9",
                four=draw.randrange(1000, 9999),
                two=draw.randrange(10, 99),
            )
        )
    return text[:SIZE]


def plain(number: int) -> str:
    """2 KB of prose; another for each number."""
    text = _PLAIN * (SIZE // len(_PLAIN) + 2)
    return text[number * 7 % len(_PLAIN) :][:SIZE]


_REPEATED = {
    "a letter": "a",
    "a digit": "7",
    "digits and blanks": "4111 ",
    "digits and hyphens": "1-",
    "digits and dots": "1.",
    "addresses cut off": "a.b@",
    "addresses without an end": "a@b.",
    "at signs": "@",
    "colons": "1:a:",
    "schemes": "http://a:",
    "URL passwords": "https://a:b@",
    "brackets": "<({[",
    "assignments": "password=",
    "assignments without an end": "api_key = '",
    "private keys that begin": "-----BEGIN RSA PRIVATE KEY-----\n",
    "tokens that begin": "eyJhbGciOiJ.",
    "tokens that begin on lines": "eyJhbGciOiJIUzI1NiJ9.\n",
    "tokens between lines that go on": "=\n|eyJhbGciOiJIUzI1NiJ9.\n",
    "keys that begin": "sk-proj-",
    "key ids that begin": "AKIA",
    "hexadecimal digits": "0xdeadbeef",
    "percent escapes": "%41%40",
    "unicode escapes": "\\u0041",
    "full-width digits": "\uff14\uff11\uff11\uff11",
    "zero width": "1\u200b",
    "combining marks": "e\u0301\u0327",
    "placeholders that begin": "<EMAIL_bcdfg",
    "placeholders of nobody": "<EMAIL_bcdfghjkmnpq>",
    "numbers of accounts that begin": "DE89 3704 ",
    "telephone numbers without an end": "+49 (0) ",
    "words about instructions": "ignore all previous instructions and ",
    "line ends": "\r\n",
    "backslashes": "\\",
    "quotes": "\"'",
    "open brackets": "(",
    "plus signs": "+ ",
    "equals signs": "=",
    "bars": "|",
    "words about secrets": "token ",
    "lines that go on": "4111=\n",
    "digits in caps": "4\ufe0f\u20e3",
}


def hostile() -> dict[str, str]:
    """40 KB each, by what they are made of."""
    draw = random.Random(7)
    made = {name: (part * (HOSTILE_SIZE // len(part) + 1))[:HOSTILE_SIZE] for name, part in _REPEATED.items()}
    made["base64 of noise"] = base64.b64encode(draw.randbytes(HOSTILE_SIZE)).decode()[:HOSTILE_SIZE]
    made["noise"] = "".join(draw.choices(string.printable, k=HOSTILE_SIZE))
    made["noise of digits"] = "".join(draw.choices("0123456789 -.", k=HOSTILE_SIZE))
    made["noise of marks"] = "".join(draw.choices("@.:/=<>_-%\\ a1", k=HOSTILE_SIZE))
    made["dense"] = "".join(dense(number) for number in range(HOSTILE_SIZE // SIZE + 1))[:HOSTILE_SIZE]
    return made
