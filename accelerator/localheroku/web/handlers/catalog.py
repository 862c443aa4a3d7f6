"""What every platform has: regions and known buildpacks, and lists that are always empty here."""

from accelerator.localheroku.state.errors import missing
from accelerator.localheroku.state.names import fixed_id
from accelerator.localheroku.web.calls import Answer, Call, Listing, by
from accelerator.localheroku.web.constants import REGIONS, region

# Whatever clients sort these lists by: they are empty.
_NOTHING = by("id", "name", "seq", "domain", "hostname", "created_at", "updated_at")


def regions(_: Call) -> Listing:
    """List the regions."""
    return Listing(list(REGIONS), region, {"id": lambda n: fixed_id("region", n), "name": str})


def region_info(call: Call) -> Answer:
    """Answer with one region by name or id."""
    for name in REGIONS:
        if call.params["region"] in {name, fixed_id("region", name)}:
            return Answer(region(name))
    raise missing("region")


def nothing(call: Call) -> Listing:
    """List what nobody has here: add-ons, domains, drains, webhooks, spaces, teams, SSH keys."""
    if "app" in call.params:
        call.find_app(call.params["app"], call.allowed)
    if call.params.get("user", "~") not in {"~", call.account.id, call.account.email}:
        raise missing("user")
    return Listing([], dict, _NOTHING)
