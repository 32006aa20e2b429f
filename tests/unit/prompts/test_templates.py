"""Templates: what is allowed works, what is not is refused when compiled, and nothing grows without bound."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout_contract.template_syntax import FILTERS, MAX_SOURCE
from turnout_contract.templates import (
    Limits,
    MissingVariable,
    Template,
    TemplateError,
    TemplateLimit,
    check,
    render_all,
)

GENEROUS = Limits(seconds=60)


def render(source: str, **variables: Any) -> str:
    return Template.compile(source).render(variables, limits=GENEROUS)


@pytest.mark.parametrize(
    ("source", "variables", "expected"),
    [
        ("Classify the claim.", {}, "Classify the claim."),
        ("{{ claim }}", {"claim": "a < b & c"}, "a < b & c"),
        ("Answer in {{ language }}, as JSON.\n", {"language": "de"}, "Answer in de, as JSON.\n"),
        ("{{ a.b.c }}", {"a": {"b": {"c": "x"}}}, "x"),
        ("{{ a['b'][0] }}", {"a": {"b": ["x"]}}, "x"),
        ("{{ a[-1] }}", {"a": [1, 2, 3]}, "3"),
        ("{{ a[key] }}", {"a": {"k": "v"}, "key": "k"}, "v"),
        ("{{ a.items }}", {"a": {"items": "mine"}}, "mine"),
        ("{{ yes }} {{ no }} {{ none }} {{ n }} {{ f }}", {"yes": True, "no": False, "n": 3, "f": 1.5}, "true false null 3 1.5"),
        ("{{ a }}", {"a": {"b": [1, "é<"]}}, '{"b": [1, "é<"]}'),
        ("{{ a | tojson }}", {"a": "</script>'\"é"}, '"</script>\'\\"é"'),
        ("{{ a|upper }} {{ a|lower }} {{ b|trim }}|", {"a": "Ab", "b": " x "}, "AB ab x|"),
        ("{{ a|length }} {{ b|length }} {{ c|length }}", {"a": "abc", "b": [1, 2], "c": {"x": 1}}, "3 2 1"),
        ("{{ a|join(', ') }}", {"a": ["x", 1, True]}, "x, 1, true"),
        ("{{ a|join }}", {"a": ["x", "y"]}, "xy"),
        ("{{ a|default('none') }}", {}, "none"),
        ("{{ a|default('none') }}", {"a": ""}, ""),
        ("{{ a|default('none', true) }}", {"a": ""}, "none"),
        ("{{ a.b|default(c) }}", {"a": {}, "c": "z"}, "z"),
        ("{% if a %}y{% else %}n{% endif %}", {"a": []}, "n"),
        ("{% if a == 'x' and not b or c %}y{% endif %}", {"a": "x", "b": 0, "c": 0}, "y"),
        ("{% if a is defined %}y{% else %}n{% endif %}", {}, "n"),
        ("{% if a is not defined %}y{% endif %}", {}, "y"),
        ("{% if a in ['x', 'y'] %}y{% endif %}", {"a": "x"}, "y"),
        ("{% if a not in b %}y{% endif %}", {"a": "q", "b": ["x"]}, "y"),
        ("{% if n > -1 and n <= 3 %}y{% endif %}", {"n": 3}, "y"),
        ("{% if 1 < n < 3 %}y{% endif %}", {"n": 2}, "y"),
        ("{% if n == 1 %}a{% elif n == 2 %}b{% else %}c{% endif %}", {"n": 2}, "b"),
        (
            "{% for x in xs %}{{ loop.index }}{{ x.n }}{% if not loop.last %},{% endif %}{% endfor %}",
            {"xs": [{"n": "a"}, {"n": "b"}]},
            "1a,2b",
        ),
        ("{% for k in d %}{{ k }}={{ d[k] }};{% endfor %}", {"d": {"a": 1, "b": 2}}, "a=1;b=2;"),
        ("{% for x in xs %}{{ x }}{% else %}none{% endfor %}", {"xs": []}, "none"),
        ("{% for r in rows %}{% for c in r %}{{ c }}{% endfor %}/{% endfor %}", {"rows": [[1, 2], [3]]}, "12/3/"),
        ("{# a note #}{%- if true %} x {%- endif -%} y", {}, " xy"),
        ("{% raw %}{{ as it is }}{% endraw %}", {}, "{{ as it is }}"),
        ("{{ 1 }}{{ -2.5 }}", {}, "1-2.5"),
    ],
)  # fmt: skip
def test_what_is_allowed_renders(source: str, variables: dict[str, Any], expected: str) -> None:
    assert check(source) == []
    assert render(source, **variables) == expected


HOSTILE = (Path(__file__).parent / "hostile_templates.txt").read_text().splitlines()
HOSTILE += ["{{ " + "9" * 5000 + " }}", "\ud800", "{{ x }}\udfff"]


@pytest.mark.parametrize("source", HOSTILE)
def test_what_is_not_allowed_is_refused_when_compiled(source: str) -> None:
    findings = check(source)
    assert findings
    assert all(findings)
    with pytest.raises(TemplateError):
        Template.compile(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ " + "(" * 5000 + "x" + ")" * 5000 + " }}",
        "{{ " + "[" * 5000 + "]" * 5000 + " }}",
        "{{ " + "not " * 5000 + "x }}",
        "{{ " + "-" * 5000 + "1 }}",
        "{{ x" + ".a" * 5000 + " }}",
        "{{ x" + "|upper" * 5000 + " }}",
        "{{ x" + "[0]" * 5000 + " }}",
        "{{ " + "x[" * 5000 + "0" + "]" * 5000 + " }}",
        "{{ x" + " and x" * 5000 + " }}",
        "{{ x" + " < x" * 5000 + " }}",
        "{% if x %}" * 3000 + "{% endif %}" * 3000,
        "{% for x in x %}" * 1500 + "{% endfor %}" * 1500,
        "{% if x %}" + "{% elif x %}" * 4000 + "{% endif %}",
        "{{ x }}" * 8000,
        "{{ [" + "1," * 5000 + "] }}",
        "{{ x|default(" * 500 + "1" + ")" * 500 + " }}",
        "x" * (MAX_SOURCE + 1),
        "{{ x" + " if x else x" * 3000 + " }}",
        "{{" * 20000,
        "{%" * 20000,
        "{#" * 20000,
        "{% raw %}" * 7000,
        "{%" + " " * 60000,
        "{% " * 20000,
        "{{ '" + "\\" * 60000 + " }}",
    ],
)
def test_a_template_that_is_too_deep_or_too_long_is_refused_soon(source: str) -> None:
    began = time.monotonic()
    assert check(source)
    assert time.monotonic() - began < 20


OPENINGS = ["{{ ", "{% ", "if ", "for x in ", "elif ", "{{ a }}", "{% if a %}", "{% for x in a %}", "{{ x }}", "(", "["]
ENDS = [" }}", " %}", "endif", "endfor", "else", "{% endif %}", "{% endfor %}", ")", "]", "[0]", "[a]", "is defined"]
BETWEEN = ["a", ".b", " and ", " not ", " == ", " in ", "'s'", "1", "-", "loop.index", "text", ",", "\n"]
PIECES = [*OPENINGS, *ENDS, *BETWEEN, "|upper", "|join(a)", "|default('x')", "|tojson"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14))
def test_whatever_passes_the_check_compiles_and_renders_or_says_why_not(pieces: list[str]) -> None:
    source = "".join(pieces)
    if check(source):
        return
    template = Template.compile(source)
    for variables in ({}, {"a": "s", "x": [1]}, {"a": ["p", "q"], "text": {}}, {"a": {"b": [1]}, "if": 1}):
        try:
            assert isinstance(template.render(variables, limits=GENEROUS), str)
        except TemplateError:
            continue


class Watch:
    """Seconds that pass with every look."""

    def __init__(self, step: float) -> None:
        self._now = 0.0
        self._step = step

    def __call__(self) -> float:
        self._now += self._step
        return self._now


BIG = ["x" * 10] * 20_000
LONG = "ab" * 200_000


@pytest.mark.parametrize(
    ("source", "variables"),
    [
        ("{% for a in xs %}{% for b in xs %}{% endfor %}{% endfor %}", {"xs": BIG}),
        ("{% for a in xs %}{% for b in xs %}{{ b }}{% endfor %}{% endfor %}", {"xs": BIG}),
        ("{% for a in xs %}" + "word " * 1000 + "{% endfor %}", {"xs": BIG}),
        ("{% for a in xs %}{{ xs|join }}{% endfor %}", {"xs": BIG}),
        ("{{ xs|join(sep) }}", {"xs": BIG, "sep": LONG}),
        ("{{ xs|join(sep)|upper|tojson }}", {"xs": BIG, "sep": "sep" * 1000}),
        ("{{ x" + "|tojson" * 20 + " }}", {"x": '"' * 1000}),
        ("{{ x }}" * 100, {"x": LONG}),
        ("{{ x|upper }}" * 100, {"x": "ß" * 100_000}),
        ("{{ x|tojson }}" * 2, {"x": "\x00" * 100_000}),
        ("{{ x|tojson }}", {"x": "\x00" * 300_000}),
        ("{% for a in xs %}{{ a|default(big) }}{{ big }}{% endfor %}", {"xs": BIG, "big": LONG}),
    ],
)
def test_a_template_that_would_grow_without_bound_is_stopped(source: str, variables: dict[str, Any]) -> None:
    template = Template.compile(source)
    with pytest.raises(TemplateLimit):
        template.render(variables, limits=GENEROUS)


@pytest.mark.parametrize(
    ("source", "variables"),
    [
        ("{% for a in xs %}{% endfor %}", {"xs": BIG}),
        ("{% for a in xs %}{% if a in xs %}{% endif %}{% endfor %}", {"xs": [*BIG, "z"]}),
        ("{% if x == y %}{% endif %}" * 40, {"x": LONG, "y": LONG}),
        ("{{ x" + "|upper|lower" * 5 + " }}" + "{{ y }}" * 20, {"x": LONG, "y": ""}),
        ("{{ x }}" * 100, {"x": "a"}),
        ("{{ xs|join }}", {"xs": BIG}),
    ],
)
def test_time_is_looked_at_on_the_way(source: str, variables: dict[str, Any]) -> None:
    template = Template.compile(source)
    with pytest.raises(TemplateLimit, match=r"longer than 0\.25 s"):
        template.render(variables, now=Watch(0.01))


def test_variables_that_are_too_large_too_deep_or_no_json_are_refused_before_rendering() -> None:
    template = Template.compile("x")
    deep: list[Any] = []
    for _ in range(100):
        deep = [deep]
    for bad in (
        "x" * 2_000_000,
        [0] * 500_000,
        deep,
        {1: 2},
        float("nan"),
        float("inf"),
        object(),
        (1, 2),
        b"x",
        "\ud800",
        10**5000,
        {"\udfff": 1},
    ):
        with pytest.raises(TemplateLimit):
            template.render({"v": bad})


def test_a_python_object_is_never_seen_by_a_template() -> None:
    class Secret:
        password = "canary"

    with pytest.raises(TemplateLimit) as raised:
        Template.compile("{{ v.password }}").render({"v": Secret()})
    assert "canary" not in raised.value.message


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("{{ claim }}", "claim"),
        ("{{ steps.facts }}", "steps.facts"),
        ("{% if claim %}{% endif %}", "claim"),
        ("{% for c in claims %}{% endfor %}", "claims"),
        ("{{ claim|upper }}", "claim"),
        ("{{ claim|tojson }}", "claim"),
        ("{{ claim|length }}", "claim"),
        ("{% if claim == 1 %}{% endif %}", "claim"),
        ("{% if 1 in claim %}{% endif %}", "claim"),
        ("{% if not claim %}{% endif %}", "claim"),
        ("{{ claim.text }}", "claim"),
        ("{{ steps.facts.first|default('x') }}", "steps.facts"),
        ("{{ steps[claim] }}", "claim"),
        ("{{ x|default(claim) }}", "claim"),
        ("{{ xs|join(claim) }}", "claim"),
    ],
)
def test_a_variable_that_was_not_given_is_named(source: str, name: str) -> None:
    with pytest.raises(MissingVariable) as raised:
        Template.compile(source).render({"steps": {}, "xs": ["a", "b"]})
    assert raised.value.name == name


@pytest.mark.parametrize(
    ("source", "variables"),
    [
        ("{% if a < b %}{% endif %}", {"a": 1, "b": "secret"}),
        ("{% for x in a %}{% endfor %}", {"a": "secret"}),
        ("{% for x in a %}{% endfor %}", {"a": 3}),
        ("{{ a|join }}", {"a": "secret"}),
        ("{{ a|length }}", {"a": 5}),
        ("{% if 'x' in a %}{% endif %}", {"a": 5}),
    ],
)
def test_values_of_the_wrong_kind_are_an_error_that_does_not_hold_them(source: str, variables: dict[str, Any]) -> None:
    with pytest.raises(TemplateError) as raised:
        Template.compile(source).render(variables)
    assert "secret" not in raised.value.message


def test_the_names_of_a_template_are_its_variables_at_the_top() -> None:
    source = "{{ a.b }}{% for x in xs %}{{ x.y }}{{ other[x] }}{{ loop.index }}{% endfor %}"
    source += "{% if c is defined %}{{ d|default(e) }}{% endif %}"
    assert Template.compile(source).names == {"a", "xs", "other", "c", "d", "e"}


def test_a_variable_may_have_the_name_of_a_method_a_global_or_the_meter() -> None:
    assert render("{{ range }}{{ a.keys }}{{ dict }}", range="1", a={"keys": "2"}, dict="3") == "123"
    assert Template.compile("{{ a }}").render({" meter": "mine", "a": "x"}) == "x"


def test_json_comes_out_plain_and_reads_back() -> None:
    value = {"text": "<b>'\"&é\n", "list": [1, 2.5, None, True]}
    assert json.loads(render("{{ v|tojson }}", v=value)) == value
    assert "\\u" not in render("{{ v|tojson }}", v=value)


def test_the_messages_of_a_prompt_share_one_allowance() -> None:
    one = Template.compile("{{ x }}")
    assert render_all([one, one], {"x": "a"}) == ["a", "a"]
    with pytest.raises(TemplateLimit):
        render_all([one, one, one], {"x": "a" * 400_000})


def test_every_filter_of_the_list_is_there_and_no_other() -> None:
    for name in FILTERS:
        assert check(f"{{{{ x|{name} }}}}") == []
    assert sorted(FILTERS) == ["default", "join", "length", "lower", "tojson", "trim", "upper"]


def test_rendering_is_the_same_for_equal_variables_and_leaves_them_alone() -> None:
    template = Template.compile("{% for k in d %}{{ k }}{{ d[k]|tojson }}{% endfor %}")
    variables = {"d": {"b": [1], "a": {"c": 2}}}
    before = json.dumps(variables)
    assert template.render(variables) == template.render(json.loads(before))
    assert json.dumps(variables) == before
