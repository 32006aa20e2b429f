"""One module a stage; all have one signature and none knows another."""
