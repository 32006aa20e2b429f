"""Twenty-seven mistakes that gateways before this one have made. Each has a test of its number.

1 a finish in the middle of a stream; 2 a stop where tools are called; 3 spurious empty text, and an end that is none; 4 calls
lost after thinking; 5 arguments lost; 6 a missing index, id or name; 7 a stream without its end that counts as success; 8 empty
names and descriptions of tools; 9 results of tools as words of the user; 10 results of parallel calls in several messages;
11 thinking that is dropped; 12 signatures of calls that are lost; 13 ids that collide; 14 unknown reasons of an end; 15 cached
tokens billed twice; 16 usage that comes late or in pieces; 17 cached tokens missing; 18 an incomplete answer; 19 arguments that
come only at the end; 20 no role at the start; 21 an error in a stream that is swallowed; 22 tool calls against vLLM; 23 reasoning
that is not passed on; 24 chunks of Azure's filter; 25 a zero taken for nothing; 26 a schema beside tools; 27 an answer that is
nothing but a call.
"""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
NUMBERED = re.compile(r"(?<=_)\d{2}(?=_)")
ALL = frozenset(range(1, 28))


def _named() -> dict[int, list[str]]:
    found: dict[int, list[str]] = {number: [] for number in ALL}
    for path in TESTS.rglob("test_*.py"):
        text = path.read_text()
        if "def test_pitfall_" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_pitfall_"):
                numbers = re.match(r"test_pitfall(?:_\d{2}(?:_and)?)+(?=_)", node.name)
                assert numbers is not None, f"{path}: {node.name}"
                for number in NUMBERED.findall(f"{numbers.group()}_"):
                    found.setdefault(int(number), []).append(f"{path.name}: {node.name}")
    return found


def test_each_pitfall_has_a_test_of_its_number() -> None:
    found = _named()
    assert [number for number in sorted(ALL) if not found[number]] == []
    assert found.keys() == ALL
