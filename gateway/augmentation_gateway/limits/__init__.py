"""How much of the gateway a client may use, in all and per key."""
