"""Usage as chat completions report it.

Rules: the API's counts include what was cached, written to a cache and thought, as ours do; details are told where they are
known, zeros too; a report that lacks one of its two sums is none, since clients take what is absent for zero.
"""

from typing import Any

from turnout_sidecar.exchange.usage import Usage


def written(usage: Usage | None) -> dict[str, Any] | None:
    """The member `usage`, or None where not both sums are known."""
    if usage is None or usage.input is None or usage.output is None:
        return None
    found: dict[str, Any] = {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
    }
    given = _known(
        cached_tokens=usage.cached_input,
        cache_write_tokens=usage.cache_write,
        audio_tokens=usage.audio_input,
        image_tokens=usage.image_input,
    )
    made = _known(reasoning_tokens=usage.reasoning, audio_tokens=usage.audio_output)
    if given:
        found["prompt_tokens_details"] = given
    if made:
        found["completion_tokens_details"] = made
    return found


def _known(**counts: int | None) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count is not None}
