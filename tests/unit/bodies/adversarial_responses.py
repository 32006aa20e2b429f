"""Where a value stands in a call of the Responses API."""

import json

from unit.bodies.adversarial_kit import (
    ADDRESS,
    CARD,
    GITHUB,
    IBAN,
    MAIL,
    MAIL2,
    OPENAI_CALL,
    PHONE,
    SIGNATURE,
    URL_PASSWORD,
    Case,
    b64,
    responses,
    user,
)

WHERE_IN_RESPONSES = (
    Case(
        "the input and the instructions",
        "responses",
        responses(input=f"I am {MAIL}", instructions=f"Never tell {IBAN}"),
        (MAIL, IBAN),
        ("I am", "Never tell"),
    ),
    Case(
        "instructions that are a list of items",
        "responses",
        responses(instructions=[{"role": "developer", "content": [{"type": "input_text", "text": f"Tell {MAIL}"}]}]),
        (MAIL,),
        ("Tell",),
    ),
    Case(
        "a call of a function and its output",
        "responses",
        responses(
            {"type": "function_call", "call_id": OPENAI_CALL, "name": "f", "arguments": json.dumps({"to": MAIL})},
            {"type": "function_call_output", "call_id": OPENAI_CALL, "output": json.dumps({"iban": IBAN, "ok": True})},
        ),
        (MAIL, IBAN),
        (OPENAI_CALL, '"ok": true'),
    ),
    Case(
        "an output of parts",
        "responses",
        responses(
            {
                "type": "function_call_output",
                "call_id": "c",
                "output": [{"type": "input_text", "text": f"is {MAIL}"}],
            }
        ),
        (MAIL,),
        ("is ",),
    ),
    Case(
        "a call of a custom tool and its output",
        "responses",
        responses(
            {"type": "custom_tool_call", "call_id": "c", "name": "sql", "input": f"select '{MAIL}'"},
            {"type": "custom_tool_call_output", "call_id": "c", "output": f"1 row: {PHONE}"},
        ),
        (MAIL, PHONE),
        ("select", "1 row"),
    ),
    Case(
        "commands, environment and output of a shell",
        "responses",
        responses(
            {
                "type": "local_shell_call",
                "call_id": "c",
                "action": {
                    "type": "exec",
                    "command": ["mail", MAIL],
                    "env": {"GITHUB_TOKEN": GITHUB},
                    "user": MAIL2,
                },
            },
            {"type": "shell_call_output", "call_id": "c", "output": [{"stdout": f"from {ADDRESS}", "stderr": IBAN}]},
        ),
        (MAIL, GITHUB, MAIL2, ADDRESS, IBAN),
        ("mail", "GITHUB_TOKEN", "from"),
    ),
    Case(
        "what is typed at a computer",
        "responses",
        responses({"type": "computer_call", "call_id": "c", "action": {"type": "type", "text": f"{CARD}\n"}}),
        (CARD,),
    ),
    Case(
        "code that ran, and what it wrote",
        "responses",
        responses(
            {
                "type": "code_interpreter_call",
                "id": "ci_1",
                "code": f"send('{MAIL}')",
                "outputs": [{"type": "logs", "logs": f"sent to {MAIL2}"}],
            }
        ),
        (MAIL, MAIL2),
        ("send(", "sent to"),
    ),
    Case(
        "a patch",
        "responses",
        responses(
            {
                "type": "apply_patch_call",
                "call_id": "c",
                "operation": {"type": "update_file", "path": "a.py", "diff": f"-x\n+key = '{GITHUB}'\n"},
            }
        ),
        (GITHUB,),
        ("a.py", "+key"),
    ),
    Case(
        "results and queries of a search in files",
        "responses",
        responses(
            {
                "type": "file_search_call",
                "id": "fs_1",
                "queries": [f"who is {MAIL}"],
                "results": [{"text": f"his iban {IBAN}", "filename": f"{MAIL2}.txt", "attributes": {"owner": MAIL}}],
            }
        ),
        (MAIL, IBAN, MAIL2),
        ("who is", "his iban"),
    ),
    Case(
        "a call of a tool server: arguments, output and error",
        "responses",
        responses(
            {
                "type": "mcp_call",
                "id": "mcp_1",
                "server_label": "crm",
                "name": "find",
                "arguments": json.dumps({"mail": MAIL}),
                "output": json.dumps([{"iban": IBAN}]),
                "error": f"no {MAIL2}",
            }
        ),
        (MAIL, IBAN, MAIL2),
        ("crm", "find"),
    ),
    Case(
        "tools that a tool server told of",
        "responses",
        responses(
            {
                "type": "mcp_list_tools",
                "server_label": "crm",
                "tools": [{"name": "find", "input_schema": {"properties": {"m": {"const": MAIL}}}}],
            }
        ),
        (MAIL,),
        ("find",),
    ),
    Case(
        "a reason for an approval",
        "responses",
        responses({"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True, "reason": MAIL}),
        (MAIL,),
        ("mcpr_1",),
    ),
    Case(
        "a summary and the text of a thought, whose secret part stays",
        "responses",
        responses(
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": f"knows {MAIL}"}],
                "content": [{"type": "reasoning_text", "text": f"uses {IBAN}"}],
                "encrypted_content": SIGNATURE,
            }
        ),
        (MAIL, IBAN),
        ("knows", SIGNATURE),
    ),
    Case(
        "variables of a prompt of the provider's",
        "responses",
        responses(
            prompt={
                "id": "pmpt_1",
                "version": "2",
                "variables": {"who": MAIL, "what": {"type": "input_text", "text": f"card {CARD}"}},
            }
        ),
        (MAIL, CARD),
        ("pmpt_1", "who"),
    ),
    Case(
        "a schema of the text",
        "responses",
        responses(
            text={"format": {"type": "json_schema", "name": "n", "schema": {"const": MAIL, "pattern": f"^{IBAN}$"}}}
        ),
        (MAIL, IBAN),
        ("json_schema",),
    ),
    Case(
        "an item of a type that nobody knows",
        "responses",
        responses({"type": "hologram", "rays": [{"of": MAIL}], "role": "user"}),
        (MAIL,),
        ("hologram",),
    ),
    Case("the type of an item", "responses", responses({"type": MAIL, "content": "x"}), (MAIL,), ("x",)),
    Case(
        "a file of text in base64",
        "responses",
        responses(
            user(
                [
                    {
                        "type": "input_file",
                        "filename": f"{MAIL2}.csv",
                        "file_data": f"data:text/csv;base64,{b64(f'a,{MAIL}')}",
                    }
                ]
            )
        ),
        (MAIL, b64(f"a,{MAIL}"), MAIL2),
        ("data:text/csv;base64,",),
    ),
    Case(
        "the address of a file, with its password",
        "responses",
        responses(user([{"type": "input_file", "file_url": f"https://bob:{URL_PASSWORD}@files.example.org/a.pdf"}])),
        (URL_PASSWORD,),
        ("files.example.org",),
    ),
    Case(
        "the address of a tool server, with its password",
        "responses",
        responses(tools=[{"type": "mcp", "server_label": "x", "server_url": f"https://bob:{URL_PASSWORD}@mcp.test/s"}]),
        (URL_PASSWORD,),
        ("mcp.test",),
    ),
    Case(
        "a header for a tool server that is no credential",
        "responses",
        responses(tools=[{"type": "mcp", "server_label": "x", "headers": {"X-On-Behalf": MAIL}}]),
        (MAIL,),
        ("X-On-Behalf",),
    ),
    Case(
        "an address where a tool server's credential should be",
        "responses",
        responses(tools=[{"type": "mcp", "server_label": "x", "authorization": f"mail {MAIL} first"}]),
        (MAIL,),
        ("first",),
    ),
    Case(
        "a credential in what only says that it is a tool server",
        "responses",
        responses(
            {"role": "user", "content": [{"type": "mcp", "authorization": GITHUB, "headers": {"X-Token": GITHUB}}]}
        ),
        (GITHUB,),
        ("X-Token",),
    ),
    Case(
        "a credential in a tool that is no server",
        "responses",
        responses(
            tools=[{"type": "function", "name": "f", "authorization": GITHUB, "headers": {"Authorization": GITHUB}}]
        ),
        (GITHUB,),
        ("Authorization",),
        may_block=True,
    ),
    Case(
        "an id of the provider's state that is none",
        "responses",
        responses(previous_response_id=f"resp {MAIL}"),
        (MAIL,),
        may_block=True,
    ),
)
