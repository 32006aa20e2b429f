"""Pictures, documents and sound as Converse takes them: by format, with their bytes in base64.

Rules: a document needs a name of few characters that no other document of the call has; a type that Converse has no format
for is refused by name.
"""

import re
from typing import Any, Final

from turnout_sidecar.wire.canonical import Audio, Document, Image
from turnout_sidecar.wire.converse.support import TITLE
from turnout_sidecar.wire.support import Untranslatable

_IMAGES: Final = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
_WORD: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_SHEET: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_DOCUMENTS: Final = {
    "application/pdf": "pdf", "text/plain": "txt", "text/markdown": "md", "text/html": "html", "text/csv": "csv",
    "application/msword": "doc", _WORD: "docx", "application/vnd.ms-excel": "xls", _SHEET: "xlsx",
}  # fmt: skip
_SOUNDS: Final = frozenset(
    "mp3 opus wav aac flac mp4 ogg mkv mka x-aac m4a mpeg mpga pcm webm".split()  # noqa: SIM905  a list of words
)
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9\-()\[\]]+")
_LONGEST_NAME: Final = 180


class Media:
    """Writes the media of one call; it remembers the names of its documents."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def write(self, part: Image | Document | Audio) -> dict[str, Any]:
        """The block. Raises Untranslatable."""
        data = {"bytes": part.source.data or ""}
        if isinstance(part, Image):
            kind = _format(_IMAGES, part.source.media_type or "image/jpeg")
            return {"image": {"format": kind, "source": data}}
        if isinstance(part, Document):
            kind = _format(_DOCUMENTS, part.source.media_type or "application/pdf")
            return {"document": {"format": kind, "name": self._name(part.name), "source": data}}
        sound = (part.format or (part.source.media_type or "audio/wav").partition("/")[2]).lower()
        if sound not in _SOUNDS:
            raise Untranslatable("messages (audio)", TITLE, f"it has no format for {sound[:64]!r}")
        return {"audio": {"format": sound, "source": data}}

    def _name(self, given: str | None) -> str:
        stem = (given or "").rpartition(".")[0] or given or ""
        plain = _NOT_IN_A_NAME.sub(" ", stem).strip()[:_LONGEST_NAME] or "document"
        name, number = plain, 2
        while name in self._names:
            name, number = f"{plain} {number}", number + 1
        self._names.add(name)
        return name


def _format(known: dict[str, str], media_type: str) -> str:
    found = known.get(media_type.partition(";")[0].strip().lower())
    if found is None:
        raise Untranslatable("messages (media type)", TITLE, f"it has no format for {media_type[:64]!r}")
    return found
