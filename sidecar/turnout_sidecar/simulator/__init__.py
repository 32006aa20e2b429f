"""A provider that is not one: speaks the wire formats of real ones, with chosen latency, faults and usage."""
