"""What has to fit before an artifact of one app may go to another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accelerator.models import Artifact, ArtifactKind, Build, Formation, Reason
from accelerator.steps.compare.fingerprints import fingerprint
from accelerator.steps.compare.fit import (
    Fit,
    Fitness,
    fitness_of,
    list_checks,
    stack_of,
)
from tests.unit.fakes import COMMIT, artifact, make_build

SLUG = artifact("good", COMMIT, stack="heroku-24", process_types={"web": "./serve"}, size=9)
IMAGE = artifact("image", COMMIT, kind=ArtifactKind.OCI_IMAGE)
BUILT = make_build("shop-prepare", "good", COMMIT, stack="heroku-24", buildpacks=("heroku/python",))
FIT = Fit(
    stacks=frozenset({"heroku-24"}),
    generation="cedar",
    buildpacks=("heroku/python",),
    formation=(Formation("web", 1, "Basic"),),
)
GITHUB = "https://github.com/heroku/heroku-buildpack-"


def dyno(kind: str, quantity: int) -> Fit:
    return replace(FIT, formation=(Formation(kind, quantity, "Basic"),))


@pytest.mark.parametrize(
    ("held", "built", "target", "reason"),
    [
        pytest.param(SLUG, BUILT, FIT, None, id="everything fits"),
        pytest.param(None, None, FIT, None, id="nothing is known of the artifact"),
        pytest.param(SLUG, BUILT, Fit(), None, id="nothing is known of the target"),
        pytest.param(
            SLUG, BUILT, replace(FIT, stacks=frozenset({"heroku-26"})), Reason.STACK_DIFFERS,
            id="another stack",
        ),
        pytest.param(
            SLUG, BUILT, replace(FIT, stacks=frozenset({"heroku-26", "heroku-24"})), None,
            id="the stack that runs, while the next build would use a newer one",
        ),
        pytest.param(
            None, replace(BUILT, stack="heroku-22"), FIT, Reason.STACK_DIFFERS,
            id="another stack by the build's word, the artifact not read",
        ),
        pytest.param(
            replace(SLUG, stack=None), replace(BUILT, stack=None), FIT, None, id="no stack known"
        ),
        pytest.param(
            SLUG, BUILT, replace(FIT, generation="fir"), Reason.GENERATION_DIFFERS,
            id="a slug to an app of generation fir",
        ),
        pytest.param(IMAGE, None, FIT, Reason.GENERATION_DIFFERS, id="an image to a cedar app"),
        pytest.param(
            IMAGE, None, Fit(generation="fir"), None, id="an image to an app of generation fir"
        ),
        pytest.param(
            SLUG, BUILT, replace(FIT, buildpacks=("heroku/nodejs",)), Reason.BUILDPACKS_DIFFER,
            id="another buildpack",
        ),
        pytest.param(
            SLUG, BUILT, replace(FIT, buildpacks=("heroku/nodejs", "heroku/python")),
            Reason.BUILDPACKS_DIFFER, id="one buildpack more",
        ),
        pytest.param(
            SLUG, replace(BUILT, buildpacks=("a", "b")), replace(FIT, buildpacks=("b", "a")),
            Reason.BUILDPACKS_DIFFER, id="the same buildpacks in another order",
        ),
        pytest.param(
            SLUG, BUILT, replace(FIT, buildpacks=()), None, id="a target that lets Heroku detect"
        ),
        pytest.param(
            SLUG, replace(BUILT, buildpacks=()), FIT, None, id="a build that does not say"
        ),
        pytest.param(
            SLUG, replace(BUILT, buildpacks=(f"{GITHUB}python",)), FIT, None,
            id="a buildpack by its address",
        ),
        pytest.param(
            SLUG, replace(BUILT, buildpacks=(f"{GITHUB}python.git",)), FIT, None,
            id="a buildpack by its git address",
        ),
        pytest.param(
            SLUG, replace(BUILT, buildpacks=("urn:buildpack:heroku/python",)), FIT, None,
            id="a buildpack by its urn",
        ),
        pytest.param(
            SLUG,
            replace(
                BUILT,
                buildpacks=("https://buildpack-registry.s3.amazonaws.com/buildpacks/acme/x.tgz",),
            ),
            replace(FIT, buildpacks=("acme/x",)),
            None,
            id="a buildpack of the registry",
        ),
        pytest.param(
            SLUG, replace(BUILT, buildpacks=(f"{GITHUB}python#v1",)), FIT, Reason.BUILDPACKS_DIFFER,
            id="a buildpack at a version of its own",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_has_to_be_built_again(
    held: Artifact | None, built: Build | None, target: Fit, reason: Reason | None
) -> None:
    fitness = fitness_of(list_checks(held, built, {}, target))

    assert fitness.rebuild is reason
    assert bool(fitness.detail) is (reason is not None)


@pytest.mark.parametrize(
    ("built", "target", "differing"),
    [
        pytest.param({"A": "1"}, {"A": "1"}, "", id="equal"),
        pytest.param({"A": "1"}, {"A": "2"}, "A", id="another value"),
        pytest.param({"B": "1", "A": "1"}, {"A": "2", "B": "2"}, "A, B", id="two, in order"),
        pytest.param({"A": "1", "B": "1"}, {"A": "1"}, "", id="more than is declared"),
        pytest.param({}, {"A": "1"}, "", id="not read yet"),
        pytest.param({}, {}, "", id="none declared"),
        pytest.param(None, {}, "", id="none declared, and nothing to be read"),
    ],
)
def test_declared_config_vars_are_compared_by_their_fingerprints(
    built: dict[str, str] | None, target: dict[str, str], differing: str
) -> None:
    fitness = fitness_of(list_checks(SLUG, BUILT, built, replace(FIT, build_config=target)))

    if not differing:
        assert fitness == Fitness()
    else:
        assert fitness.rebuild is Reason.BUILD_CONFIG_DIFFERS
        assert fitness.detail.startswith(f"{differing} had another value")


@pytest.mark.parametrize(
    ("built", "target", "whose"),
    [
        pytest.param(None, {"A": "1"}, "it was built with", id="what it was built with"),
        pytest.param({"A": "1"}, None, "of the app", id="what the target has"),
        pytest.param({}, None, "of the app", id="what the target has, before more is read"),
    ],
)
def test_declared_config_vars_that_nobody_can_tell_are_not_taken_for_equal(
    built: dict[str, str] | None, target: dict[str, str] | None, whose: str
) -> None:
    fitness = fitness_of(list_checks(SLUG, BUILT, built, replace(FIT, build_config=target)))

    assert fitness.rebuild is Reason.BUILD_CONFIG_UNKNOWN
    assert fitness.detail.startswith(f"the config vars {whose} cannot be told")


def test_a_fingerprint_tells_equal_from_different_and_nothing_else() -> None:
    salt = b"s" * 16

    assert fingerprint("on", salt) == fingerprint("on", salt)
    assert fingerprint("on", salt) != fingerprint("off", salt)
    assert fingerprint("on", salt) != fingerprint("on", b"t" * 16)
    assert fingerprint(None, salt) != fingerprint("", salt)
    assert "on" not in fingerprint("on", salt).split()


@pytest.mark.parametrize(
    ("held", "target", "warned"),
    [
        pytest.param(SLUG, FIT, (), id="nothing to say"),
        pytest.param(SLUG, dyno("worker", 2), (), id="a type that runs is gone: guards judge that"),
        pytest.param(SLUG, dyno("worker", 0), (), id="one that is scaled to nothing is gone"),
        pytest.param(
            replace(SLUG, process_types=None), dyno("worker", 2), (), id="types nobody knows"
        ),
        pytest.param(
            replace(SLUG, size=300_000_001),
            FIT,
            ("it is large (300.0 MB): dynos will start slowly",),
            id="a large one",
        ),
        pytest.param(replace(SLUG, size=None), FIT, (), id="a size nobody knows"),
        pytest.param(None, dyno("worker", 2), (), id="an artifact that was not read"),
    ],
)
def test_what_is_worth_saying_does_not_stand_in_the_way(
    held: Artifact | None, target: Fit, warned: tuple[str, ...]
) -> None:
    assert fitness_of(list_checks(held, BUILT, {}, target)) == Fitness(warnings=warned)


def test_the_artifact_knows_its_stack_better_than_the_build() -> None:
    assert stack_of(SLUG, replace(BUILT, stack="heroku-22")) == "heroku-24"
    assert stack_of(None, BUILT) == "heroku-24"
    assert stack_of(None, None) is None
