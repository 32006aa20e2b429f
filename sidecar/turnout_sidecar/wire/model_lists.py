"""How each protocol lists its models, and how to be sure that one does not exist: without IO, and without a call that costs.

An inquiry is a generator: it gives the path to GET next and is sent the answer, until it returns what was found. A model that
the list does not show may still be there (an alias, a name without its date, a fine-tune, a list that shows a part), so it is
asked for alone. Many servers list models and know no such question, so a listed one is asked for first: only where that one is
found does a 404 mean anything.

Rules: an endpoint that lists nothing, or answers something else than a list, is no error: nothing is known then; what fails
for a moment settles nothing, and what was known before holds.
"""

import re
from collections.abc import Collection, Generator, Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec
import orjson

from turnout_sidecar.wire import lenient

LISTING: Final = frozenset({"OpenAI", "Anthropic", "Gemini"})
"""Azure's endpoints list the models that one could deploy, not the deployments; Bedrock's runtime endpoints list nothing."""

MOST_PAGES: Final = 10
_PAGES: Final = {"OpenAI": "/models", "Anthropic": "/models?limit=1000", "Gemini": "/models?pageSize=1000"}
_NEXT: Final = {"Anthropic": "after_id", "Gemini": "pageToken"}
_OK: Final = 200
_NOT_FOUND: Final = 404
_FOR_A_MOMENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
_PREFIX: Final = "models/"
_NEWEST: Final = ":latest"
_LATEST: Final = "-latest"
_DATE: Final = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|\d{3})$")


class Answer(msgspec.Struct, frozen=True):
    """What came back for a path: the status, and the body where it was of a size to be read."""

    status: int
    body: bytes = b""


class Finding(msgspec.Struct, frozen=True):
    """What is known of an endpoint. `listed` None: it gave no list. `unsettled` could not be asked for at the moment."""

    listed: int | None = None
    absent: frozenset[str] = frozenset()
    unsettled: frozenset[str] = frozenset()


Inquiry = Generator[str, Answer | None, Finding]
"""Paths out, answers in (None: there was none); it returns the finding."""


def inquire(protocol: str, models: Collection[str]) -> Inquiry:
    """Whether these models exist. Paths begin with `/` and go after the endpoint's own."""
    if protocol not in LISTING:
        return Finding()
    names, settled = yield from _listed(protocol)
    if not settled:
        return Finding(unsettled=frozenset(models))
    if names is None:
        return Finding()
    # A name without its date may be an alias, which not every server that has it finds alone.
    known = names | {_DATE.sub("", name) for name in names}
    unseen = sorted(model for model in models if not _seen(model, known))
    absent: set[str] = set()
    unsettled: set[str] = set()
    # Some servers take a name with a slash and others do not, so each kind is tried with one of its own.
    for slash in (False, True):
        kind = [model for model in unseen if ("/" in bare(model)) is slash]
        sample = min((name for name in names if ("/" in name) is slash), default=None)
        if not kind or sample is None:
            continue
        found, left = yield from _alone(sample, kind)
        absent |= found
        unsettled |= left
    return Finding(len(names), frozenset(absent), frozenset(unsettled))


def bare(model: str) -> str:
    """The name without the collection that Google puts before it."""
    return model.removeprefix(_PREFIX)


def _seen(model: str, known: set[str]) -> bool:
    """Whether it is one of those, as it is or as an alias of the newest."""
    name = bare(model)
    return not known.isdisjoint((name, name + _NEWEST, name.removesuffix(_NEWEST), name.removesuffix(_LATEST)))


def _listed(protocol: str) -> Generator[str, Answer | None, tuple[set[str] | None, bool]]:
    """The names listed (None: there is no list), and whether that is settled."""
    names: set[str] = set()
    path = _PAGES[protocol]
    for page in range(MOST_PAGES):
        answer = yield path
        if answer is None or answer.status in _FOR_A_MOMENT:
            return None, False
        read = _read(answer)
        if read is None:
            return (names if page else None), True
        found, document = read
        names |= found
        token = _token(protocol, document)
        if token is None:
            break
        path = f"{_PAGES[protocol]}&{_NEXT[protocol]}={quote(token, safe='')}"
    return names, True


def _read(answer: Answer) -> tuple[set[str], Mapping[str, Any]] | None:
    """The names on a page, and the page; None where it is no list of models."""
    if answer.status != _OK:
        return None
    try:
        document = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
    page = lenient.mapping(document)
    entries = document if isinstance(document, list) else page.get("data", page.get("models"))
    if entries is None and page.get("object") == "list":
        entries = []  # an Ollama without models
    if not isinstance(entries, list):
        return None
    labels = (lenient.label(entry.get("id", entry.get("name"))) for entry in lenient.mappings(entries))
    names = {bare(label) for label in labels if label is not None}
    return (names, page) if names or not entries else None


def _token(protocol: str, page: Mapping[str, Any]) -> str | None:
    """What asks for the next page, if there is one."""
    if protocol == "Gemini":
        return lenient.text(page.get("nextPageToken")) or None
    if protocol == "Anthropic" and page.get("has_more") is True:
        return lenient.label(page.get("last_id"))
    return None


def _alone(sample: str, models: list[str]) -> Generator[str, Answer | None, tuple[set[str], set[str]]]:
    """Those of the models that are not there, and those that could not be asked for. `sample` is one that is listed."""
    absent: set[str] = set()
    for place, model in enumerate((sample, *models)):
        answer = yield f"/models/{quote(bare(model), safe=':@')}"
        if answer is None or answer.status in _FOR_A_MOMENT:
            return absent, set(models[max(place - 1, 0) :])
        if not place and answer.status != _OK:
            break  # it does not answer such a question
        if place and answer.status == _NOT_FOUND:
            absent.add(model)
    return absent, set()
