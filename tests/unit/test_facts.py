from __future__ import annotations

from dataclasses import replace

import pytest

from accelerator.errors import KeyRefused, NotFound, UsageProblem
from accelerator.models import ArtifactKind, ArtifactRef, BuildInput, Reason, Route
from accelerator.steps.compare.decision import compare
from accelerator.steps.compare.facts import Facts
from accelerator.steps.compare.reading import confirm, refresh_targets
from accelerator.steps.compare.stages import StageSource, find_name, resolve_targets
from accelerator.steps.compare.states import SourceState, TargetState
from accelerator.steps.compare.wanted import SourceApp, Wanted
from tests.unit.fakes import (
    BEGIN,
    COMMIT,
    OTHER,
    FakeApp,
    fetch_facts,
    make_app,
    make_build,
    make_coupling,
    make_release,
    make_stage,
    refuse,
    slug,
)

WANTED = Wanted(COMMIT, (SourceApp("shop-prepare"),), ("shop",))


def test_one_round_reads_the_apps_and_one_more_the_chosen_artifact() -> None:
    prepare = make_app("shop-prepare", "old", builds=[make_build("shop-prepare", "good", COMMIT)])
    prepare.land("good")
    stage = make_stage(prepare, make_app("shop"))
    stage.heroku.hold("good", COMMIT)
    stage.heroku.hold("old", OTHER)

    facts = fetch_facts(stage.run, WANTED)

    assert compare(COMMIT, facts).candidate is not None
    assert [call for call in stage.heroku.calls if "slugs" in call] == [
        "slugs.fetch shop-prepare good"
    ]
    assert stage.heroku.calls[-2:] == ["slugs.fetch shop-prepare good", "apps.fetch shop"]
    assert len(stage.heroku.calls) == 4 + 4 + 2


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param(
            {"HEROKU_BUILD_COMMIT": "b", "HEROKU_SLUG_COMMIT": "s"}, ("b", True), id="both"
        ),
        pytest.param({"HEROKU_SLUG_COMMIT": "s"}, ("s", True), id="the old name only"),
        pytest.param(
            {"HEROKU_BUILD_COMMIT": "", "HEROKU_SLUG_COMMIT": "s"}, ("s", True), id="empty"
        ),
        pytest.param({"SECRET_KEY": "x"}, (None, True), id="neither"),
        pytest.param(KeyRefused("no"), (None, False), id="the key may not"),
        pytest.param(NotFound("no"), (None, False), id="hidden from the key"),
    ],
)
def test_the_metadata_variable_is_read_where_the_key_may(
    config: dict[str, str] | Exception, expected: tuple[str | None, bool]
) -> None:
    stage = make_stage(make_app("shop-prepare", config=config), make_app("shop"))

    source = fetch_facts(stage.run, WANTED).sources[0]

    assert (source.witness, source.witness_readable) == expected


def test_config_vars_of_other_places_are_not_touched() -> None:
    stage = make_stage(make_app("shop-staging"), make_app("shop"))

    source = fetch_facts(
        stage.run, replace(WANTED, sources=(SourceApp("shop-staging", False),))
    ).sources[0]

    assert (source.witness, source.witness_readable, source.is_prepare) == (None, False, False)
    assert not [call for call in stage.heroku.calls if "config_vars" in call]


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        pytest.param(make_app("shop"), False, id="its coupling tells"),
        pytest.param(make_app("shop", "old", coupling=None), True, id="in no pipeline, it says"),
        pytest.param(FakeApp("shop"), True, id="nothing else tells"),
    ],
)
def test_the_id_of_a_target_is_known_without_a_request_where_it_can_be(
    target: FakeApp, asked: bool
) -> None:
    stage = make_stage(make_app("shop-prepare"), target)

    found = fetch_facts(stage.run, WANTED).targets[0]

    assert found.app_id == "id-of-shop"
    assert ("apps.fetch shop" in stage.heroku.calls) is asked


