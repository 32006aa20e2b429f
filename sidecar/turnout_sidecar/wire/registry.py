"""All wire formats by name. The one that needs a library of its own (the binary frames of Bedrock) is loaded on demand.

Rules: a format is found here and nowhere else; which one a backend is asked in depends on its protocol, on what its model
can do and on what was asked, in this order: the asked one where the backend speaks it, else the one that it speaks best.
"""

import importlib
from collections.abc import Mapping

from turnout_sidecar.wire.chat.format import INBOUND as CHAT_IN
from turnout_sidecar.wire.chat.format import OUTBOUND as CHAT_OUT
from turnout_sidecar.wire.formats import Inbound, Outbound
from turnout_sidecar.wire.gemini.format import OUTBOUND as GEMINI_OUT
from turnout_sidecar.wire.messages.format import INBOUND as MESSAGES_IN
from turnout_sidecar.wire.messages.format import OUTBOUND as MESSAGES_OUT
from turnout_sidecar.wire.responses.format import INBOUND as RESPONSES_IN
from turnout_sidecar.wire.responses.format import OUTBOUND as RESPONSES_OUT

INBOUND: Mapping[str, Inbound] = {fmt.name: fmt for fmt in (CHAT_IN, RESPONSES_IN, MESSAGES_IN)}
_OUTBOUND: Mapping[str, Outbound] = {fmt.name: fmt for fmt in (CHAT_OUT, RESPONSES_OUT, MESSAGES_OUT, GEMINI_OUT)}
_ON_DEMAND = {"converse": "turnout_sidecar.wire.converse.format"}
_SPOKEN = {"Anthropic": "messages", "Gemini": "gemini", "BedrockConverse": "converse"}
FORMATS = (*INBOUND, "embeddings")
"""What calls come in. Embeddings have one format, which OpenAI's protocol alone speaks."""
OPENAI = frozenset({"OpenAI", "AzureOpenAI"})
PROTOCOLS = OPENAI | _SPOKEN.keys()


def outbound(name: str) -> Outbound:
    """The format by its name. Raises ImportError where the library that it needs is not installed."""
    found = _OUTBOUND.get(name)
    if found is not None:
        return found
    on_demand: Outbound = importlib.import_module(_ON_DEMAND[name]).OUTBOUND
    return on_demand


def spoken(protocol: str, capabilities: frozenset[str], asked: str) -> str:
    """The name of the format in which a model is asked, for a call that came in the format `asked`."""
    if protocol not in OPENAI:
        return _SPOKEN[protocol]
    if "Responses" in capabilities and (asked == "responses" or "Chat" not in capabilities):
        return "responses"
    return "chat"
