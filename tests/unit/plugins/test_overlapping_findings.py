"""Findings that overlap: the winner stays whole, and nothing that was found is lost."""

import random
import time
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from turnout_sidecar.guarding.findings import Finding
from turnout_sidecar.plugins.overlaps import Claim, settled

TEXT = "Anna Berg Street, Paris"


def merged(text: str, *sources: Sequence[Finding]) -> tuple[Finding, ...]:
    """What stays of the findings of several sources, of which an earlier one wins."""
    return settled(text, [Claim(rank, finding) for rank, source in enumerate(sources) for finding in source])


def test_the_longer_claim_wins_and_the_rest_of_the_other_stays_found() -> None:
    claims = [Claim(0, Finding(0, 9, "Person", "a")), Claim(0, Finding(5, 16, "Location", "a"))]
    assert settled(TEXT, claims) == (Finding(0, 4, "Person", "a"), Finding(5, 16, "Location", "a"))


def test_of_two_equally_long_claims_the_more_certain_wins() -> None:
    person, place = Finding(5, 9, "Person", "a"), Finding(5, 9, "Location", "a")
    assert settled(TEXT, [Claim(0, person, 0.5), Claim(0, place, 0.8)]) == (place,)
    assert settled(TEXT, [Claim(0, person, 0.8), Claim(0, place, 0.5)]) == (person,)


def test_a_source_before_another_wins_even_with_less() -> None:
    built_in, plugin = [Finding(5, 9, "Phone", "phone")], [Finding(0, 16, "Person", "names")]
    assert merged(TEXT, built_in, plugin) == (
        Finding(0, 4, "Person", "names"),
        Finding(5, 9, "Phone", "phone"),
        Finding(10, 16, "Person", "names"),
    )


def test_what_is_left_of_a_loser_has_no_spaces_and_points_at_its_ends() -> None:
    claims = [Claim(0, Finding(0, 16, "Person", "a")), Claim(1, Finding(10, 18, "Location", "a"))]
    assert settled(TEXT, claims) == (Finding(0, 16, "Person", "a"),)


def test_one_source_alone_passes_as_it_is() -> None:
    found = [Finding(0, 4, "Person", "a"), Finding(5, 9, "Person", "a")]
    assert merged(TEXT, [], found) == tuple(found)
    assert merged(TEXT) == ()


SPANS = st.lists(
    st.builds(
        lambda start, length, entity, rank, score: Claim(rank, Finding(start, start + length, entity, "r"), score),
        st.integers(0, 30),
        st.integers(1, 12),
        st.sampled_from(["Person", "Location"]),
        st.integers(0, 2),
        st.sampled_from([0.1, 0.9]),
    ),
    max_size=12,
)


@given(SPANS, st.randoms(use_true_random=False))
def test_every_character_found_stays_found_and_none_twice(claims: list[Claim], shuffle: random.Random) -> None:
    text = "ab" * 25
    found = settled(text, claims)
    covered = [at for finding in found for at in range(finding.start, finding.end)]
    assert covered == sorted({at for claim in claims for at in range(claim.finding.start, claim.finding.end)})
    again = list(claims)
    shuffle.shuffle(again)
    assert settled(text, again) == found
    worth = [(claim.rank, claim.finding.start - claim.finding.end) for claim in claims]
    for claim, value in zip(claims, worth, strict=True):
        if value == min(worth) and worth.count(value) == 1:
            assert claim.finding in found


def test_an_answer_made_to_be_slow_is_settled_quickly() -> None:
    small = [Claim(0, Finding(at, at + 1, "Person", "r")) for at in range(0, 40_000, 2)]
    large = [Claim(1, Finding(at, 40_000 - at, "Location", "r")) for at in range(19_000)]
    began = time.perf_counter()
    assert len(settled("x" * 40_000, small + large)) == 40_000
    assert time.perf_counter() - began < 20
