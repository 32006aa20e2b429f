"""Bodies that try to carry a value past the inspection, one for each way that anybody thought of.

`must_not_leave`: no string of what leaves, and no bytes of it, escaped or not, may hold it. `must_stay`: is there still, however it
is written. `may_block`: the call may be refused as a whole. A `body` is what a client means, or the very bytes that it sends.
"""

from unit.bodies.adversarial_chat import WHERE_IN_CHAT
from unit.bodies.adversarial_kit import Case
from unit.bodies.adversarial_messages import WHERE_IN_EMBEDDINGS, WHERE_IN_MESSAGES
from unit.bodies.adversarial_nesting import HOW_NESTED
from unit.bodies.adversarial_responses import WHERE_IN_RESPONSES
from unit.bodies.adversarial_writing import HOW_WRITTEN, MUST_STAY

CASES: tuple[Case, ...] = (
    *WHERE_IN_CHAT,
    *WHERE_IN_RESPONSES,
    *WHERE_IN_MESSAGES,
    *WHERE_IN_EMBEDDINGS,
    *HOW_WRITTEN,
    *HOW_NESTED,
    *MUST_STAY,
)
