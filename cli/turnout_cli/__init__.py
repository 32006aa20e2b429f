"""The turnout command: thin; it composes the rooms below."""
