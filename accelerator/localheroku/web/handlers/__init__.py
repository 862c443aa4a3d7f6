"""HTTP handlers: read a call, apply a rule, name a shape."""
