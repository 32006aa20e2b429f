"""Detectors that are not built in: asked by HTTP, or in process by an entry point."""
