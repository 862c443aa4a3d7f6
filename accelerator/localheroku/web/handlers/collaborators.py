"""Who works on an app: its owner, and the accounts that were added."""

from accelerator.localheroku.state import access
from accelerator.localheroku.state.errors import invalid, missing
from accelerator.localheroku.state.objects import Collaborator
from accelerator.localheroku.web import people
from accelerator.localheroku.web.calls import Answer, Call, Listing, by, flag, text


def listing(call: Call) -> Listing:
    """List everybody who works on the app, its owner first."""
    app = call.app
    return Listing(
        access.collaborators_of(call.state, app),
        lambda one: people.collaborator(call.state, app, one),
        by("id", "created_at"),
        "created_at",
    )


def info(call: Call) -> Answer:
    """Answer with one collaborator, by email or either id."""
    return Answer(people.collaborator(call.state, call.app, _collaborator(call)))


def create(call: Call) -> Answer:
    """Let an account, given by email or id, work on the app."""
    app = call.app
    if "silent" in call.body:
        flag(call.body, "silent")
    who = access.account(call.state, text(call.body, "user"))
    made = access.add_collaborator(call.state, app, who)
    return Answer(people.collaborator(call.state, app, made), 201)


def destroy(call: Call) -> Answer:
    """Take a collaborator away; the owner stays."""
    app, one = call.app, _collaborator(call)
    if one.account_id == app.owner_id:
        raise invalid("The owner of an app cannot be removed from it.")
    shape = people.collaborator(call.state, app, one)
    call.state.collaborators.drop(one)
    return Answer(shape)


def _collaborator(call: Call) -> Collaborator:
    identity = call.params["collaborator"]
    who = access.find_account(call.state, identity)
    for one in access.collaborators_of(call.state, call.app):
        if identity == one.id or (who is not None and one.account_id == who.id):
            return one
    raise missing("collaborator")
