"""Where a value stands in a chat."""

import json

from unit.bodies.adversarial_kit import (
    ADDRESS,
    CARD,
    HEX_KEY,
    IBAN,
    MAIL,
    MAIL2,
    OPENAI_CALL,
    SIGNATURE,
    SSN,
    Case,
    called,
    chat,
    deep,
    user,
)

WHERE_IN_CHAT = (
    Case("a system message", "chat", chat({"role": "system", "content": f"Write to {MAIL}."}), (MAIL,), ("Write to",)),
    Case("a developer message", "chat", chat({"role": "developer", "content": f"Card {CARD}"}), (CARD,), ("Card",)),
    Case("a part of a message", "chat", chat(user([{"type": "text", "text": f"I am {MAIL}"}])), (MAIL,), ("I am",)),
    Case(
        "a part of a type that nobody knows",
        "chat",
        chat(user([{"type": "note", "note": {"body": f"I am {MAIL}"}}])),
        (MAIL,),
        ("I am",),
    ),
    Case(
        "arguments of a call of a tool, which stay JSON",
        "chat",
        chat(called(json.dumps({"to": MAIL, "n": 3, "cc": [MAIL2]}))),
        (MAIL, MAIL2),
        ('"n": 3',),
    ),
    Case(
        "a key in the arguments of a call",
        "chat",
        chat(called(json.dumps({MAIL: {"balance": 12}}))),
        (MAIL,),
        ("balance",),
    ),
    Case(
        "a result of a tool that is text",
        "chat",
        chat({"role": "tool", "tool_call_id": OPENAI_CALL, "content": f"row: {IBAN}"}),
        (IBAN,),
        ("row", OPENAI_CALL),
    ),
    Case(
        "a result of a tool that is JSON with its address escaped",
        "chat",
        chat({"role": "tool", "tool_call_id": "c1", "content": '{"rows":[{"mail":"ann.weber\\u0040example.org"}]}'}),
        (MAIL, "ann.weber\\u0040example.org"),
        ("rows",),
    ),
    Case(
        "a result of the old kind of function",
        "chat",
        chat({"role": "function", "name": "find", "content": f"row: {IBAN}"}),
        (IBAN,),
        ("find",),
    ),
    Case(
        "a default in the definition of a tool",
        "chat",
        chat(
            tools=[
                {
                    "type": "function",
                    "function": {
                        "name": "send",
                        "parameters": {
                            "type": "object",
                            "properties": {"to": {"type": "string", "default": MAIL, "examples": [MAIL2]}},
                        },
                    },
                }
            ]
        ),
        (MAIL, MAIL2),
        ("send", "properties"),
    ),
    Case(
        "a key of a vendor as the default of a property, known only by the property's name",
        "chat",
        chat(
            tools=[
                {
                    "type": "function",
                    "function": {
                        "name": "f",
                        "parameters": {"properties": {"api_key": {"type": "string", "default": HEX_KEY}}},
                    },
                }
            ]
        ),
        (HEX_KEY,),
        ("api_key",),
    ),
    Case(
        "the description of a tool",
        "chat",
        chat(tools=[{"type": "function", "function": {"name": "f", "description": f"Mails {MAIL}"}}]),
        (MAIL,),
        ("Mails",),
    ),
    Case(
        "an old definition of a function",
        "chat",
        chat(functions=[{"name": "f", "description": f"Mails {MAIL}", "parameters": {"enum": [IBAN]}}]),
        (MAIL, IBAN),
        ("Mails",),
    ),
    Case(
        "an enum of the schema of the answer",
        "chat",
        chat(
            response_format={
                "type": "json_schema",
                "json_schema": {
                    "name": "who",
                    "description": f"one of us, not {MAIL2}",
                    "schema": {"type": "object", "properties": {"mail": {"enum": [MAIL, "nobody"]}}},
                },
            }
        ),
        (MAIL, MAIL2),
        ("nobody", "json_schema"),
    ),
    Case(
        "the user, the metadata and the safety identifier",
        "chat",
        chat(user=MAIL, metadata={"ticket": f"of {MAIL2}", "n": "7"}, safety_identifier=CARD),
        (MAIL, MAIL2, CARD),
        ("ticket",),
    ),
    Case("a key of the metadata", "chat", chat(metadata={f"for {MAIL}": "x"}), (MAIL,), ("x",)),
    Case(
        "reasoning, refusal and name",
        "chat",
        chat(
            {
                "role": "assistant",
                "content": None,
                "refusal": f"not for {MAIL}",
                "reasoning_content": f"he is {SSN}, his ssn",
                "name": f"ann_{MAIL2}",
            }
        ),
        (MAIL, SSN),
        ("not for",),
    ),
    Case(
        "details of reasoning, whose signature stays",
        "chat",
        chat(
            {
                "role": "assistant",
                "content": "ok",
                "reasoning_details": [
                    {"type": "reasoning.text", "text": f"mail {MAIL}", "signature": SIGNATURE, "index": 0},
                    {"type": "reasoning.encrypted", "data": SIGNATURE, "index": 1},
                ],
            }
        ),
        (MAIL,),
        (SIGNATURE,),
    ),
    Case(
        "a prediction and stops",
        "chat",
        chat(
            prediction={"type": "content", "content": [{"type": "text", "text": f"Dear {MAIL}"}]}, stop=[MAIL2, "END"]
        ),
        (MAIL, MAIL2),
        ("Dear", "END"),
    ),
    Case("a stop that is one string", "chat", chat(stop=IBAN), (IBAN,)),
    Case(
        "where a search of the web is asked from",
        "chat",
        chat(web_search_options={"user_location": {"type": "approximate", "approximate": {"city": f"at {ADDRESS}"}}}),
        (ADDRESS,),
        ("approximate",),
    ),
    Case(
        "biases whose tokens are no tokens",
        "chat",
        chat(logit_bias={MAIL: 5, "50256": -100}),
        (MAIL,),
        ("50256",),
    ),
    Case("sixty levels of metadata", "chat", chat(metadata=deep({"x": MAIL}, 60)), (MAIL,), ("level7",)),
    Case("sixty levels of a member that nobody knows", "chat", chat(extra=deep(f"to {MAIL}", 60)), (MAIL,), ("to ",)),
    Case("a list of prompts", "chat", chat(prompts=[f"I am {MAIL}", [f"card {CARD}"]]), (MAIL, CARD), ("I am",)),
    Case(
        "an id of a call that is somebody's address, in both of its places",
        "chat",
        chat(
            {
                "role": "assistant",
                "tool_calls": [{"id": MAIL, "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": MAIL, "content": "ok"},
        ),
        (MAIL,),
        ("ok",),
    ),
    Case(
        "the name of a function",
        "chat",
        chat(called("{}", name=f"mail {MAIL}"), tool_choice={"type": "function", "function": {"name": f"to {MAIL2}"}}),
        (MAIL, MAIL2),
    ),
    Case("the type of a tool", "chat", chat(tools=[{"type": f"function for {MAIL}"}]), (MAIL,), ("function for",)),
    Case("the detail of a picture", "chat", chat(user([{"type": "image_url", "detail": MAIL}])), (MAIL,)),
    Case(
        "citations that come back with a turn of the model",
        "chat",
        chat(
            {
                "role": "assistant",
                "content": "see",
                "annotations": [{"type": "url_citation", "url_citation": {"url": "https://x.test", "title": MAIL}}],
            }
        ),
        (MAIL,),
        ("https://x.test",),
    ),
)