def test_an_unknown_app_is_not_found() -> None:
    stage = make_stage(make_app("shop-prepare"))

    with pytest.raises(NotFound):
        fetch_facts(stage.run, WANTED)


def test_every_unusable_artifact_gives_way_to_the_next_until_one_was_read_itself() -> None:
    names = ["sound", "deleted", "lost", "foreign"]
    builds = tuple(make_build("shop-prepare", name, COMMIT) for name in names)
    releases = tuple(
        make_release("shop-prepare", version, name)
        for version, name in reversed(list(enumerate(names, 1)))
    )
    source = SourceState("shop-prepare", releases, builds, make_coupling("shop-prepare"))
    stage = make_stage(make_app("shop"))
    stage.heroku.hold("sound", COMMIT)
    stage.heroku.hold("deleted", COMMIT, deleted_at=BEGIN)
    stage.heroku.hold("foreign", OTHER)
    target = TargetState("shop", "id-of-shop", (), make_coupling("shop"))

    facts = confirm(stage.run, COMMIT, Facts((source,), (target,)))

    candidate = compare(COMMIT, facts).candidate
    assert candidate is not None
    assert candidate.artifact == slug("sound")
    read = [call.split()[-1] for call in stage.heroku.calls if call.startswith("slugs")]
    assert read == names[::-1]


@pytest.mark.parametrize("hidden", ["shop-prepare", "shop"])
def test_an_artifact_on_two_apps_needs_to_be_readable_on_one(hidden: str) -> None:
    stage = make_stage(make_app("shop-prepare", "same"), make_app("shop", "same"))
    stage.heroku.hold("same", COMMIT)
    stage.heroku.failures[f"slugs.fetch {hidden} same"] = NotFound("hidden")

    facts = fetch_facts(stage.run, WANTED)

    assert facts.is_live(facts.targets[0], COMMIT)


def test_an_artifact_the_key_may_not_read_counts_as_unreadable() -> None:
    stage = make_stage(make_app("shop-prepare", "held"), make_app("shop"))
    stage.heroku.failures["slugs.fetch shop-prepare held"] = KeyRefused("no")

    facts = fetch_facts(stage.run, WANTED)

    assert facts.artifacts == {"held": None}


def test_an_image_is_read_as_an_image_and_not_as_a_slug() -> None:
    image = ArtifactRef(ArtifactKind.OCI_IMAGE, "image")
    release = make_release("shop-prepare", 1, None, artifact=image, current=True)
    stage = make_stage(make_app("shop-prepare", releases=[release]), make_app("shop"))
    stage.heroku.hold("image", COMMIT, kind=ArtifactKind.OCI_IMAGE)

    facts = fetch_facts(stage.run, WANTED)

    assert facts.commit_of(image) == COMMIT.sha
    assert not [call for call in stage.heroku.calls if "slugs" in call]


@pytest.mark.parametrize(
    "call", ["buildpacks.fetch shop", "formation.fetch shop", "config_vars.fetch shop-prepare"]
)
def test_what_apps_of_a_generation_do_not_have_is_not_known_and_ends_nothing(call: str) -> None:
    stage = make_stage(make_app("shop-prepare", "good"), make_app("shop"))
    stage.heroku.hold("good", COMMIT)
    stage.heroku.failures[call] = refuse("not for apps of this generation")

    assert compare(COMMIT, fetch_facts(stage.run, WANTED)).route is Route.PROMOTE


def test_the_generation_of_a_target_is_read_where_its_artifact_is_of_another_kind() -> None:
    image = ArtifactRef(ArtifactKind.OCI_IMAGE, "image")
    release = make_release("shop-prepare", 1, None, artifact=image, current=True)
    stage = make_stage(make_app("shop-prepare", releases=[release]), make_app("shop", "old"))
    stage.heroku.hold("image", COMMIT, kind=ArtifactKind.OCI_IMAGE)
    stage.heroku.hold("old", OTHER, stack="heroku-24")

    decision = compare(COMMIT, fetch_facts(stage.run, WANTED))

    assert (decision.route, decision.reason) == (Route.BUILD, Reason.GENERATION_DIFFERS)


