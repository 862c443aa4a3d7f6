"""What the controls do: each function changes or reads one thing of the running platform."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from accelerator.localheroku.controls.faults import make_fault
from accelerator.localheroku.controls.fields import BadField
from accelerator.localheroku.state import access, apps
from accelerator.localheroku.state.errors import missing
from accelerator.localheroku.web.constants import short_time

if TYPE_CHECKING:
    from accelerator.localheroku.controls.faults import Faults
    from accelerator.localheroku.controls.journal import Journal
    from accelerator.localheroku.durations import Timing
    from accelerator.localheroku.gitserver.repositories import Repositories
    from accelerator.localheroku.running.promoting import Promoting
    from accelerator.localheroku.state.objects import Account
    from accelerator.localheroku.state.store import State
    from accelerator.localheroku.streams.blobs import Signer
    from accelerator.localheroku.streams.expiry import Expiry
    from accelerator.localheroku.streams.logs import Logs
    from accelerator.localheroku.web.conditions import Conditions
    from accelerator.localheroku.web.limits import Buckets, GitLimit

Params = Mapping[str, str]
Body = Mapping[str, Any]
_FURTHEST = 1000 * 365 * 86400
_CHECKSUM = "Could not verify slug checksum"


@dataclass(frozen=True)
class Desk:
    """What controls work on: first what requests meet on their way, then what lies behind."""

    journal: Journal
    faults: Faults
    conditions: Conditions
    buckets: Buckets
    git_limit: GitLimit
    repositories: Repositories
    signer: Signer
    state: State
    durations: Timing
    promoting: Promoting
    logs: Logs
    expiry: Expiry

    def app_id(self, params: Params) -> str | None:
        """Return the id of the app in the path, if the path has one."""
        return self.state.app(params["app"]).id if "app" in params else None

    def account(self, body: Body) -> Account:
        """Return the account that is named, else the first one."""
        named = body.get("account")
        return access.account(self.state, named) if named else self.state.account


def info(desk: Desk, _: Params, __: Body) -> Any:
    """Tell what runs here, and the present settings."""
    return {
        "schema": "accelerator.local/1",
        "url": desk.signer.base_url,
        "pid": os.getpid(),
        "time": short_time(desk.state.clock.now()),
        "durations": asdict(desk.durations.default),
        "latency_seconds": desk.conditions.latency_seconds,
        "rate_limit_remaining": desk.buckets.of(desk.state.account.id).remaining,
        "git_limit_per_hour": desk.git_limit.per_hour,
        "git_storage": desk.repositories.kind_of(),
        "warning": desk.conditions.warning,
        "keys": sorted(access.fingerprint(key.token) for key in desk.state.keys),
    }


def journal(desk: Desk, _: Params, __: Body) -> Any:
    """List every request so far, without any secret in it."""
    return desk.journal.read()


def clear_journal(desk: Desk, _: Params, __: Body) -> Any:
    """Empty the journal."""
    desk.journal.clear()
    return {}


def durations(desk: Desk, params: Params, _: Body) -> Any:
    """Tell how much longer than necessary things take, for all apps or for one."""
    app_id = desk.app_id(params)
    timing = desk.durations
    return asdict(timing.default if app_id is None else timing.of(app_id))


def set_durations(desk: Desk, params: Params, body: Body) -> Any:
    """Let builds, promotions, boots, switches of dynos and git take longer, for all apps or one."""
    return asdict(desk.durations.change(body, desk.app_id(params)))


def set_latency(desk: Desk, _: Params, body: Body) -> Any:
    """Wait so long before every request is handled."""
    desk.conditions.latency_seconds = body["seconds"]
    return {"seconds": desk.conditions.latency_seconds}


def set_rate_limit(desk: Desk, _: Params, body: Body) -> Any:
    """Set how many API requests an account may still make right now."""
    bucket = desk.buckets.of(desk.account(body).id)
    bucket.set(body["remaining"])
    return {"remaining": bucket.remaining}


def set_git_limit(desk: Desk, _: Params, body: Body) -> Any:
    """Set how many git operations an hour each account may make on each app."""
    desk.git_limit.per_hour = body["per_hour"]
    return {"per_hour": desk.git_limit.per_hour}


def git_storage(desk: Desk, params: Params, _: Body) -> Any:
    """Tell how git repositories are kept, for all apps or for one."""
    return {"storage": desk.repositories.kind_of(desk.app_id(params))}


def set_git_storage(desk: Desk, params: Params, body: Body) -> Any:
    """Keep git repositories as an `archive` or with `compare-and-swap`, for all apps or for one."""
    return {"storage": desk.repositories.keep_as(body["storage"], desk.app_id(params))}


def faults(desk: Desk, _: Params, __: Body) -> Any:
    """List the faults with how many requests matched each, and how many it hit."""
    return desk.faults.read()


def add_fault(desk: Desk, _: Params, body: Body) -> Any:
    """Break requests to a route, all or only some of them, before or after the platform acted."""
    try:
        fault = make_fault(body)
    except ValueError as problem:
        raise BadField(str(problem)) from None
    return {"number": desk.faults.add(fault)}


def clear_faults(desk: Desk, _: Params, __: Body) -> Any:
    """Remove all faults and let hanging requests go."""
    desk.faults.clear()
    return {}


def clock(desk: Desk, _: Params, __: Body) -> Any:
    """Tell the platform's time."""
    return {"time": short_time(desk.state.clock.now())}


