"""Verdicts of the compiler in lines: those that are not True as findings, and what those that are True say beyond that as notes."""

from collections.abc import Iterable

from turnout_cli.standalone.folder import FolderFinding
from turnout_operator.compile import Broken, Verdict


def findings_of(verdicts: Iterable[Verdict], told: Iterable[Broken] = ()) -> list[FolderFinding]:
    """A finding for each Accepted or ResolvedRefs that is not True, but of what was `told` when the folder was read."""
    found: list[FolderFinding] = []
    known = {(item.kind, item.name) for item in told}
    for verdict in verdicts:
        if (verdict.kind, verdict.name) in known:
            continue
        ref = f"{verdict.kind}/{verdict.name}"
        for name, said in (("Accepted", verdict.accepted), ("ResolvedRefs", verdict.resolved)):
            if said.status != "True":
                found.append(FolderFinding("", ref, "", f"{name}={said.status} {said.reason}: {said.message}"))
    return found


def notes_of(verdicts: Iterable[Verdict]) -> list[str]:
    """What is said of objects that are as they should be: which policies guard a route, that a policy checks nothing."""
    return [
        f"{verdict.kind}/{verdict.name}: {said.message}"
        for verdict in verdicts
        for said in (verdict.accepted, verdict.resolved)
        if said.status == "True" and said.message
    ]
