"""Signals of a poor answer: refusals and answers that say nothing."""

from typing import Any

import pytest

from turnout_sidecar.checks.quality import signals


def chat(content: Any, **members: Any) -> dict[str, Any]:
    return {"choices": [{"finish_reason": "stop", "message": {"content": content, **members}}]}


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I\u2019m sorry, but I can\u2019t assist with that request.",
        "I cannot provide instructions for this.",
        "Sorry, I won't write that.",
        "I am unable to fulfil this request.",
        "I'm not able to help you with this.",
        "As an AI language model, I cannot generate that content.",
        "Unfortunately, I am not allowed to discuss this.",
        "I must decline this request.",
        "I apologize, but I can't create that.",
        "I understand your frustration, but I can't help with this.",
        "Es tut mir leid, aber dabei kann ich nicht helfen.",
        "Leider kann ich diese Frage nicht beantworten.",
        "Je suis d\u00e9sol\u00e9, mais je ne peux pas vous aider.",
        "Lo siento, pero no puedo ayudarte con eso.",
        "Mi dispiace, ma non posso aiutarti.",
        "Desculpe, mas n\u00e3o posso ajudar com isso.",
        "Het spijt me, maar daar kan ik je niet mee helpen.",
        "\u5f88\u62b1\u6b49\uff0c\u6211\u65e0\u6cd5\u63d0\u4f9b\u8fd9\u4e2a\u3002",
        "\u7533\u3057\u8a33\u3042\u308a\u307e\u305b\u3093\u304c\u3001\u304a\u7b54\u3048\u3067\u304d\u307e\u305b\u3093\u3002",
    ],
)
def test_a_refusal_shows_in_how_a_short_answer_begins(text: str) -> None:
    assert signals("chat", chat(text)) == ("refusal",)


@pytest.mark.parametrize(
    "text",
    [
        "Paris.",
        "I can help with that: first, open the lid.",
        "I can't believe how good this is! The answer is 4.",
        "I'm sorry to hear that you are ill. Drink enough and rest.",
        "Sorry for the delay. The order ships on Monday.",
        "You cannot provide two keys at once; remove one.",
        "No, the train does not stop there.",
        "Unfortunately, the library closes at six.",
        "The model said: I cannot help with that.",
        "Leider ist der Laden geschlossen.",
        '{"answer": "I cannot help with that."}',
        "I cannot help with the first part. " + "The second part is about trains. " * 30,
    ],
)
def test_ordinary_answers_are_no_refusals(text: str) -> None:
    assert signals("chat", chat(text)) == ()


@pytest.mark.parametrize(
    ("endpoint", "answer", "wanted"),
    [
        ("chat", chat(None, refusal="No."), ("refusal",)),
        ("chat", {"choices": [{"finish_reason": "content_filter", "message": {"content": ""}}]}, ("refusal",)),
        ("chat", chat(""), ("empty",)),
        ("chat", chat(" \n"), ("empty",)),
        ("chat", chat(None), ("empty",)),
        ("chat", chat(None, tool_calls=[{"id": "c"}]), ()),
        ("chat", chat(None, audio={"id": "a"}), ()),
        ("chat", {"choices": [*chat("ok")["choices"], *chat("")["choices"]]}, ("empty",)),
        ("chat", {}, ()),
        ("messages", {"content": [], "stop_reason": "refusal"}, ("refusal",)),
        ("messages", {"content": [], "stop_reason": "end_turn"}, ("empty",)),
        ("messages", {"content": [{"type": "thinking", "thinking": "x"}]}, ("empty",)),
        ("messages", {"content": [{"type": "tool_use", "name": "f"}]}, ()),
        ("messages", {"content": [{"type": "text", "text": "I can't help with that."}]}, ("refusal",)),
        ("responses", {"output": []}, ("empty",)),
        ("responses", {"output": [{"type": "reasoning"}]}, ("empty",)),
        ("responses", {"output": [{"type": "image_generation_call"}]}, ()),
        ("responses", {"output": [{"type": "message", "content": [{"type": "refusal"}]}]}, ("refusal",)),
        ("responses", {"output": [], "incomplete_details": {"reason": "content_filter"}}, ("refusal",)),
        ("responses", {"output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi."}]}]}, ()),
        ("embeddings", {"data": []}, ()),
    ],
)
def test_the_fields_of_an_answer_tell_too(endpoint: str, answer: dict[str, Any], wanted: tuple[str, ...]) -> None:
    assert signals(endpoint, answer) == wanted


@pytest.mark.parametrize("answer", [{"choices": "x"}, {"choices": [None, 3]}, {"choices": [{"message": []}]}])
def test_an_answer_of_another_shape_is_read_without_harm(answer: dict[str, Any]) -> None:
    assert set(signals("chat", answer)) <= {"empty"}
