"""The text of a request's body: every string that would leave, read out for inspection and written back changed.

`read` finds the leaves, `Leaves` holds them as one page and takes new texts, `rewrite_raw` puts those into the client's own bytes.
What is not inspected is one explicit table (`skipped.SKIPPED`). Pure: no IO, no clock, no policy.
"""
