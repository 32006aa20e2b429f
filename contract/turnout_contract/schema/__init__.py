"""From types to structural schemas: CRDs, JSON Schemas, the API reference, and the rules of admission."""
