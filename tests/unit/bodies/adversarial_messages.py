"""Where a value stands in a call of the Messages API, in its count of tokens and in embeddings."""

import json

from unit.bodies.adversarial_kit import (
    ANTHROPIC_CALL,
    CARD,
    IBAN,
    MAIL,
    MAIL2,
    SIGNATURE,
    URL_PASSWORD,
    Case,
    b64,
    messages,
)

WHERE_IN_MESSAGES = (
    Case(
        "blocks of the system and of a user",
        "messages",
        messages({"type": "text", "text": f"card {CARD}"}, system=[{"type": "text", "text": f"Serve {MAIL}"}]),
        (CARD, MAIL),
        ("Serve",),
    ),
    Case("a system that is a string", "messages", messages(system=f"Serve {MAIL}"), (MAIL,), ("Serve",)),
    Case(
        "the input of a use of a tool",
        "messages",
        messages(
            {"type": "tool_use", "id": ANTHROPIC_CALL, "name": "f", "input": {"to": MAIL, "deep": [{MAIL2: 1}]}},
            role="assistant",
        ),
        (MAIL, MAIL2),
        (ANTHROPIC_CALL,),
    ),
    Case(
        "a result of a tool in blocks",
        "messages",
        messages(
            {
                "type": "tool_result",
                "tool_use_id": ANTHROPIC_CALL,
                "content": [{"type": "text", "text": json.dumps({"iban": IBAN})}],
            }
        ),
        (IBAN,),
        (ANTHROPIC_CALL, "iban"),
    ),
    Case(
        "a result of a search: source, title and content",
        "messages",
        messages(
            {
                "type": "search_result",
                "source": f"https://bob:{URL_PASSWORD}@kb.test/1",
                "title": f"About {MAIL}",
                "content": [{"type": "text", "text": f"pays from {IBAN}"}],
            }
        ),
        (URL_PASSWORD, MAIL, IBAN),
        ("About", "kb.test"),
    ),
    Case(
        "title, context and text of a document",
        "messages",
        messages(
            {
                "type": "document",
                "title": f"Of {MAIL}",
                "context": f"from {MAIL2}",
                "source": {"type": "text", "media_type": "text/plain", "data": f"card {CARD}"},
            }
        ),
        (MAIL, MAIL2, CARD),
        ("Of ", "from "),
    ),
    Case(
        "a document of text in base64",
        "messages",
        messages(
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "text/plain", "data": b64(f"card {CARD}, that is all")},
            }
        ),
        (CARD, b64(f"card {CARD}")[:16]),
    ),
    Case(
        "a document of text that says it is a PDF",
        "messages",
        messages(
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": b64(f"mail {MAIL}")},
            }
        ),
        (MAIL, b64(f"mail {MAIL}")[:16]),
    ),
    Case(
        "a document of blocks",
        "messages",
        messages(
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": f"is {MAIL}"}]}}
        ),
        (MAIL,),
        ("is ",),
    ),
    Case(
        "citations of a text",
        "messages",
        messages(
            {
                "type": "text",
                "text": "see",
                "citations": [{"type": "char_location", "cited_text": f"I am {MAIL}", "document_title": MAIL2}],
            },
            role="assistant",
        ),
        (MAIL, MAIL2),
        ("I am",),
    ),
    Case(
        "a thought that is signed, and one that is hidden",
        "messages",
        messages(
            {"type": "thinking", "thinking": f"he is {MAIL}", "signature": SIGNATURE},
            {"type": "redacted_thinking", "data": SIGNATURE},
            role="assistant",
        ),
        (MAIL,),
        ("he is", SIGNATURE),
    ),
    Case(
        "a signature that is somebody's words",
        "messages",
        messages({"type": "thinking", "thinking": "hm", "signature": f"signed by {MAIL}"}, role="assistant"),
        (MAIL,),
        ("signed by",),
    ),
    Case(
        "a hidden thought that is base64 of somebody's words",
        "messages",
        messages(
            {"type": "redacted_thinking", "data": b64(f"the mail of the customer is {MAIL}, and so on.")},
            role="assistant",
        ),
        (b64(f"the mail of the customer is {MAIL}")[:20],),
    ),
    Case(
        "what a search of the web found",
        "messages",
        messages(
            {
                "type": "web_search_tool_result",
                "tool_use_id": "srvtoolu_1",
                "content": [
                    {
                        "type": "web_search_result",
                        "title": f"Page of {MAIL}",
                        "url": f"https://x.test/?m={MAIL2}",
                        "encrypted_content": SIGNATURE,
                    }
                ],
            },
            role="assistant",
        ),
        (MAIL, MAIL2),
        ("Page of", SIGNATURE),
    ),
    Case("sequences to stop at", "messages", messages(stop_sequences=[MAIL, "END"]), (MAIL,), ("END",)),
    Case("the id of the user", "messages", messages(metadata={"user_id": MAIL}), (MAIL,)),
    Case(
        "a definition of a tool",
        "messages",
        messages(
            tools=[
                {
                    "name": "f",
                    "description": f"Mails {MAIL}",
                    "input_schema": {"type": "object", "properties": {"x": {"description": f"not {IBAN}"}}},
                    "input_examples": [{"to": MAIL2}],
                }
            ]
        ),
        (MAIL, IBAN, MAIL2),
        ("Mails",),
    ),
    Case(
        "a schema of the output",
        "messages",
        messages(output_config={"format": {"type": "json_schema", "schema": {"enum": [MAIL]}}}),
        (MAIL,),
        ("json_schema",),
    ),
    Case(
        "the name and the address of a tool server, whose token stays",
        "messages",
        messages(
            mcp_servers=[
                {
                    "type": "url",
                    "name": f"of {MAIL}",
                    "url": f"https://bob:{URL_PASSWORD}@mcp.test/s",
                    "authorization_token": "tok-5f2c9a",
                }
            ]
        ),
        (MAIL, URL_PASSWORD),
        ("tok-5f2c9a",),
    ),
    Case(
        "counting the tokens of the same",
        "count_tokens",
        messages({"type": "text", "text": f"card {CARD}"}, system=f"Serve {MAIL}"),
        (CARD, MAIL),
        ("Serve",),
    ),
    Case(
        "counting the tokens of a document",
        "count_tokens",
        messages({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": IBAN}}),
        (IBAN,),
    ),
)

WHERE_IN_EMBEDDINGS = (
    Case("one text to embed", "embeddings", {"model": "e", "input": f"I am {MAIL}"}, (MAIL,), ("I am",)),
    Case("a list of texts to embed", "embeddings", {"model": "e", "input": ["x", MAIL, CARD]}, (MAIL, CARD), ("x",)),
    Case("who embeds", "embeddings", {"model": "e", "input": "x", "user": MAIL}, (MAIL,), ("x",)),
    Case(
        "a member of embeddings that nobody knows",
        "embeddings",
        {"model": "e", "input": "x", "documents": {"a": [MAIL]}},
        (MAIL,),
        ("documents",),
    ),
)
