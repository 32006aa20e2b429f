"""What a gateway runs, as frozen values with canonical bytes."""
