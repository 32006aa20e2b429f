"""`python tools/inspected.py --root DIR`: write docs/reference/inspected.md from the table of what is passed over, or check it.

The page says what of a request's body guardrails inspect, what they pass over and why, and what cannot be inspected. Its table is
the very table by which bodies are read, so that the page cannot say something else than the gateway does. With `--check` nothing
is written: the exit code is 1 where the page is not fresh.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from turnout_sidecar.bodies.skipped import SKIPPED, Skip

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
are masked.

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
## What cannot be inspected

Pictures, sound, PDF and other files that are not text, files and pictures that are named by an id or an address (the address
itself is inspected), and numbers of tokens to embed. They are counted as `binary` and blocked where `spec.input.binaryParts` is
`Block`. A short word in base64 is inspected as it stands as well, since a key looks the same.

Texts of a message that stand in parts one after another are inspected together, as if a line ended between them. A value that is
cut in the middle of a word, or spread over several messages, is not recognised; nor is what a caller encrypts or encodes in a way
of their own.
"""


def page() -> str:
    """The page."""
    return _OPENING + "".join(map(_row, SKIPPED)) + _CLOSING


def _row(row: Skip) -> str:
    where = _WHERE[row.where] + (f" ({', '.join(sorted(row.endpoints))})" if row.endpoints else "")
    fields = ", ".join(f"`{name}`" for name in row.fields)
    shape = (row.shape.__doc__ or "").splitlines()[0].rstrip(".")
    return f"| {where} | {fields} | {shape} | {row.why} |\n"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(prog="python tools/inspected.py", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="the repository's root")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 on a difference")
    options = parser.parse_args(arguments)
    path, text = options.root / PAGE, page()
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return 0
    if options.check:
        sys.stdout.write(f"{PAGE}: not fresh\n")
        return 1
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
