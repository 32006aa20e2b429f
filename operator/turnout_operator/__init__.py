"""The operator: informer, store, compile, publish, status, workloads, lease."""