def test_build_inputs_are_read_once_for_all_builds_and_only_when_asked_for() -> None:
    twin = make_build("shop-prepare", "twin", OTHER)
    stage = make_stage(make_app("shop-prepare", "twin", builds=[twin]), make_app("shop"))
    stage.heroku.hold("twin", OTHER)
    asked: list[frozenset[str]] = []

    def read_inputs(shas: frozenset[str]) -> dict[str, BuildInput]:
        asked.append(shas)
        return dict.fromkeys((OTHER.sha, COMMIT.sha), BuildInput("", "tree", "tree"))

    stage.clone.read_inputs = read_inputs  # type: ignore[method-assign]
    same = replace(COMMIT, tree="tree")
    plain = fetch_facts(stage.run, replace(WANTED, commit=same))
    facts = fetch_facts(stage.run, replace(WANTED, commit=same, same_tree=True))

    assert compare(same, plain).route is Route.BUILD
    assert (compare(same, facts).route, compare(same, facts).reason) == (
        Route.RELEASE,
        Reason.SAME_TREE,
    )
    assert asked == [frozenset({OTHER.sha, COMMIT.sha})]


def test_the_last_look_reads_the_targets_releases_and_what_is_new_there() -> None:
    prepare = make_app("shop-prepare", "good", builds=[make_build("shop-prepare", "good", COMMIT)])
    stage = make_stage(prepare, make_app("shop", "old"), make_app("shop-eu", "old"))
    for held, commit in (("good", COMMIT), ("old", OTHER), ("theirs", OTHER)):
        stage.heroku.hold(held, commit)
    facts = fetch_facts(stage.run, replace(WANTED, targets=("shop", "shop-eu")))
    stage.app("shop").land("theirs")
    stage.heroku.calls.clear()

    again = refresh_targets(stage.run, COMMIT, facts)

    assert [target.current and target.current.version for target in again.targets] == [2, 1]
    assert stage.heroku.calls == [
        "releases.fetch_newest shop",
        "releases.fetch_newest shop-eu",
        "slugs.fetch shop theirs",
    ]


def pipeline() -> tuple[FakeApp, ...]:
    return (
        make_app("shop-prepare", coupling=make_coupling("shop-prepare", stage="staging")),
        make_app("shop-us", coupling=make_coupling("shop-us", stage="production")),
        make_app("shop-eu", coupling=make_coupling("shop-eu", stage="production")),
        make_app("blog", coupling=make_coupling("blog", "another", "production")),
    )


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        pytest.param(("production",), ("shop-eu", "shop-us"), id="a stage"),
        pytest.param(("blog",), ("blog",), id="an app"),
        pytest.param(("shop-us", "production"), ("shop-us", "shop-eu"), id="an app and its stage"),
    ],
)
def test_stages_stand_for_their_apps(targets: tuple[str, ...], expected: tuple[str, ...]) -> None:
    stage = make_stage(*pipeline())

    assert resolve_targets(stage.run.heroku, StageSource("shop-prepare"), targets) == expected


def test_app_names_need_no_request() -> None:
    stage = make_stage()

    resolve_targets(stage.run.heroku, StageSource("shop-prepare"), ("shop", "blog"))

    assert stage.heroku.calls == []


def test_the_pipeline_is_read_once_for_several_stages() -> None:
    stage = make_stage(*pipeline())

    resolve_targets(stage.run.heroku, StageSource("shop-prepare"), ("production", "production"))

    assert stage.heroku.calls.count("couplings.fetch_of_pipeline pipe") == 1


@pytest.mark.parametrize("empty", ["review", "staging"])
def test_a_stage_without_another_app_is_not_found(empty: str) -> None:
    stage = make_stage(*pipeline())

    with pytest.raises(NotFound, match=f"no app at stage {empty}"):
        resolve_targets(stage.run.heroku, StageSource("shop-prepare"), (empty,))


