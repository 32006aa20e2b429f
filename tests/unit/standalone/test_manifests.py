"""Manifests mean here what they mean to kubectl."""

import pytest

from turnout_contract.manifests import ManifestError, parse


def test_an_unquoted_on_becomes_the_key_true_as_kubectl_makes_it() -> None:
    assert parse("kind: X\nretry: {on: [RateLimited]}") == [{"kind": "X", "retry": {"true": ["RateLimited"]}}]
    assert parse('kind: X\nretry: {"on": [RateLimited]}') == [{"kind": "X", "retry": {"on": ["RateLimited"]}}]


def test_dates_stay_text() -> None:
    assert parse("kind: X\napiVersion: 2026-06-01") == [{"kind": "X", "apiVersion": "2026-06-01"}]


def test_lists_are_taken_apart_and_empty_documents_left_out() -> None:
    text = "---\n---\nkind: List\nitems:\n- {kind: A}\n- {kind: List, items: [{kind: B}]}\n---\n"
    assert parse(text) == [{"kind": "A"}, {"kind": "B"}]


def test_json_is_read_too() -> None:
    assert parse('{"kind": "A", "n": 1}') == [{"kind": "A", "n": 1}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: A\nkind: B", "line 2, column 1: key 'kind' stands twice"),
        ("a: [", "line 1"),
        ("- 1", "not an object with a kind"),
        ("kind: {a: b}", "not an object with a kind"),
        ("kind: List\nitems: 3", "items is not a list"),
        ("kind: A\n? [a]\n: 1", "a key must be a text"),
        ("kind: A\nx: !!python/object/apply:os.system [id]", "could not determine a constructor"),
    ],
)
def test_what_is_no_manifest_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ManifestError, match=said.replace("[", r"\[")):
        parse(text)


def test_a_document_that_expands_without_bound_is_refused() -> None:
    levels = "\n".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 9))
    parsed = parse(f"kind: A\nx0: &x0 [a]\n{levels}")  # aliases share one value: it costs nothing to hold
    assert parsed[0]["x8"][0] is parsed[0]["x8"][1]


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ManifestError):
        parse("kind: A\nx: " + "[" * 1200 + "]" * 1200)
