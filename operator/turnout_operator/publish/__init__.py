"""From a compiled namespace to its gateways: who may connect, what each is sent, what each has acknowledged."""
