"""The account, its rate limit and its (absent) features."""

from accelerator.localheroku.state.errors import missing
from accelerator.localheroku.state.names import fixed_id
from accelerator.localheroku.state.objects import STACKS
from accelerator.localheroku.web.calls import Answer, Call, Listing
from accelerator.localheroku.web.constants import stack


def info(call: Call) -> Answer:
    """Answer with the account of the key."""
    account = call.account
    if call.params.get("user", "~") not in {"~", account.id, account.email}:
        raise missing("user")
    return Answer(call.shapes.account(account))


def features(_: Call) -> Listing:
    """Answer with no features: the CLI then looks for a feature of the app."""
    return Listing([], dict, {"id": lambda each: each["id"]})


def feature(_: Call) -> Answer:
    """Refuse: no account has features here, and the CLI needs exactly this answer."""
    raise missing("account_feature")


def stacks(_: Call) -> Listing:
    """List the stacks."""
    return Listing(list(STACKS), stack, {"id": lambda n: fixed_id("stack", n), "name": str})


def stack_info(call: Call) -> Answer:
    """Answer with one stack by name or id."""
    for name in STACKS:
        if call.params["stack"] in {name, fixed_id("stack", name)}:
            return Answer(stack(name))
    raise missing("stack")


def rate_limits(call: Call) -> Answer:
    """Answer with how many requests are left; asking is free."""
    return Answer({"remaining": call.caller.bucket.remaining})


def pre_authorize(call: Call) -> Answer:
    """Let the account's further requests for the app pass without the second factor.

    Heroku's schema does not have this; its own tools use it.
    """
    call.admission.pre_authorize(call.account, call.app.id)
    return Answer({})
