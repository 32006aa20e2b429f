"""What adversarial bodies are made of: the case, the values that must not leave, and short ways to say a body."""

import base64
import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """One body. `name` is a sentence."""

    name: str
    endpoint: str
    body: dict[str, Any] | bytes
    must_not_leave: tuple[str, ...] = ()
    must_stay: tuple[str, ...] = ()
    may_block: bool = False


MAIL = "ann.weber@example.org"
MAIL2 = "bo.lund@example.net"
CARD = "4111111111111111"
SPACED_CARD = "4012 8888 8888 1881"
IBAN = "DE89370400440532013000"
SSN = "536-22-8731"
PHONE = "+44 20 7946 0958"
GITHUB = "ghp" + "_a8Kd93mVbQ7xZr2LtY5uWn4EoPc6Jh1sGf0T"
AWS = "AKIA" + "Q3EXRT7BWLN2M5VK"
HEX_KEY = "9f8a7b6c5d4e3f2a" + "1b0c9d8e7f6a5b4c"
URL_PASSWORD = "s3cr3tPw9x"
ADDRESS = "203.0.113.77"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SIGNATURE = base64.b64encode(bytes(range(130, 255)) * 3).decode()
OPENAI_CALL = "call_Xy7aB3dE5fG7hI9jK1lM3nO5"
ANTHROPIC_CALL = "toolu_01A09q90qw90lq917835lq9"


def b64(text: str | bytes) -> str:
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def chat(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "gpt-5", "messages": list(messages) or [user("hi")], **more}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def called(arguments: str, name: str = "send") -> dict[str, Any]:
    call = {"id": OPENAI_CALL, "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def responses(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "gpt-5", "input": list(items) or "hi", **more}


def messages(*blocks: dict[str, Any], role: str = "user", **more: Any) -> dict[str, Any]:
    said = [{"role": role, "content": list(blocks) or "hi"}]
    return {"model": "claude", "max_tokens": 100, "messages": said, **more}


def deep(value: Any, levels: int) -> Any:
    for level in range(levels):
        value = {f"level{level}": value} if level % 2 else [value]
    return value


def nested(value: Any, times: int) -> str:
    """JSON in a string in JSON in a string."""
    text = json.dumps(value)
    for _ in range(times):
        text = json.dumps({"payload": text})
    return text
