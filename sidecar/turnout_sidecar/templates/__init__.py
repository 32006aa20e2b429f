"""Prompts as the gateway runs them."""
