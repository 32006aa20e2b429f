"""The paths of Azure OpenAI: the API of OpenAI under other addresses.

The older way names the deployment in the path (`/openai/deployments/NAME/chat/completions`), which is what the SDK does with an
endpoint that is a host alone; the newer one (`/openai/v1`) is OpenAI's own, and the model stands in the body. Both ask for an
`api-version`.
"""

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

_NEWER: Final = "/openai/v1"
_OLDER: Final = "/openai"
_OF_A_DEPLOYMENT: Final = frozenset({"/chat/completions", "/completions", "/embeddings"})
"""The others, such as /responses, take the model in the body in the older way too."""


def azure_address(path: str, api_version: str | None) -> Callable[[str, str], str]:
    """How what a format wrote and a model become what is appended to `path`, the endpoint's own."""
    query = "" if api_version is None else f"api-version={quote(api_version, safe='')}"

    def address(written: str, model: str) -> str:
        operation, _, asked = written.partition("?")
        if not path.endswith(_NEWER):
            within = f"/deployments/{quote(model, safe='')}" if operation in _OF_A_DEPLOYMENT else ""
            operation = ("" if path.endswith(_OLDER) else _OLDER) + within + operation
        queries = "&".join(part for part in (asked, query) if part)
        return f"{operation}?{queries}" if queries else operation

    return address
