"""From verdicts and acknowledgements to the status of each object."""
