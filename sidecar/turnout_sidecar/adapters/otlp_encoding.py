"""OTLP traces as protobuf bytes, written directly. No IO.

The SDK makes an object of every span, then a protobuf message of every object, then bytes: several times the CPU of
everything else that a call costs here. A span is written once, at the end of its call, when all is known; so it is written as
the bytes that leave. Field numbers are those of opentelemetry-proto's trace.proto and common.proto; a test decodes what is
written here with the generated classes.

Rules: text that is not Unicode is replaced, never an error; integers are cut to 64 bits; what stands before a value is kept
for each name and length, within a bound.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Final

INTERNAL: Final = 1
SERVER: Final = 2
CLIENT: Final = 3
UNSET: Final = 0
ERROR: Final = 2
REMOTE_PARENT: Final = 0x300
LOCAL_PARENT: Final = 0x100
SAMPLED: Final = 0x01

_DOUBLE: Final = struct.Struct("<d").pack
_TIMES: Final = struct.Struct("<BQBQ").pack
_FLAGS: Final = struct.Struct("<HI").pack
_STATUS: Final = {UNSET: b"", ERROR: b"\x7a\x02\x18\x02"}
_ONE_BYTE: Final = tuple(bytes((number,)) for number in range(128))
_MOST_KEPT_CHARS: Final = 512
_SEVEN_BITS: Final = 1 << 7
_TWO_BYTES: Final = 1 << 14
_LOW_64: Final = (1 << 64) - 1


def varint(number: int) -> bytes:
    """A base-128 varint of a number from 0 to 2^64 - 1."""
    if number < _SEVEN_BITS:
        return _ONE_BYTE[number]
    if number < _TWO_BYTES:
        return bytes((number & 127 | 128, number >> 7))
    out = bytearray()
    while number >= _SEVEN_BITS:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(tag: bytes, data: bytes) -> bytes:
    """A length-delimited field."""
    return tag + varint(len(data)) + data


def text_value(value: str) -> bytes:
    """An AnyValue of text."""
    return field(b"\x0a", value.encode("utf-8", "replace"))


class Key:
    """An attribute's name; its methods give whole `attributes` fields of a Span.

    All that stands before a value depends on the name and the value's length alone, so it is kept for each length.
    """

    __slots__ = ("_false", "_head", "_one", "_real", "_texts", "_true", "_two", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._head = field(b"\x0a", name.encode())
        self._texts: dict[int, bytes] = {}
        self._one = self._with(b"\x18\x00")[:-1]
        self._two = self._with(b"\x18\x00\x00")[:-2]
        self._real = self._with(b"\x21" + bytes(8))[:-8]
        self._true = self._with(b"\x10\x01")
        self._false = self._with(b"\x10\x00")

    def _with(self, value: bytes) -> bytes:
        return field(b"\x4a", self._head + field(b"\x12", value))

    def text(self, value: str) -> bytes:
        """Any text."""
        data = value.encode("utf-8", "replace")
        before = self._texts.get(len(data))
        if before is None:
            whole = self._with(field(b"\x0a", data))
            if len(data) <= _MOST_KEPT_CHARS:
                self._texts[len(data)] = whole[: len(whole) - len(data)]
            return whole
        return before + data

    def number(self, value: int) -> bytes:
        """A whole number of 64 bits with sign."""
        if 0 <= value < _TWO_BYTES:
            if value < _SEVEN_BITS:
                return self._one + _ONE_BYTE[value]
            return self._two + bytes((value & 127 | 128, value >> 7))
        return self._with(b"\x18" + varint(value & _LOW_64))

    def real(self, value: float) -> bytes:
        """A double."""
        return self._real + _DOUBLE(value)

    def flag(self, value: bool) -> bytes:  # noqa: FBT001 - it is the value
        """True or false."""
        return self._true if value else self._false

    def texts(self, values: Sequence[str]) -> bytes:
        """A list of texts."""
        return self._with(field(b"\x2a", b"".join(field(b"\x0a", text_value(value)) for value in values)))

    def any(self, value: object) -> bytes:
        """A value of any kind that an attribute may have; anything else as its text."""
        match value:
            case bool():
                return self.flag(value)
            case int():
                return self.number(value)
            case float():
                return self.real(value)
            case str():
                return self.text(value)
            case list() | tuple():
                return self.texts([str(item) for item in value])
            case _:
                return self.text(str(value))


def trace(trace_id: str, state: str) -> bytes:
    """The beginning of every Span of one trace: its id (32 hexadecimal digits) and `tracestate`."""
    fields = b"\x0a\x10" + bytes.fromhex(trace_id)
    return fields + field(b"\x1a", state.encode("ascii", "replace")) if state else fields


def span(
    beginning: bytes,
    span_id: str,
    parent: str,
    name: bytes,
    kind: int,
    start_ns: int,
    end_ns: int,
    attributes: Iterable[bytes],
    *,
    events: Iterable[bytes] = (),
    flags: int = LOCAL_PARENT,
    code: int = UNSET,
) -> bytes:
    """A Span as a `spans` field of ScopeSpans. `beginning` is of `trace`, `name` of `span_name`; no `parent`: a root.

    `events` are of `event` and `dropped_events`.
    """
    data = b"".join(
        (
            beginning,
            b"\x12\x08",
            bytes.fromhex(span_id),
            b"\x22\x08" + bytes.fromhex(parent) if parent else b"",
            name,
            b"\x30",
            _ONE_BYTE[kind],
            _TIMES(0x39, start_ns, 0x41, end_ns),
            *attributes,
            *events,
            _STATUS[code],
            _FLAGS(0x0185, flags | SAMPLED),
        )
    )
    return field(b"\x12", data)


def span_name(name: str) -> bytes:
    """The `name` field of a Span."""
    return field(b"\x2a", name.encode("utf-8", "replace"))


def event_name(name: str) -> bytes:
    """The `name` field of an Event."""
    return field(b"\x12", name.encode("utf-8", "replace"))


def event(unix_ns: int, name: bytes, attributes: Iterable[bytes]) -> bytes:
    """An `events` field of a Span. `name` is of `event_name`; `attributes` are those of `Key`, written for a Span."""
    stamped = b"\x09" + unix_ns.to_bytes(8, "little")
    return field(b"\x5a", b"".join((stamped, name, *(b"\x1a" + each[1:] for each in attributes))))


def dropped_events(count: int) -> bytes:
    """The field of a Span that says how many events it has no room for."""
    return b"\x60" + varint(count)


def resource(attributes: Iterable[tuple[str, str]]) -> bytes:
    """The `resource` field of ResourceSpans."""
    pairs = (
        field(b"\x0a", field(b"\x0a", key.encode()) + field(b"\x12", text_value(value))) for key, value in attributes
    )
    return field(b"\x0a", b"".join(pairs))


def scope(name: str, version: str) -> bytes:
    """The `scope` field of ScopeSpans."""
    return field(b"\x0a", field(b"\x0a", name.encode()) + field(b"\x12", version.encode()))


def request(resource_field: bytes, scope_field: bytes, spans: Sequence[bytes], schema_url: str) -> bytes:
    """An ExportTraceServiceRequest of spans of one resource and scope; half a megabyte of them is copied once."""
    schema = field(b"\x1a", schema_url.encode()) if schema_url else b""
    inner = len(scope_field) + sum(map(len, spans)) + len(schema)
    inner_head = b"\x12" + varint(inner)
    outer_head = b"\x0a" + varint(len(resource_field) + len(inner_head) + inner + len(schema))
    return b"".join((outer_head, resource_field, inner_head, scope_field, *spans, schema, schema))


def rejected_spans(reply: bytes) -> int:
    """How many spans an ExportTraceServiceResponse says were refused; 0 where it says nothing or cannot be read."""
    partial = _find(reply, 0x0A)
    count = _find(partial, 0x08) if isinstance(partial, bytes) else None
    return count if isinstance(count, int) else 0


def _find(data: bytes, wanted: int) -> bytes | int | None:
    """The first field of a tag: bytes if length-delimited, a number if a varint."""
    place = 0
    while place < len(data):
        tag, place = _read_varint(data, place)
        value, after = _read_varint(data, place)
        match tag & 7:
            case 0:
                found: bytes | int = value
            case 2:
                after += value
                found = data[after - value : after]
            case _:
                return None
        if tag == wanted:
            return found
        place = after
    return None


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while place < len(data) and shift < 70:  # noqa: PLR2004 - ten bytes at most
        byte = data[place]
        place += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < _SEVEN_BITS:
            break
    return number, place
