"""Anthropic's Messages API: as applications call it, and as a provider is called by it."""
