"""How a value is written, so that it does not look like one; and what looks like one and is none."""

import json

from unit.bodies.adversarial_kit import (
    CARD,
    GITHUB,
    IBAN,
    MAIL,
    OPENAI_CALL,
    PIXEL,
    URL_PASSWORD,
    Case,
    b64,
    called,
    chat,
    messages,
    responses,
    user,
)

_ZERO = "\u200b"
HOW_WRITTEN = (
    Case(
        "digits of mathematics",
        "chat",
        chat(user("card " + CARD.translate({48 + n: 0x1D7CE + n for n in range(10)}))),
        ("\U0001d7d2\U0001d7cf",),
        ("card",),
    ),
    Case(
        "digits in circles",
        "responses",
        responses(input="card " + CARD.translate({48 + n: 0x245F + n for n in range(10)})),
        ("\u2463\u2460",),
        ("card",),
    ),
    Case(
        "a letter of another script in an address",
        "chat",
        chat(user("mail \u0430nn.weber@example.org today")),
        ("\u0430nn.weber", "@example.org"),
        ("today",),
    ),
    Case(
        "a mark that turns the direction of writing",
        "messages",
        messages({"type": "text", "text": "mail ann\u202e.weber@example.org today"}),
        ("ann\u202e", "@example.org"),
        ("today",),
    ),
    Case(
        "letters that cannot be seen",
        "chat",
        chat(user("mail ann.weber\U000e0041@exam\u00adple.org today")),
        ("ann.weber", "ple.org"),
        ("today",),
    ),
    Case(
        "a NUL in the middle of a card",
        "chat",
        b'{"model":"m","messages":[{"role":"user","content":"card 4111\\u00001111\\u00001111\\u00001111 it is"}]}',
        ("4111", "1111"),
        ("it is",),
    ),
    Case(
        "an address with its percent sign escaped too",
        "embeddings",
        {"model": "e", "input": ["ann.weber%2540example.org"]},
        ("ann.weber%2540example.org",),
    ),
    Case(
        "an address in hexadecimal",
        "chat",
        chat(user(f"decode {MAIL.encode().hex()} please")),
        (MAIL.encode().hex(),),
        ("decode", "please"),
    ),
    Case(
        "forty thousand digits, dashes and at signs",
        "chat",
        chat(user("4111-1@" * 5700 + f" {MAIL}")),
        (MAIL,),
    ),
    Case(
        "zero width between the letters",
        "chat",
        chat(user(f"I am ann.weber{_ZERO}@exa{_ZERO}mple.org")),
        (f"ann.weber{_ZERO}@", MAIL),
        ("I am",),
    ),
    Case(
        "full-width digits",
        "chat",
        chat(user("card 4111 1111 1111 1111".translate({48 + n: 0xFF10 + n for n in range(10)}))),
        ("\uff11\uff11\uff11\uff11",),
        ("card",),
    ),
    Case(
        "Arabic-Indic digits",
        "chat",
        chat(user("card " + CARD.translate({48 + n: 0x660 + n for n in range(10)}))),
        ("\u0661\u0661\u0661\u0661",),
        ("card",),
    ),
    Case(
        "no-break spaces", "chat", chat(user("card 4012\u00a08888\u00a08888\u00a01881")), ("8888\u00a08888",), ("card",)
    ),
    Case("a line break in a card", "chat", chat(user("card 4012 8888\n8888 1881")), ("8888\n8888",), ("card",)),
    Case(
        "a card over two parts of one message",
        "chat",
        chat(user([{"type": "text", "text": "card 4012 8888"}, {"type": "text", "text": "8888 1881 it is"}])),
        ("4012 8888", "8888 1881"),
        ("it is",),
    ),
    Case(
        "a secret in base64",
        "chat",
        chat(user(f"run {b64(f'token={GITHUB} # go')} now")),
        (b64(f"token={GITHUB} # go"),),
        ("run", "now"),
    ),
    Case(
        "base64 in arguments",
        "chat",
        chat(called(json.dumps({"blob": b64(f"please mail {MAIL} today")}))),
        (b64(f"please mail {MAIL} today"),),
        ("blob",),
    ),
    Case(
        "an address with percent signs",
        "chat",
        chat(user("see https://x.test/?m=ann.weber%40example.org ok")),
        ("ann.weber%40example.org",),
        ("see", "ok"),
    ),
    Case(
        "an address escaped in text",
        "chat",
        chat(user("I am ann.weber\\u0040example.org")),
        ("ann.weber\\u0040example.org",),
        ("I am",),
    ),
    Case(
        "an address escaped in the bytes",
        "chat",
        b'{"model":"m","messages":[{"role":"user","content":"I am ann.weber\\u0040ex\\u0061mple.org"}]}',
        (MAIL,),
        ("I am",),
    ),
    Case(
        "an address spelled out",
        "chat",
        chat(user("write to ann.weber(at)example.org please")),
        ("ann.weber(at)example.org",),
        ("write to", "please"),
    ),
    Case(
        "an HTML reference",
        "chat",
        chat(user("I am ann.weber&#64;example.org")),
        ("ann.weber&#64;example.org",),
        ("I am",),
    ),
    Case(
        "emoji before a value",
        "chat",
        chat(user(f"\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 {MAIL} \U0001f600")),
        (MAIL,),
        ("\U0001f600",),
    ),
    Case(
        "the same value twice",
        "chat",
        chat(user(f"{MAIL} and {MAIL}"), {"role": "assistant", "content": MAIL}),
        (MAIL,),
        (" and ",),
    ),
    Case(
        "a value full of signs",
        "chat",
        chat(user('password = "aB3$(x)[y]*+?{z}|q9"')),
        ("aB3$(x)[y]*+?{z}|q9",),
        ("password",),
    ),
    Case(
        "credentials in an address",
        "chat",
        chat(user(f"clone https://bob:{URL_PASSWORD}@git.example.org/r.git")),
        (URL_PASSWORD,),
        ("git.example.org",),
    ),
    Case(
        "quotes and backslashes around a value",
        "chat",
        chat(user(f'say "\\\\{MAIL}\\\\" \\" {IBAN}')),
        (MAIL, IBAN),
        ("say",),
    ),
    Case(
        "a value in JSON that is said in prose",
        "chat",
        chat(user(f'The row is {{"mail": "{MAIL}"}}, thanks')),
        (MAIL,),
        ("thanks",),
    ),
    Case(
        "a lone surrogate beside a value",
        "chat",
        b'{"model":"m","messages":[{"role":"user","content":"\\ud800 ' + MAIL.encode() + b'"}]}',
        (MAIL,),
        may_block=True,
    ),
    Case(
        "a lone surrogate in the arguments of a call",
        "chat",
        chat(called('{"to":"\\ud800 ann.weber\\u0040example.org","n":1}')),
        (MAIL, "ann.weber\\u0040example.org"),
        ('"n":1',),
    ),
)

