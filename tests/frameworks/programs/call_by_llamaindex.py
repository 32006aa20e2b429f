"""LlamaIndex's classes against a gateway: run by the tests in an environment of its own, which has LlamaIndex and not Turnout.

Arguments: the gateway's URL, the key. LlamaIndex wants model names that it knows, so the routes bear such names. One JSON object
on standard output says what came back.
"""

import json
import sys
from typing import Any

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.anthropic import Anthropic
from llama_index.llms.openai import OpenAI

QUESTION = [ChatMessage(role="user", content="Which of these claims is about water?")]


def weather(city: str) -> str:
    """The weather in a city."""
    return f"It rains in {city}."


def told(llm: Any) -> dict[str, Any]:
    """What one class does: a whole answer, a stream, and the call of a tool."""
    whole = llm.chat(QUESTION)
    streamed = list(llm.stream_chat(QUESTION))
    asked = llm.chat_with_tools(
        [FunctionTool.from_defaults(weather)], user_msg="Please call weather for the city of Oslo."
    )
    calls = llm.get_tool_calls_from_response(asked, error_on_no_tool_call=False)
    return {
        "text": whole.message.content,
        "streamed": streamed[-1].message.content,
        "pieces": len(streamed),
        "tools": [call.tool_name for call in calls],
    }


def main() -> None:
    """Ask in both APIs."""
    url, key = sys.argv[1:3]
    openai = OpenAI(api_base=f"{url}/v1", api_key=key, model="gpt-4o-mini", max_retries=0)
    anthropic = Anthropic(base_url=url, api_key=key, model="claude-sonnet-4-5", max_tokens=500, max_retries=0)
    sys.stdout.write(json.dumps({"openai": told(openai), "anthropic": told(anthropic)}))


main()
