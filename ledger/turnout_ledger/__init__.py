"""The ledger: usage rows, outcomes and reviews; the only room that knows SQL."""