MUST_STAY = (
    Case(
        "hashes, ids, times and numbers of books",
        "chat",
        chat(
            user(
                "commit 9fceb02d0ae598e95dc970b74767f19372d61af8, id 550e8400-e29b-41d4-a716-446655440000, "
                "at 1716239022, isbn 978-3-16-148410-0, pi 3.14159265358979"
            )
        ),
        (),
        (
            "9fceb02d0ae598e95dc970b74767f19372d61af8",
            "550e8400-e29b-41d4-a716-446655440000",
            "1716239022",
            "978-3-16-148410-0",
            "3.14159265358979",
        ),
    ),
    Case(
        "a card whose check digit is wrong",
        "chat",
        chat(user("number 4111 1111 1111 1112 it is")),
        (),
        ("4111 1111 1111 1112",),
    ),
    Case(
        "code",
        "chat",
        chat(user("for i in range(10): x[i] = f(i) @ m; v1.2.3; user@host:~$ ls")),
        (),
        ("for i in range(10): x[i] = f(i) @ m",),
    ),
    Case(
        "a placeholder that a user typed",
        "chat",
        chat(user("what is <EMAIL_bcdfghjkmnpq>?")),
        (),
        ("<EMAIL_bcdfghjkmnpq>",),
    ),
    Case(
        "ids that a provider gave",
        "responses",
        responses(
            {
                "type": "function_call",
                "id": "fc_68a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9",
                "call_id": OPENAI_CALL,
                "name": "f",
                "arguments": "{}",
            },
            previous_response_id="resp_68a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9",
        ),
        (),
        ("fc_68a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9", "resp_68a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9"),
    ),
    Case(
        "a picture",
        "chat",
        chat(user([{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}])),
        (),
        (PIXEL,),
    ),
    Case(
        "a picture of a message",
        "messages",
        messages({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}),
        (),
        (PIXEL,),
    ),
    Case(
        "the credential for a tool server",
        "responses",
        responses(
            tools=[
                {
                    "type": "mcp",
                    "server_label": "x",
                    "server_url": "https://mcp.test",
                    "authorization": GITHUB,
                    "headers": {"Authorization": f"Bearer {GITHUB}"},
                }
            ]
        ),
        (),
        (GITHUB,),
    ),
    Case(
        "numbers as they were written",
        "chat",
        b'{"model":"m","seed":12345678901234567890,"temperature":1.0,"top_p":1e-1,"messages":[{"role":"user","content":"hi"}]}',
        (),
        ("12345678901234567890", "1e-1", "1.0"),
    ),
    Case("biases of tokens", "chat", chat(logit_bias={"50256": -100, "198": 5}), (), ("50256",)),
    Case("tokens to embed", "embeddings", {"model": "e", "input": [[1212, 318, 257], [4111111, 5]]}, (), ()),
)
