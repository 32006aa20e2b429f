"""Signals of a poor answer: that it refuses, and that it says nothing.

A refusal shows in the answer's own fields, or in how a short answer begins; what a long answer begins with is politeness.

Rules: signals, never proof; nothing here changes an answer; an answer that calls a tool is not empty; any choice counts.
"""

import re
from typing import Literal

from turnout_sidecar.checks.answer_texts import Answer, Said, said

Signal = Literal["refusal", "empty"]

SHORT = 600
"""Characters: what is longer is an answer, whatever it begins with."""
_OPENING = 240
_TYPOGRAPHIC = str.maketrans({"\u2019": "'", "\u2018": "'", "\u00a0": " "})
_LEAD = (
    r"(?:(?:oh|well|hi|hello|thank you[^.!]{0,60}|i understand[^.!]{0,80}|i appreciate[^.!]{0,80}|as an? [^.,]{0,60}"
    r"|(?:i'm|i am|we're|we are)?\s*(?:so |very |really |deeply |truly )?(?:sorry|afraid)(?: that)?"
    r"|i apologi[sz]e[^.,]{0,60}|my apologies"
    r"|unfortunately|regrettably|no)[\s,.;:!\u2014-]*(?:but |however,? |and )?){0,3}"
)
_DOES = (
    r"(?:help|assist|provide|fulfil|comply|do (?:that|this|so)|answer|share|create|generate|support|engage|discuss|offer|give|write"
    r"|continue|participate|complete|respond|produce|process|proceed|carry out|satisfy|perform|be able to)"
)
_UNABLE = "(?:unable|not able|not allowed|not permitted|not comfortable|not going|not willing)"
_RUSSIAN = (
    "(?:\u0438\u0437\u0432\u0438\u043d\u0438\u0442\u0435|\u043a \u0441\u043e\u0436\u0430\u043b\u0435\u043d\u0438\u044e)"
    "[^.]{0,30}\u044f \u043d\u0435 \u043c\u043e\u0433\u0443"
)
_REFUSALS = re.compile(
    "|".join(
        (
            rf"{_LEAD}(?:i|we)\s*(?:can't|cannot|can not|won't|will not|couldn't|could not)\s+(?:in good conscience\s+)?{_DOES}",
            rf"{_LEAD}(?:(?:i|we)(?:'m|'re| am| are)\s+){_UNABLE}\s+(?:to\s+|with\s+)?(?:{_DOES}|\w+ing\b)",
            rf"{_LEAD}(?:i|we)\s+(?:must|have to|need to|will have to)\s+(?:respectfully\s+)?(?:decline|refuse)",
            r"(?:i'm |i am )?sorry,?\s+(?:but\s+)?(?:that(?:'s| is)|this is)\s+(?:not something|against)",
            r"(?:es tut mir (?:sehr )?leid|tut mir leid|entschuldigung|leider)\b[^.]{0,40}\bkann ich\b[^.]{0,80}\bnicht\b",
            r"(?:es tut mir leid[^.]{0,20})?ich kann (?:dir|ihnen|euch|das|diese|dabei|ihre|deine)[^.]{0,80}\bnicht\b",
            r"(?:je suis d\u00e9sol\u00e9|d\u00e9sol\u00e9|je regrette|malheureusement)[^.]{0,40}je ne (?:peux|suis|pourrai)",
            r"je ne (?:peux|puis|suis) pas (?:vous aider|en mesure|r\u00e9pondre|fournir|autoris)",
            r"(?:lo siento|lo lamento|disculpa)[^.]{0,30}no puedo",
            r"no puedo (?:ayudar|proporcionar|cumplir|responder|asistir)",
            r"(?:mi dispiace|spiacente)[^.]{0,30}non posso|non posso (?:aiutar|fornir|rispond)",
            r"(?:desculpe|sinto muito|lamento)[^.]{0,30}n\u00e3o posso|n\u00e3o posso (?:ajud|fornecer|respond)",
            r"(?:het spijt me|sorry)[^.]{0,30}(?:ik kan|kan ik)[^.]{0,60}\bniet\b",
            r"(?:\u62b1\u6b49|\u5bf9\u4e0d\u8d77|\u5f88\u62b1\u6b49|\u5c0d\u4e0d\u8d77)[^\u3002]{0,20}(?:\u65e0\u6cd5|\u4e0d\u80fd|\u7121\u6cd5)",
            r"(?:\u7533\u3057\u8a33|\u3059\u307f\u307e\u305b\u3093)[^\u3002]{0,40}(?:\u3067\u304d\u307e\u305b\u3093|\u81f4\u3057\u304b\u306d)",
            _RUSSIAN,
        )
    ),
    re.IGNORECASE,
)


def signals(endpoint: str, answer: Answer) -> tuple[Signal, ...]:
    """What speaks against an answer, "refusal" before "empty"."""
    choices = said(endpoint, answer)
    found: list[Signal] = []
    if any(_refuses(one) for one in choices):
        found.append("refusal")
    if any(not one.text.strip() and not one.other and not one.refused for one in choices):
        found.append("empty")
    return tuple(found)


def _refuses(one: Said) -> bool:
    if one.refused:
        return True
    return not one.calls and reads_as_refusal(one.text)


def reads_as_refusal(text: str) -> bool:
    """Whether a text, all of it or its first SHORT + 1 characters and more, refuses in words."""
    text = text.strip()
    return len(text) <= SHORT and _REFUSALS.match(text[:_OPENING].translate(_TYPOGRAPHIC)) is not None
