"""Names and ids that nobody chose."""

import secrets
import uuid

_FIRST = ("quiet", "rapid", "sandy", "misty", "polar", "vivid", "amber", "bold", "calm", "deep")
_SECOND = ("river", "meadow", "harbor", "canyon", "forest", "island", "summit", "valley", "delta")
_SPACE = uuid.UUID("5a4b6b0e-7d0c-4c3b-9a8f-2f8f5d1c9e77")


def random_name() -> str:
    """Return a name such as `quiet-river-4f2a91`."""
    return f"{secrets.choice(_FIRST)}-{secrets.choice(_SECOND)}-{secrets.token_hex(3)}"


def fixed_id(kind: str, name: str) -> str:
    """Return the id of something every platform has, such as a stack: always the same."""
    return str(uuid.uuid5(_SPACE, f"{kind}:{name}"))
