"""The gateway: exchange, wire, stages, pipeline, ports, adapters, subscription, server."""
