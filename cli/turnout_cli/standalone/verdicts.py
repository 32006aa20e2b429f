"""Verdicts of the compiler as findings: each one that is not True, in a line."""

from collections.abc import Iterable

from turnout_cli.standalone.folder import FolderFinding
from turnout_operator.compile import Verdict


def findings_of(verdicts: Iterable[Verdict]) -> list[FolderFinding]:
    """A finding for each Accepted or ResolvedRefs that is not True."""
    found: list[FolderFinding] = []
    for verdict in verdicts:
        ref = f"{verdict.kind}/{verdict.name}"
        for name, said in (("Accepted", verdict.accepted), ("ResolvedRefs", verdict.resolved)):
            if said.status != "True":
                found.append(FolderFinding("", ref, "", f"{name}={said.status} {said.reason}: {said.message}"))
    return found
