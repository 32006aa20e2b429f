"""Twenty-one things that users have reported of the guardrails of other gateways. Each has tests of its number.

 1 a placeholder is left in the answer, or a stream is masked again after it was restored
 2 one value has several names in a call, or two people share one and the wrong name comes back
 3 names start over with each turn, and those of earlier turns never resolve
 4 calls that run at the same time see each other's values
 5 matches that overlap are spliced into broken placeholders
 6 a stream is held back until its end
 7 a value that is cut by a stream passes, or its first half does
 8 what checks answers does not check streams
 9 the arguments of tool calls are not looked at, in questions and in answers
10 the results of tools are not looked at
11 instructions, and other places than messages, are not looked at
12 pictures are not looked at, and are said to have been
13 definitions of tools are taken for what a user says, and refuse the call
14 a set-up that only masks lets everything through when its detector breaks
15 logs and traces keep the clear text
16 the error says what it found
17 a check that never ran is said to have passed
18 the cache gives one tenant what is another's
19 a value in disguise passes: other digits, invisible characters, escapes, base64
20 a placeholder is found and masked again
21 a stream whose shape is wrong is shown before that is known, or nobody says what came of it
"""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
ALL = frozenset(range(1, 22))
NAMED = re.compile(r"test_reported_(\d{2})_\w+")


def _named() -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for path in HERE.glob("test_guardrail_reported_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            number = NAMED.fullmatch(node.name)
            if number is not None:
                found.setdefault(int(number[1]), []).append(node.name)
    return found


def test_each_report_has_tests_of_its_number() -> None:
    assert _named().keys() == ALL


def test_each_report_stands_in_the_list_above() -> None:
    assert {int(line[:2]) for line in (__doc__ or "").splitlines() if line[:2].strip().isdigit()} == ALL
