"""What signs of an attack are made of: the shape of one, and the words that many of them share.

A sign that hardly anybody writes by accident is worth more than the usual threshold alone; one that occurs in ordinary prose
needs company. Weights were set by judgement of what the words mean, not learnt from a collection of attacks.

Rules: RE2, searched in lower case; `~` stands for a gap of a few characters that are no letters, `~~` for up to three words in
between, `~~~` for up to six; `A_` names are expressions, the others single words that are asked for first.
"""

from typing import NamedTuple


class Sign(NamedTuple):
    """One expression. `weight`: how sure it makes, 0 to 1.

    It can match only where of each of `words` one stands in the text, and one of `marks`; none given: nothing is asked first.
    """

    family: str
    weight: float
    pattern: str
    words: tuple[str, ...] = ()
    marks: str = ""


A_DROP = (
    "(?:ignor(?:e|ing)|disregard(?:ing)?|forget|overrid(?:e|ing)|bypass(?:ing)?|discard|overlook|neglect"
    "|pay~no~attention~to|(?:do~not|don'?t|no~longer|stop|never)~(?:follow(?:ing)?|obey(?:ing)?"
    "|listen(?:ing)?~to|adher(?:e|ing)~to))"
)
A_EARLIER = (
    "(?:previous(?:ly)?|prior|preceding|above|earlier|foregoing|former|initial|original|past|system|preexisting)"
)
A_ORDERS = (
    "(?:instructions?|directions?|commands?|prompts?|rules?|guidelines?|directives?|orders?|polic(?:y|ies)"
    "|programming|constraints?"
    "|restrictions?|information|messages?|conversations?)"
)
A_TELL = (
    "(?:explain|describe|format|rephrase|paraphrase|outline|repeat|print|show|reveal|output|display|recite|echo|leak|disclose|dump|copy|write~(?:out|down)|list"
    "|tell~me|give~me|share"
    "|summari[sz]e|translate|convert|encode|spell~out|what(?:~(?:is|are|were|was)|'s))"
)
A_PROMPT = (
    "(?:system~prompt|(?:initial|original|hidden|secret|entire|full|exact|previous|first)~(?:system~)?(?:prompt"
    "|instructions?)"
    "|pre-?prompt|secret~(?:instructions?|rules))"
)
A_LIMITS = (
    "(?:restrictions?|filters?|limitations?|guidelines?|polic(?:y|ies)|censorship|rules|ethic(?:s|al)|morals?"
    "|morality|guardrails"
    "|safeguards)"
)
A_MACHINE = (
    "(?:AIs?|LLMs?|AI~(?:assistants?|agents?|models?|systems?)|(?:virtual~)?assistants?|chat~?bots?"
    "|language~models?|AI~readers?)"
)

# single words that stand for the expressions above, lower case, as they are cut at what is no letter
DROP = (
    "ignore ignoring disregard disregarding forget override overriding bypass bypassing discard overlook neglect "
    "attention follow following obey obeying listen listening adhere adhering"
)
EARLIER = "previous previously prior preceding above earlier foregoing former initial original past system preexisting"
ORDERS = (
    "instruction instructions direction directions command commands prompt prompts rule rules guideline "
    "guidelines directive directives order orders policy policies programming constraint constraints restriction "
    "restrictions information message messages conversation conversations"
)
TELL = (
    "explain describe format rephrase paraphrase outline repeat print show"
    " reveal output display recite echo leak disclose dump copy write list tell give share "
    "summarize summarise translate convert encode spell what"
)
PROMPT = "prompt prompts instruction instructions preprompt rules pre"
LIMITS = (
    "restriction restrictions filter filters limitation limitations guideline guidelines policy policies "
    "censorship rules ethics ethical moral morals morality guardrails safeguards"
)
MACHINE = "ai ais llm llms assistant assistants chatbot chatbots bot bots models model"
YOUR = "your"
SCRIPTS = "\x80"
"""Instead of marks: where a text has letters of a script that is not cut into words."""
