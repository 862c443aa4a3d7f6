"""Faults of every kind on a share of all API calls, before and after the platform acted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stress_parts.plan import Size
    from stress_parts.site import Site

# Neither storage nor git: only the API.
API = r"^/(?!-/)(?![^/]+\.git/)"
KINDS: tuple[dict[str, Any], ...] = (
    {"kind": "status", "status": 500, "id": "internal_server_error", "when": "before"},
    {"kind": "status", "status": 500, "id": "internal_server_error", "when": "after"},
    {"kind": "status", "status": 503, "when": "before"},
    {"kind": "status", "status": 503, "when": "after"},
    {"kind": "reset", "when": "before"},
    {"kind": "reset", "when": "after"},
    {"kind": "half_body", "when": "before"},
    {"kind": "half_body", "when": "after"},
)


def set_faults(site: Site, size: Size) -> None:
    """Set them; together they hit the wanted share, each drawing with a seed of its own."""
    each = 1 - (1 - size.faults) ** (1 / len(KINDS))
    for number, kind in enumerate(KINDS):
        body = {"path": API, "probability": each, "seed": 100 * size.seed + number, **kind}
        site.control("POST", "faults", body)


def clear_faults(site: Site) -> int:
    """Remove them all; gives how many requests they hit."""
    hit: int = sum(fault["hit"] for fault in site.control("GET", "faults"))
    site.control("DELETE", "faults")
    return hit
