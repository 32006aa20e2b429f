"""OpenAI's Responses API: asked in by applications, and spoken by backends."""
