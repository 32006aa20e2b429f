"""Types to schemas: structural OpenAPI v3, CustomResourceDefinitions, JSON Schemas, reference pages, and admission by them."""
