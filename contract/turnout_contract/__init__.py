"""The ground floor of Turnout: the kinds that users write and the snapshot that gateways run.

No IO, no clock, no framework lives here, so every other room may stand on it.
"""

__version__ = "0.1.0"
