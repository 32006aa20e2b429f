"""What the cache has to know of each API: what of a call cannot change its answer, which text is the question, what may be kept.

Rules: an endpoint that is not here is not cached (tokens are counted anew each time); whatever is not named harmless is in the key.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import orjson

from turnout_sidecar.caching import chat_answers, messages_answers, replay, responses_answers
from turnout_sidecar.exchange.usage import Usage
from turnout_sidecar.wire.messages import format as messages
from turnout_sidecar.wire.responses import format as responses

Asked = tuple[str | None, dict[str, Any]]
"""The question, None where the last message is no user's plain text; and the body with None in its place."""


class CachedFormat(msgspec.Struct, frozen=True):
    """How calls and answers of one endpoint are kept."""

    harmless: frozenset[str]
    """Members of a call that cannot change what is answered."""
    question: Callable[[dict[str, Any]], Asked]
    speaks: Callable[[dict[str, Any]], bool]
    """Whether a whole answer may be kept."""
    collected: Callable[[bytes, Usage | None], bytes | None]
    """The whole answer that the frames of a stream brought; None where it is not known or may lack something."""
    renewed: Callable[[bytes, str, int], bytes]
    """A kept answer for another call: its id, and Unix seconds."""
    frames: Callable[[bytes, bool], Iterator[bytes]]
    """A kept answer as a stream, with the chunk of usage if that was asked for."""


def _no_question(body: dict[str, Any]) -> Asked:
    return None, body


CACHED: dict[str, CachedFormat] = {
    "chat": CachedFormat(
        harmless=chat_answers.CANNOT_CHANGE_THE_ANSWER,
        question=chat_answers.question,
        speaks=chat_answers.speaks_for_itself,
        collected=chat_answers.collected,
        renewed=chat_answers.renewed,
        frames=lambda body, include_usage: replay.frames(orjson.loads(body), include_usage=include_usage),
    ),
    "embeddings": CachedFormat(
        harmless=chat_answers.CANNOT_CHANGE_THE_ANSWER,
        question=_no_question,
        speaks=lambda answer: isinstance(answer.get("data"), list) and bool(answer["data"]),
        collected=lambda frames, usage: None,  # noqa: ARG005  there are no such streams
        renewed=lambda body, call_id, now_s: body,  # noqa: ARG005  an embedding has no id
        frames=lambda body, include_usage: iter(()),  # noqa: ARG005
    ),
    "messages": CachedFormat(
        harmless=messages.CANNOT_CHANGE_THE_ANSWER,
        question=messages.question,
        speaks=messages_answers.speaks_for_itself,
        collected=lambda frames, usage: messages_answers.collected(frames),  # noqa: ARG005  it brings its own
        renewed=lambda body, call_id, now_s: messages_answers.renewed(body, call_id),  # noqa: ARG005
        frames=lambda body, include_usage: messages_answers.frames(body),  # noqa: ARG005
    ),
    "responses": CachedFormat(
        harmless=responses.CANNOT_CHANGE_THE_ANSWER,
        question=responses.question,
        speaks=responses_answers.speaks_for_itself,
        collected=lambda frames, usage: responses_answers.collected(frames),  # noqa: ARG005
        renewed=lambda body, call_id, now_s: body,  # noqa: ARG005  its provider knows it by its id
        frames=lambda body, include_usage: responses_answers.frames(body),  # noqa: ARG005
    ),
}
