"""What a value is wrapped into: JSON in JSON, data URLs, numbers, members given twice."""

import base64
import json
from urllib.parse import quote

from unit.bodies.adversarial_kit import AWS, CARD, HEX_KEY, MAIL, MAIL2, Case, b64, called, chat, messages, nested, user

HOW_NESTED = (
    Case(
        "a key where base64 should be",
        "chat",
        chat(
            user(
                [
                    {"type": "note", "data": AWS},
                    {"type": "file", "file": {"file_data": AWS}},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{AWS}"}},
                ]
            )
        ),
        (AWS,),
        ("note",),
    ),
    Case(
        "JSON in JSON",
        "chat",
        chat(called(nested({"to": MAIL, "n": 12345678901234567890}, 1))),
        (MAIL,),
        ("12345678901234567890",),
    ),
    Case("JSON in JSON in JSON", "chat", chat(called(nested({"to": MAIL}, 2))), (MAIL,), ("payload",)),
    Case(
        "JSON in a string that is all of a message",
        "chat",
        chat(user(json.dumps(json.dumps({"mail": MAIL})))),
        (MAIL,),
        ("mail",),
    ),
    Case(
        "JSON of a result with spacing",
        "messages",
        messages({"type": "tool_result", "tool_use_id": "t", "content": '\n { "a" : [ 1, 2.50, "' + MAIL + '" ] }\n'}),
        (MAIL,),
        ("2.50",),
    ),
    Case(
        "a data URL in JSON",
        "chat",
        chat(called(json.dumps({"url": f"data:text/plain;base64,{b64(f'mail {MAIL} now')}"}))),
        (MAIL, b64(f"mail {MAIL} now")),
        ("data:text/plain;base64,",),
    ),
    Case(
        "JSON in a data URL",
        "chat",
        chat(
            user(
                [
                    {
                        "type": "image_url",
                        "image_url": {"url": f"data:application/json;base64,{b64(json.dumps({'m': MAIL}))}"},
                    }
                ]
            )
        ),
        (MAIL, b64(json.dumps({"m": MAIL}))),
        ("data:application/json;base64,",),
    ),
    Case(
        "a data URL in percent signs",
        "chat",
        chat(
            user([{"type": "image_url", "image_url": {"url": "data:text/plain;charset=utf-8," + quote(f"ä {MAIL}")}}])
        ),
        (MAIL, quote(MAIL)),
        ("data:text/plain;charset=utf-8,",),
    ),
    Case(
        "a data URL in UTF-16",
        "chat",
        chat(
            user(
                [
                    {
                        "type": "image_url",
                        "image_url": {"url": "data:text/plain;base64," + b64(f"mail {MAIL}".encode("utf-16"))},
                    }
                ]
            )
        ),
        (MAIL, b64(f"mail {MAIL}".encode("utf-16"))),
        ("data:text/plain;base64,",),
    ),
    Case(
        "a data URL in Latin-1",
        "chat",
        chat(
            user(
                [
                    {
                        "type": "image_url",
                        "image_url": {"url": "data:text/plain;base64," + b64(f"Zo\xeb {MAIL}".encode("latin-1"))},
                    }
                ]
            )
        ),
        (MAIL, b64(f"Zo\xeb {MAIL}".encode("latin-1"))),
        ("data:text/plain;base64,",),
    ),
    Case(
        "text that says it is a picture",
        "chat",
        chat(user([{"type": "image_url", "image_url": {"url": "data:image/png;base64," + b64(f"mail {MAIL} now")}}])),
        (MAIL, b64(f"mail {MAIL} now")),
        ("data:image/png;base64,",),
    ),
    Case(
        "a data URL that is no base64",
        "chat",
        chat(user([{"type": "image_url", "image_url": {"url": f"data:image/png;base64,mail {MAIL}"}}])),
        (MAIL,),
    ),
    Case(
        "a picture that is drawn in text",
        "chat",
        chat(
            user(
                [
                    {
                        "type": "image_url",
                        "image_url": {"url": "data:image/svg+xml;base64," + b64(f"<svg><text>{MAIL}</text></svg>")},
                    }
                ]
            )
        ),
        (MAIL, b64(f"<svg><text>{MAIL}</text></svg>")),
        ("data:image/svg+xml;base64,",),
    ),
    Case(
        "base64 with line breaks, of the other alphabet, unpadded",
        "chat",
        chat(
            user(
                [
                    {
                        "type": "file",
                        "file": {
                            "filename": "a.txt",
                            "file_data": "\n".join(
                                [
                                    base64.urlsafe_b64encode(f"ÿÿ? mail {MAIL}!".encode()).decode().rstrip("=")[:20],
                                    base64.urlsafe_b64encode(f"ÿÿ? mail {MAIL}!".encode()).decode().rstrip("=")[20:],
                                ]
                            ),
                        },
                    }
                ]
            )
        ),
        (MAIL, base64.urlsafe_b64encode(f"ÿÿ? mail {MAIL}!".encode()).decode()[20:40]),
        ("a.txt",),
    ),
    Case(
        "a card that is a number",
        "messages",
        messages(
            {"type": "tool_use", "id": "t", "name": "pay", "input": {"card": int(CARD), "n": 2}}, role="assistant"
        ),
        (CARD,),
        ("pay",),
    ),
    Case(
        "a card that is a number in the arguments of a call",
        "chat",
        chat(called(f'{{"card": {CARD}, "n": 2}}')),
        (CARD,),
        ('"n": 2',),
    ),
    Case(
        "a number of the metadata",
        "chat",
        f'{{"model":"m","messages":[],"metadata":{{"x": 1.50, "card": {CARD}}}, "seed": 99999999999999999999}}'.encode(),
        (CARD,),
        ("1.50", "99999999999999999999"),
    ),
    Case(
        "a phone that is a number, known by its name",
        "chat",
        chat(called('{"phone": 14155550132}')),
        ("14155550132",),
        ("phone",),
    ),
    Case(
        "a member given twice, the first hidden from a parser",
        "chat",
        b'{"model":"m","messages":[{"role":"user","content":"I am ' + MAIL.encode() + b'","content":"hi"}]}',
        (MAIL,),
        ("hi",),
        may_block=True,
    ),
    Case(
        "a member given twice, one of them escaped",
        "chat",
        b'{"model":"m","messages":[{"role":"user","\\u0063ontent":"I am ' + MAIL.encode() + b'","content":"hi"}]}',
        (MAIL,),
        ("hi",),
        may_block=True,
    ),
    Case(
        "an object given twice, deep down",
        "chat",
        b'{"model":"m","messages":[{"role":"user","content":"hi"}],"metadata":{"a":{"b":{"x":"'
        + MAIL.encode()
        + b'"},"b":{"x":"y"}}}}',
        (MAIL,),
        ("hi",),
        may_block=True,
    ),
    Case(
        "a member given twice in the arguments of a call",
        "chat",
        chat(called(f'{{"to":"{MAIL}","to":"bo"}}')),
        (MAIL,),
        ("bo",),
    ),
    Case(
        "arguments that are cut off",
        "chat",
        chat(called(f'{{"to": "{MAIL}", "cc": ["{MAIL2}"')),
        (MAIL, MAIL2),
        ("cc",),
    ),
    Case(
        "arguments with NaN",
        "chat",
        chat(called('{"x": NaN, "to": "ann.weber\\u0040example.org"}')),
        (MAIL, "ann.weber\\u0040example.org"),
        ("NaN",),
    ),
    Case("lines of JSON", "chat", chat(user(f'{{"m":"{MAIL}"}}\n{{"m":"{MAIL2}"}}')), (MAIL, MAIL2), ("\n",)),
    Case(
        "a key of a vendor, known only by the name beside it",
        "messages",
        messages(
            {
                "type": "tool_use",
                "id": "t",
                "name": "deploy",
                "input": {"env": [{"name": "API_KEY", "value": HEX_KEY}]},
            },
            role="assistant",
        ),
        (HEX_KEY,),
        ("API_KEY",),
    ),
    Case(
        "a key of a vendor, known only by the name above it",
        "chat",
        chat(metadata={"api_key": {"value": HEX_KEY}}),
        (HEX_KEY,),
        ("api_key",),
    ),
    Case(
        "a list of keys, known only by the name of the list",
        "chat",
        chat(called(json.dumps({"api_keys": ["x", HEX_KEY]}))),
        (HEX_KEY,),
        ("api_keys",),
    ),
    Case(
        "an empty key before a value", "chat", chat(metadata={"": MAIL, "a": {"": MAIL2}}), (MAIL, MAIL2), ("metadata",)
    ),
    Case(
        "a private key that is cut off, before another message",
        "chat",
        chat(user("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B"), user("fine weather today")),
        ("MIIEvQIBADANBgkqhkiG9w0B",),
    ),
    Case(
        "a text of many lines in a tool's result that is JSON",
        "chat",
        chat({"role": "tool", "tool_call_id": "c", "content": json.dumps({"log": f'a\nb\n{MAIL}\n\tc "q" \\ /'})}),
        (MAIL,),
        ("log",),
    ),
)
