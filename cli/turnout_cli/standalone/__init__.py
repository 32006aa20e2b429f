"""The standalone mode: a folder of manifests in the place of an API server."""
