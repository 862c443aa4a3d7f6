"""Parts of Heroku's JSON that depend on no state: times, fixed ids, constant properties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelerator.localheroku.state.names import fixed_id
from accelerator.localheroku.state.objects import DEFAULT_STACK

if TYPE_CHECKING:
    from datetime import datetime

Shape = dict[str, Any]
# Apps live in `us`; Heroku has more regions than this platform pretends to.
REGIONS = {"us": ("United States", "Virginia", "us-east-1")}


def short_time(moment: datetime) -> str:
    """Render a moment as apps, builds and releases have it: `2017-01-14T18:27:29Z`."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def long_time(moment: datetime) -> str:
    """Render a moment as pipelines and promotions have it: `2017-01-14T18:27:29+00:00`."""
    return f"{moment:%Y-%m-%dT%H:%M:%S+00:00}"


def named(kind: str, name: str) -> Shape:
    """Return the `{id, name}` of something every platform has."""
    return {"id": fixed_id(kind, name), "name": name}


def stack(name: str) -> Shape:
    """Return a stack."""
    since = "2024-01-01T00:00:00Z"
    return {
        **named("stack", name),
        "default": name == DEFAULT_STACK,
        "state": "public",
        "created_at": since,
        "updated_at": since,
    }


def region(name: str) -> Shape:
    """Return a region."""
    since = "2012-01-01T12:00:00Z"
    country, locale, provider = REGIONS[name]
    return {
        **named("region", name),
        "country": country,
        "created_at": since,
        "description": country,
        "locale": locale,
        "private_capable": False,
        "provider": {"name": "amazon-web-services", "region": provider},
        "updated_at": since,
    }


def buildpack(name: str) -> Shape:
    """Return a buildpack of a build: built-in ones have a name and a `urn`."""
    if "://" in name or name.startswith("/"):
        return {"url": name}
    return {"url": f"urn:buildpack:{name}", "name": name}


def installation(ordinal: int, name: str) -> Shape:
    """Return a buildpack installation of an app."""
    shape = buildpack(name)
    return {"ordinal": ordinal, "buildpack": {"url": shape["url"], "name": name}}


ACCOUNT_NOTHING: Shape = {
    "identity_provider": None,
    "last_login": None,
    "sms_number": None,
    "suspended_at": None,
    "delinquent_at": None,
    "country_of_residence": None,
    "default_organization": None,
    "default_team": None,
}
ACCOUNT_SDK: Shape = {
    "acknowledged_msa": False,
    "acknowledged_msa_at": None,
    "eco_dynos_enabled": False,
    "eco_dynos_shutdown_at": None,
    "italian_customer_terms": None,
    "italian_partner_terms": None,
    "mfa_enabled": False,
    "mfa_exemption": False,
    "mfa_exemption_reason": None,
    "mfa_experience": "legacy",
    "pipeline_cost_consent_at": None,
}
IMAGE_NOTHING: Shape = {
    "base_image_name": None,
    "buildpacks": None,
    "current_build_architecture": [],
}
