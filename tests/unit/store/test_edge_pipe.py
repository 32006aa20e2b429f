"""Replies out of bytes, however the pipe cuts them."""

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout_sidecar.adapters import edge_protocol as protocol
from turnout_sidecar.adapters.edge_pipe import EdgePipe

VALUES = st.lists(st.one_of(st.none(), st.binary(max_size=300), st.text(max_size=50)), max_size=8)


class Cut:
    """Stands in for a transport: remembers that it was cut."""

    def __init__(self) -> None:
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


def a_pipe() -> tuple[EdgePipe, list[protocol.Reply], Cut]:
    taken: list[protocol.Reply] = []
    loop = asyncio.new_event_loop()
    pipe = EdgePipe(taken.append, loop.create_future())
    loop.close()
    cut = Cut()
    pipe.connection_made(cut)  # type: ignore[arg-type]
    return pipe, taken, cut


@given(values=VALUES, data=st.data())
def test_any_cutting_gives_the_same_replies(values: list[object], data: st.DataObject) -> None:
    replies = [protocol.Done(number, protocol.raw(value)) for number, value in enumerate(values, 1)]
    whole = b"".join(protocol.frame(reply) for reply in replies)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pipe, taken, cut = a_pipe()
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        if start < end:
            pipe.data_received(whole[start:end])
    found = [reply for reply in taken if isinstance(reply, protocol.Done)]
    assert [(each.number, msgspec.msgpack.decode(each.value)) for each in found] == list(enumerate(values, 1))
    assert not cut.aborted


@pytest.mark.parametrize("data", [b"\x00\x00\x00\x02\xc1\xc1", b"\xff\xff\xff\xff"])
def test_what_is_no_reply_ends_the_connection(data: bytes) -> None:
    pipe, taken, cut = a_pipe()
    pipe.data_received(data)
    assert cut.aborted
    assert taken == []


def test_its_end_is_told_once() -> None:
    loop = asyncio.new_event_loop()
    pipe = EdgePipe(lambda _: None, loop.create_future())
    pipe.connection_lost(None)
    pipe.connection_lost(None)
    assert pipe.ended.done()
    loop.close()
