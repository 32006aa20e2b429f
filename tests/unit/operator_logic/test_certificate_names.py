"""Whatever way a name of the operator is spelled, its certificate is made once and not at every look."""

from datetime import UTC, datetime

import pytest

from turnout_operator.certificates import advance

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", ["localhost", "Operator.Example.com", "10.0.0.1", "2001:DB8:0::1", "::FFFF:10.0.0.1"])
def test_a_certificate_that_has_the_names_asked_for_is_not_made_again(name: str) -> None:
    material = advance(None, NOW, ("turnout-operator.turnout-system.svc", name))
    assert advance(material, NOW, ("turnout-operator.turnout-system.svc", name)) == material


def test_another_name_makes_another_certificate() -> None:
    material = advance(None, NOW, ("a.svc",))
    assert advance(material, NOW, ("a.svc", "2001:db8::1")).certificate != material.certificate
