"""The items of a response while they are written into a stream: each opens, grows and closes with the events of its kind.

Why here: every item of this API is told four times over (added, deltas, done, and whole), and the parts of a message once more
within it; the writer of the stream only says what happens. Rules: an event names its item, its place in the output and, inside
a message, its place in that; what is open grows in memory, because the end repeats all of it.
"""

from collections.abc import Callable
from typing import Any, Protocol

from turnout_sidecar.wire.canonical import Thinking, ToolCallStarted
from turnout_sidecar.wire.responses import shape
from turnout_sidecar.wire.responses.thoughts import seal

Emit = Callable[[str, dict[str, Any]], None]
"""(type of the event, its members)."""


class Part(Protocol):
    """What one canonical part has become."""

    def close(self, status: str) -> None:
        """Tell that it is whole. `status`: completed, or incomplete where it was cut."""


class MessageItem:
    """A message; its parts are closed by whoever opened them."""

    def __init__(self, emit: Emit, own: str, output: list[dict[str, Any]]) -> None:
        self.emit = emit
        self.content: list[dict[str, Any]] = []
        self._own = own
        self._place = len(output)
        self.at = {"item_id": own, "output_index": self._place}
        self._output = output
        output.append(shape.message_item(own, [], "in_progress"))
        emit("response.output_item.added", {"output_index": self._place, "item": output[-1]})

    def close(self, status: str) -> None:
        """See Part."""
        item = shape.message_item(self._own, self.content, status)
        self._output[self._place] = item
        self.emit("response.output_item.done", {"output_index": self._place, "item": item})


class WordsPart:
    """Text, or the words of a refusal, inside a message."""

    def __init__(self, message: MessageItem, *, refusal: bool) -> None:
        self._emit = message.emit
        self._refusal = refusal
        self._texts: list[str] = []
        self._logprobs: list[dict[str, Any]] = []
        self._content = message.content
        self._place = len(message.content)
        self._at = {**message.at, "content_index": self._place}
        message.content.append(self._part(""))
        self._emit("response.content_part.added", {**self._at, "part": self._part("")})

    def grow(self, text: str, logprobs: list[dict[str, Any]]) -> None:
        """More of it."""
        if not text and not logprobs:
            return
        self._texts.append(text)
        self._logprobs += logprobs
        if self._refusal:
            self._emit("response.refusal.delta", {**self._at, "delta": text})
        else:
            self._emit("response.output_text.delta", {**self._at, "delta": text, "logprobs": logprobs})

    def close(self, status: str) -> None:
        """See Part; parts of a message have no status of their own."""
        del status
        text = "".join(self._texts)
        if self._refusal:
            self._emit("response.refusal.done", {**self._at, "refusal": text})
        else:
            self._emit("response.output_text.done", {**self._at, "text": text, "logprobs": self._logprobs})
        self._content[self._place] = self._part(text)
        self._emit("response.content_part.done", {**self._at, "part": self._part(text)})

    def _part(self, text: str) -> dict[str, Any]:
        return shape.refusal_part(text) if self._refusal else shape.text_part(text, self._logprobs)


class CallItem:
    """A call of a function."""

    def __init__(self, emit: Emit, own: str, output: list[dict[str, Any]], started: ToolCallStarted) -> None:
        self._emit = emit
        self._own = own
        self._call = (started.id, started.name, started.signature)
        self._place = len(output)
        self._at = {"item_id": own, "output_index": self._place}
        self._output = output
        self._texts: list[str] = []
        output.append(shape.call_item(own, self._call, "", "in_progress"))
        emit("response.output_item.added", {"output_index": self._place, "item": output[-1]})

    def grow(self, text: str) -> None:
        """More of its arguments."""
        if text:
            self._texts.append(text)
            self._emit("response.function_call_arguments.delta", {**self._at, "delta": text})

    def close(self, status: str) -> None:
        """See Part. No arguments are none, and none are an empty object."""
        if not self._texts and status == "completed":
            self.grow("{}")
        arguments = "".join(self._texts)
        done = {**self._at, "name": self._call[1], "arguments": arguments}
        self._emit("response.function_call_arguments.done", done)
        item = shape.call_item(self._own, self._call, arguments, status)
        self._output[self._place] = item
        self._emit("response.output_item.done", {"output_index": self._place, "item": item})


class ThoughtItem:
    """A thought: one paragraph of summary, and its seal."""

    def __init__(self, emit: Emit, own: str, output: list[dict[str, Any]]) -> None:
        self._emit = emit
        self._own = own
        self._place = len(output)
        self._at = {"item_id": own, "output_index": self._place, "summary_index": 0}
        self._output = output
        self._texts: list[str] = []
        self._signed = Thinking()
        output.append({**shape.thought_item(own, "", None), "status": "in_progress"})
        emit("response.output_item.added", {"output_index": self._place, "item": output[-1]})

    def grow(self, text: str) -> None:
        """More of its words."""
        if not text:
            return
        if not self._texts:
            part = {"type": "summary_text", "text": ""}
            self._emit("response.reasoning_summary_part.added", {**self._at, "part": part})
        self._texts.append(text)
        self._emit("response.reasoning_summary_text.delta", {**self._at, "delta": text})

    def sign(self, signature: str | None, redacted: str | None) -> None:
        """What proves it."""
        self._signed = Thinking(signature=signature, redacted=redacted)

    def close(self, status: str) -> None:
        """See Part; a thought has no status of its own."""
        del status
        text = "".join(self._texts)
        if text:
            self._emit("response.reasoning_summary_text.done", {**self._at, "text": text})
            part = {"type": "summary_text", "text": text}
            self._emit("response.reasoning_summary_part.done", {**self._at, "part": part})
        item = shape.thought_item(self._own, text, seal(self._signed))
        self._output[self._place] = item
        self._emit("response.output_item.done", {"output_index": self._place, "item": item})
