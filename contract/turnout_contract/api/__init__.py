"""The seven kinds of `turnout.dev/v1alpha1` as typed values, one module a kind."""
