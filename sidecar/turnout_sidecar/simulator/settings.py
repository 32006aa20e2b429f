"""What a simulated provider is told to be."""

from typing import Annotated

import msgspec

from turnout_sidecar.ports.secrets import Secret

DEFAULT_MODELS = ("simulated",)


class SimulatorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One simulated provider. Seconds, and tokens for each second; `tokens_per_second` 0: without delay.

    `models` empty: any model name is taken. `api_key` None: any credentials are.
    """

    protocol: str = "openai"
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    latency: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    tokens_per_second: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    fail_rate: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    seed: int = 1
    models: tuple[str, ...] = ()
    api_key: Secret | None = None