def advance(desk: Desk, params: Params, body: Body) -> Any:
    """Move the platform's time forward, also in the `Date` of answers; what expires is gone."""
    if body["advance_seconds"] > _FURTHEST:
        raise BadField("field advance_seconds: is too far away")
    desk.state.clock.advance(body["advance_seconds"])
    desk.expiry.expire()
    return clock(desk, params, body)


def accounts(desk: Desk, _: Params, __: Body) -> Any:
    """List the accounts."""
    return [_account(each) for each in desk.state.accounts]


def add_account(desk: Desk, _: Params, body: Body) -> Any:
    """Make another account; with a second factor, most of its requests must carry the code."""
    state = desk.state
    return _account(access.create_account(state, body["email"], body.get("two_factor_code")))


def change_account(desk: Desk, params: Params, body: Body) -> Any:
    """Switch an account's second factor on or, with null, off."""
    state = desk.state
    account = access.account(state, params["account"])
    account.two_factor_code = body["two_factor_code"]
    return _account(state.accounts.save(account))


def _account(account: Account) -> dict[str, Any]:
    has_factor = account.two_factor_code is not None
    return {"id": account.id, "email": account.email, "two_factor": has_factor}


def add_key(desk: Desk, _: Params, body: Body) -> Any:
    """Make a key for an account (the first one unless named), with scopes and an end."""
    grant = access.Grant(
        scopes=body.get("scopes", ("global",)),
        expires_in=body.get("expires_in_seconds"),
        description=body.get("description", ""),
    )
    key = access.create_key(desk.state, desk.account(body), grant, body.get("key"))
    return {"key": key.token, "scopes": list(key.scopes)}


def revoke_key(desk: Desk, params: Params, _: Body) -> Any:
    """Stop accepting a key, named by itself or its fingerprint."""
    state = desk.state
    named = params["key"]
    found = [key for key in state.keys if named in {key.token, access.fingerprint(key.token)}]
    if not found:
        raise missing("key")
    state.keys.drop_all(found)
    return {}


def add_collaborator(desk: Desk, params: Params, body: Body) -> Any:
    """Let an account work on an app, with all permissions or only some."""
    state = desk.state
    app = state.app(params["app"])
    allowed = body.get("permissions", access.PERMISSIONS)
    made = access.add_collaborator(state, app, desk.account(body), allowed)
    return {"id": made.id, "permissions": list(made.permissions)}


def set_generation(desk: Desk, params: Params, body: Body) -> Any:
    """Give an app that has no code and no pipeline yet another generation, `cedar` or `fir`."""
    state = desk.state
    app = apps.set_generation(state, state.app(params["app"]), body["generation"])
    return {"generation": app.generation}


def set_space(desk: Desk, params: Params, body: Body) -> Any:
    """Put an app into a private space of this name, where deploys are rolling; null ends that."""
    app = apps.set_space(desk.state, desk.state.app(params["app"]), body["space"])
    return {"space": app.space}


def set_web_url(desk: Desk, params: Params, body: Body) -> Any:
    """Show an app's address in answers, or null in its place."""
    app = apps.set_web_url(desk.state, desk.state.app(params["app"]), body["present"])
    return {"present": app.has_web_url}


def set_lag(desk: Desk, params: Params, body: Body) -> Any:
    """Show each further release of an app as pending for so many reads after it has ended."""
    desk.conditions.lagging.set(desk.state.app(params["app"]), body["reads"])
    return {"reads": body["reads"]}


def set_promotions(desk: Desk, _: Params, body: Body) -> Any:
    """Refuse promotions and their targets with 403 to all accounts but the one that made them."""
    desk.conditions.own_promotions_only = body["own_only"]
    return {"own_only": body["own_only"]}


def fail_promotions(desk: Desk, params: Params, body: Body) -> Any:
    """Let the next promotions to an app fail, as they do on Heroku now and then."""
    app = desk.state.app(params["app"])
    message, count = body.get("error_message", _CHECKSUM), body.get("count", 1)
    desk.promoting.fail_next(app.id, message, count)
    return {"error_message": message, "count": count}


def set_warning(desk: Desk, _: Params, body: Body) -> Any:
    """Put a `Warning-Message` header on every API answer, or with null no longer."""
    desk.conditions.warning = body["message"]
    return {"message": body["message"]}


def log(desk: Desk, params: Params, _: Body) -> Any:
    """Answer with the newest lines of an app's log, as text."""
    lines = desk.logs.read(desk.state.app(params["app"]).id)
    return "".join(f"{each}\n" for each in lines)
