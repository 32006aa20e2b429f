"""`python tools/inspected.py --root DIR`: write docs/reference/inspected.md from the table of what is passed over, or check it.

The page says what of a request's body guardrails inspect, what they pass over and why, and what cannot be inspected. Its table is
the very table by which bodies are read, so that the page cannot say something else than the gateway does. With `--check` nothing
is written: the exit code is 1 where the page is not fresh.
"""

import sys
from collections.abc import Iterator
from typing import Final

from turnout_contract.schema import fresh
from turnout_sidecar.bodies.skipped import SKIPPED, Skip
from turnout_sidecar.exchange.header_lines import FORWARDED

PAGE: Final = "docs/reference/inspected.md"
_WHERE: Final = {
    "top": "the body itself",
    "inner": "messages, parts, items, calls, tools",
    "sealed": "a hidden thought",
    "server": "a tool that is a server (MCP)",
    "headers": "the headers for a tool server",
}
_OPENING: Final = """\
<!-- Generated from the table in sidecar/turnout_sidecar/bodies/skipped.py. Do not edit: run `make generate`. -->

# What guardrails inspect

Every string of the body of a call, on every endpoint, wherever it stands and whether its field is known or not: messages of all
roles, parts, arguments and results of tools, definitions of tools with their defaults, schemas, instructions, metadata, texts to
embed. Also the keys of whatever is not a field of the API, and numbers of seven digits and more, which become strings where they
are masked; and [the headers](#headers) that go on to a provider.

A string may hold others. JSON in a string is read token by token, also JSON in that (four deep, up to 262,144 characters or 10,000
strings; what is larger is inspected as it stands), and stays JSON when something in it is masked. Data URLs and files in base64
that are text by their bytes are decoded, inspected and encoded again, whatever media type they claim.

Where an object holds a member twice, parsers disagree about which of the two counts. Such a body is written anew with what was
inspected, and nothing else; so is such an answer, or event of a stream, where answers are inspected. A body of more than 250,000
texts is refused.

## What is passed over

This is all of it, beside the words of JSON Schema where a schema stands. A value of another shape than the one in the table is
inspected as text.

| In | Fields | Passed over | Why |
|---|---|---|---|
"""
_CLOSING: Final = """
## Whose words they are

The roles of messages say who speaks, and the types of what the Responses API takes as `input` without one. Definitions are what
stands in `tools`, `functions`, `tool_choice`, `function_call` and `response_format` of chat completions; `tools`, `tool_choice`
and `text` of responses, and its items `mcp_list_tools` and the tools of `tool_search_output`; `tools`, `tool_choice`,
`mcp_servers`, `output_config` and `output_format` of messages: there and nowhere else. A member of one of these names, a role or a
type in a part of a message makes nobody else speak.

Everything is looked for everywhere, but for two things. In definitions, and in the name of a tool where it is called, a deny
pattern that blocks masks instead, so that no tool refuses a call, and leaves what names something for a machine as it is: keys,
references, patterns, addresses and lists of names, and a name that it matches in part. An attempt to turn the model, and what a
plug-in flags, is never what the application itself says: definitions and the system's words; for the built-in score also what
assistants said.

## Headers

Of a caller's headers these go on to a provider, and are inspected with the same policies; plug-ins are not shown them.

| Header | Goes on | Where something in it must be masked | Where something in it blocks or reroutes |
|---|---|---|---|
{headers}| `tracestate` | always, with a good `traceparent` | it is left out | it is left out, and the call goes on |

What has the shape of a feature's name (`context-1m-2025-08-07`, `assistants=v2`) is looked for in deny patterns alone, since long
names with dates read like keys. A header that is left out is no part of what an answer is cached under.

## What cannot be inspected

Pictures, sound, films, PDF and other files that are not text, those that are named by an id or an address (the address itself is
inspected), and numbers of tokens to embed. They are counted as `binary` and blocked where `spec.input.binaryParts` is
`Block`. A short word in base64 is inspected as it stands as well, since a key looks the same.

Texts of a message that stand in parts one after another are inspected together, as if a line ended between them, also by plug-ins
and for deny patterns. Words of 16 characters and more in base64 or hexadecimal are decoded, two deep, if they say text that
begins in ASCII; plug-ins see them as they stand. A value that is
cut in the middle of a word, or spread over several messages, is not recognised; nor is what a caller encrypts or encodes in a way
of their own.
"""


def page() -> str:
    """The page."""
    return _OPENING + "".join(map(_row, SKIPPED)) + _CLOSING.format(headers="".join(_headers()))


def _headers() -> Iterator[str]:
    for name in dict.fromkeys(name for names in FORWARDED.values() for name in names):
        apis = ", ".join(api for api, names in FORWARDED.items() if name in names)
        yield f"| `{name}` | asked as {apis}, to a provider of that protocol | it is left out whole | as in the body |\n"


def _row(row: Skip) -> str:
    where = _WHERE[row.where] + (f" ({', '.join(sorted(row.endpoints))})" if row.endpoints else "")
    fields = ", ".join(f"`{name}`" for name in row.fields)
    shape = (row.shape.__doc__ or "").splitlines()[0].rstrip(".")
    return f"| {where} | {fields} | {shape} | {row.why} |\n"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code."""
    return fresh.command(arguments, __doc__, {PAGE: page()})


if __name__ == "__main__":
    sys.exit(main())
