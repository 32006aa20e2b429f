"""A whole canonical answer as a response object.

Rules: texts and refusals that follow each other are one message; a call and a thought are items of their own; a part that
this API has no item for (a picture, sound) is left out, as no request to it can ask for one; ids of items are made of the
response's id and their place.
"""

from typing import Any

import orjson

from turnout_sidecar.wire.canonical import Answer, Refusal, Text, Thinking, ToolCall
from turnout_sidecar.wire.formats import Asked
from turnout_sidecar.wire.responses import shape
from turnout_sidecar.wire.responses.counts import write_usage
from turnout_sidecar.wire.responses.ids import made_id
from turnout_sidecar.wire.responses.thoughts import seal
from turnout_sidecar.wire.responses.token_logprobs import write_logprobs

_NO_ANSWER = {"code": "server_error", "message": "The model gave no answer that can be used."}


def write_answer(answer: Answer, asked: Asked) -> bytes:
    """The JSON body of the response."""
    written = shape.Shape(asked)
    written.begin(answer.model, answer.created, answer.service_tier)
    refused = any(isinstance(part, Refusal) for part in answer.parts)
    status, reason = shape.end_of(answer.finish, refused=refused)
    output = _output(answer, written.id, status)
    error = _NO_ANSWER if status == "failed" else None
    usage = write_usage(answer.usage)
    return orjson.dumps(written.response(status, output, usage=usage, reason=reason, error=error))


def _output(answer: Answer, owner: str, status: str) -> list[dict[str, Any]]:
    output: list[dict[str, Any]] = []
    logprobs = write_logprobs(answer.logprobs)
    for part in answer.parts:
        place = len(output)
        if isinstance(part, Text | Refusal):
            if not output or output[-1]["type"] != "message":
                output.append(shape.message_item(made_id("msg_", owner, place), [], "completed"))
            written = shape.text_part(part.text, logprobs) if isinstance(part, Text) else shape.refusal_part(part.text)
            logprobs = [] if isinstance(part, Text) else logprobs
            output[-1]["content"].append(written)
        elif isinstance(part, ToolCall):
            call = (part.id, part.name, part.signature)
            own = made_id("fc_", owner, place)
            output.append(shape.call_item(own, call, part.arguments or "{}", "completed"))
        elif isinstance(part, Thinking):
            own = shape.thought_id(part, made_id("rs_", owner, place))
            output.append(shape.thought_item(own, part.text, seal(part)))
    if status != "completed" and output and "status" in output[-1]:
        output[-1]["status"] = "incomplete"
    return output
