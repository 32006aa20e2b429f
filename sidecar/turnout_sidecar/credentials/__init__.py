"""The platform's own identity in the place of a secret: a token file becomes short-lived credentials, kept fresh in the background.

`platform` says what the platform has put into the pod, `exchanges` trades it for what a provider takes, `source` keeps that
fresh, `identities` holds the sources of a gateway, `signing` puts them on requests.
"""
