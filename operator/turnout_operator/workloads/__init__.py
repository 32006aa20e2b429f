"""The gateways' Kubernetes objects, one set in each namespace that has a ModelRoute."""
