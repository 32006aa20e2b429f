"""LangChain's classes against a gateway: run by the tests in an environment of its own, which has LangChain and not Turnout.

Arguments: the gateway's URL, the key, the model. One JSON object on standard output says what came back.
"""

import json
import sys
from typing import Any

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI


@tool  # type: ignore[untyped-decorator,unused-ignore]
def weather(city: str) -> str:
    """The weather in a city."""
    return f"It rains in {city}."


def told(chat: Any) -> dict[str, Any]:
    """What one class does: a whole answer, a stream, and a loop with a tool."""
    whole = chat.invoke("Which of these claims is about water?")
    streamed = list(chat.stream("Which of these claims is about water?"))
    merged = streamed[0]
    for piece in streamed[1:]:
        merged += piece
    able = chat.bind_tools([weather])
    question = HumanMessage("Please call weather for the city of Oslo.")
    asked = able.invoke([question])
    results = [ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"]) for call in asked.tool_calls]
    answered = able.invoke([question, asked, *results]) if results else None
    return {
        "text": whole.text,
        "usage": dict(whole.usage_metadata or {}),
        "streamed": merged.text,
        "pieces": len(streamed),
        "tools": [call["name"] for call in asked.tool_calls],
        "answered": answered.text if answered is not None else "",
    }


def main() -> None:
    """Ask in both APIs."""
    url, key, model = sys.argv[1:4]
    openai: Any = ChatOpenAI(base_url=f"{url}/v1", api_key=key, model=model, max_retries=0, stream_usage=True)
    anthropic: Any = ChatAnthropic(base_url=url, api_key=key, model=model, max_tokens=500, max_retries=0)
    responses: Any = ChatOpenAI(base_url=f"{url}/v1", api_key=key, model=model, max_retries=0, use_responses_api=True)
    found = {"openai": told(openai), "responses": told(responses), "anthropic": told(anthropic)}
    sys.stdout.write(json.dumps(found))


main()
