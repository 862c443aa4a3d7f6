"""In no pipeline is only what can be read itself, and what no pipeline lists that is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from accelerator.errors import KeyRefused, NotFound, Unreachable
from accelerator.models import Commit
from accelerator.steps.compare.membership import find_listed
from accelerator.steps.compare.wanted import SourceApp, Wanted
from tests.unit.fakes import Stage, fetch_facts, make_app, make_coupling, make_stage

if TYPE_CHECKING:
    from accelerator.heroku import Heroku
    from accelerator.models import Coupling

IN_PIPE, IN_OTHER = make_coupling("prepare", "pipe"), make_coupling("elsewhere", "other")


def world() -> Stage:
    apps = [make_app(name, None) for name in ("prepare", "shop", "lone")]
    apps[2].coupling = None
    made = make_stage(*apps)
    made.heroku.pipelines_by_name["shops"] = "pipe"
    return made


def ask(made: Stage, app: str, *known: Coupling | None, named: str | None = None) -> str | None:
    found = find_listed(cast("Heroku", made.heroku), (app,), known, named).get(app)
    return found.pipeline_id if found else None


@pytest.mark.parametrize(
    ("app", "known", "named", "expected"),
    [
        pytest.param("shop", (IN_PIPE,), None, "pipe", id="listed with an app that is known"),
        pytest.param("shop", (None, IN_OTHER), "shops", "pipe", id="listed where settings say"),
        pytest.param("shop", (IN_PIPE, IN_PIPE), "shops", "pipe", id="listed, known in many ways"),
        pytest.param("shop", (IN_OTHER,), None, None, id="another pipeline is known only"),
        pytest.param("shop", (None,), None, None, id="no pipeline is known"),
        pytest.param("lone", (IN_PIPE,), "shops", None, id="listed by none"),
    ],
)
def test_a_pipeline_that_lists_an_app_is_the_one_it_is_in(
    app: str, known: tuple[Coupling | None, ...], named: str | None, expected: str | None
) -> None:
    assert ask(world(), app, *known, named=named) == expected


def test_two_pipelines_that_list_one_app_contradict_each_other() -> None:
    made = world()
    made.heroku.listed_too["other"] = (make_coupling("shop", "other"),)

    with pytest.raises(Unreachable) as caught:
        ask(made, "shop", IN_PIPE, IN_OTHER)

    assert "shop contradict each other: pipelines other and pipe both" in caught.value.message
    assert "`heroku apps:info -a shop`" in str(caught.value.hint)


@pytest.mark.parametrize("error", [NotFound("gone"), KeyRefused("not yours")])
def test_an_app_that_cannot_be_read_is_not_believed_to_be_in_none(error: Exception) -> None:
    made = world()
    made.heroku.failures["apps.fetch lone"] = error

    with pytest.raises(type(error)):
        ask(made, "lone", IN_PIPE)


def test_a_named_pipeline_that_is_not_there_is_an_error() -> None:
    with pytest.raises(NotFound, match="there is no pipeline shosp"):
        ask(world(), "lone", named="shosp")


def test_a_target_said_to_be_in_none_has_the_stage_of_the_pipeline_that_lists_it() -> None:
    made = world()
    made.app("shop").hides_coupling = True
    wanted = Wanted(Commit("c" * 40), (SourceApp("prepare"),), ("shop",))

    beside_source = fetch_facts(made.run, wanted)
    alone = fetch_facts(made.run, replace(wanted, sources=(SourceApp("lone"),), pipeline="shops"))

    assert [facts.targets[0].stage for facts in (beside_source, alone)] == ["production"] * 2