def test_stage_names_mean_nothing_outside_a_pipeline() -> None:
    stage = make_stage(FakeApp("shop-prepare"))

    with pytest.raises(NotFound, match="in no pipeline"):
        resolve_targets(stage.run.heroku, StageSource("shop-prepare"), ("staging",))


def test_the_source_is_no_target() -> None:
    stage = make_stage()

    with pytest.raises(UsageProblem, match="both the source and a target"):
        resolve_targets(stage.run.heroku, StageSource("shop-prepare"), ("shop", "shop-prepare"))


LONG = (
    "shop-for-things-that-sell"  # its id here, `id-of-…`, is too long for a name, as real ids are
)
ID = f"id-of-{LONG}"


@pytest.mark.parametrize("text", ["shop", "a", "x-1", "a" * 30])
def test_what_can_only_be_a_name_is_not_asked_for(text: str) -> None:
    assert find_name(text, make_stage().heroku.apps.fetch) == text


@pytest.mark.parametrize("text", ["01234567-89ab-cdef-0123-456789abcdef", "Shop", "shop_1", "9x"])
def test_what_may_be_something_else_has_the_name_that_is_answered(text: str) -> None:
    stage = make_stage(FakeApp("shop"))
    app = stage.heroku.apps.fetch("shop")

    assert find_name(text, {text: app}.__getitem__) == "shop"


@pytest.mark.parametrize(
    "text", ["", " shop", "a b", "a/../b", "shop\n", "-x", "a?b", "a@b:c", "ü"]
)
def test_what_is_neither_name_nor_id_is_refused_without_a_request(text: str) -> None:
    stage = make_stage()

    with pytest.raises(UsageProblem, match="cannot be the name of an app"):
        find_name(text, stage.heroku.apps.fetch)

    assert stage.heroku.calls == []


@pytest.mark.parametrize("text", ["01234567-89ab-cdef-0123-456789abcdef", "Shop"])
def test_an_app_there_is_not_is_not_found(text: str) -> None:
    heroku = make_stage().run.heroku

    with pytest.raises(NotFound):
        resolve_targets(heroku, StageSource("shop-prepare"), ("shop", text))


def test_an_id_stands_for_the_name() -> None:
    stage = make_stage(FakeApp(LONG))

    assert resolve_targets(stage.run.heroku, StageSource("shop-prepare"), (ID, "blog")) == (
        LONG,
        "blog",
    )
    assert stage.heroku.calls == [f"apps.fetch {ID}"]


@pytest.mark.parametrize("targets", [(LONG, ID), (ID, LONG), (ID, "blog", LONG)])
def test_an_app_named_in_two_ways_is_refused(targets: tuple[str, ...]) -> None:
    heroku = make_stage(FakeApp(LONG)).run.heroku

    with pytest.raises(UsageProblem, match=f"are one app, {LONG}"):
        resolve_targets(heroku, StageSource("shop-prepare"), targets)


def test_the_source_is_no_target_by_its_id_either() -> None:
    heroku = make_stage(FakeApp(LONG)).run.heroku

    with pytest.raises(UsageProblem, match="both the source and a target"):
        resolve_targets(heroku, StageSource(LONG), (ID,))


@pytest.mark.parametrize("renamed", ["shop-prepare", "shop"])
def test_an_app_that_answers_under_another_name_is_refused(renamed: str) -> None:
    apps = {name: make_app(name, make_release(name, 3, "a")) for name in ("shop-prepare", "shop")}
    apps[renamed].releases[:] = [make_release(renamed, 3, "a", app_name="store")]
    stage = make_stage(*apps.values())
    wanted = Wanted(COMMIT, (SourceApp("shop-prepare"),), ("shop",))

    with pytest.raises(UsageProblem, match=f"{renamed} is called store") as caught:
        fetch_facts(stage.run, wanted)

    assert "write store" in (caught.value.hint or "")
    assert stage.heroku.writes() == []
