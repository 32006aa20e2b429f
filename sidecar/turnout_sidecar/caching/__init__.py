"""What may be answered from the cache, and what is kept in it."""
