from __future__ import annotations

import copy
import json
import pickle
import traceback
from dataclasses import FrozenInstanceError, asdict, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

import pytest

from accelerator import models
from accelerator.models import Commit, Reason, Route, Secret, SourceBlob
from tests.unit.fakes import COMMIT, make_build, make_release

if TYPE_CHECKING:
    from collections.abc import Callable

VALUE = "HRKU-5ecret-value"


@dataclass(frozen=True)
class Holder:
    key: Secret


SHOWN: list[Any] = [
    pytest.param(repr, id="repr"),
    pytest.param(str, id="str"),
    pytest.param(format, id="format"),
    pytest.param(lambda secret: f"{secret}", id="an f-string"),
    pytest.param(lambda secret: f"{secret!s:>40} {secret!r:<40}", id="an f-string with widths"),
    pytest.param(lambda secret: "{} {!a}".format(secret, secret), id="str.format"),  # noqa: UP032
    pytest.param(lambda secret: "%s %r" % (secret, secret), id="the percent sign"),  # noqa: UP031
    pytest.param(lambda secret: repr([secret, {"key": secret}]), id="a container's repr"),
    pytest.param(lambda secret: repr(Holder(secret)), id="a dataclass's repr"),
    pytest.param(lambda secret: json.dumps(secret, default=str), id="JSON with default=str"),
    pytest.param(lambda secret: json.dumps(secret, default=repr), id="JSON with default=repr"),
    pytest.param(lambda secret: str(ValueError(secret)), id="an exception's text"),
    pytest.param(
        lambda secret: "".join(traceback.format_exception(ValueError(secret))), id="a log"
    ),
]


@pytest.mark.parametrize("show", SHOWN)
def test_a_secret_shows_stars(show: Callable[[Secret], str]) -> None:
    shown = show(Secret(VALUE))

    assert VALUE not in shown
    assert "Secret(***)" in shown


@pytest.mark.parametrize(
    "leak",
    [
        pytest.param(pickle.dumps, id="pickle"),
        pytest.param(lambda secret: pickle.dumps(secret, 0), id="the oldest pickle"),
        pytest.param(lambda secret: pickle.dumps(Holder(secret)), id="a pickle of its holder"),
        pytest.param(copy.copy, id="a copy"),
        pytest.param(copy.deepcopy, id="a deep copy"),
        pytest.param(lambda secret: asdict(Holder(secret)), id="asdict of its holder"),
        pytest.param(json.dumps, id="JSON"),
        pytest.param(lambda secret: json.dumps(secret, default=vars), id="JSON of its attributes"),
        pytest.param(lambda secret: f"{secret:s}", id="a format specification"),
        pytest.param(lambda secret: "Bearer " + secret, id="the plus sign"),
        pytest.param(lambda secret: "".join([secret]), id="join"),
        pytest.param(iter, id="iteration"),
        pytest.param(bytes, id="bytes"),
    ],
)
def test_a_secret_refuses_to_be_made_into_something_else(leak: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError) as caught:
        leak(Secret(VALUE))

    assert VALUE not in str(caught.value)


def test_a_secret_is_revealed_when_asked_by_name() -> None:
    assert Secret(VALUE).reveal() == VALUE


def test_a_secret_takes_no_further_attributes() -> None:
    secret: Any = Secret(VALUE)

    with pytest.raises(AttributeError):
        secret.note = "x"


def test_signed_addresses_are_not_shown() -> None:
    signed = "https://storage.example/?signature=abc"
    shown = [
        SourceBlob(signed, signed),
        make_release("shop", 1, "a", output_stream_url=signed),
        make_build("shop", "a", COMMIT, output_stream_url=signed),
    ]

    assert "signature" not in repr(shown)


VALUES = [
    pytest.param(kind, id=name)
    for name, kind in vars(models).items()
    if isinstance(kind, type) and is_dataclass(kind)
]


@pytest.mark.parametrize("kind", VALUES)
def test_values_are_frozen_and_take_no_other_attributes(kind: Any) -> None:
    value = kind(**{field.name: None for field in fields(kind)})

    with pytest.raises(FrozenInstanceError):
        setattr(value, fields(kind)[0].name, "changed")
    assert not hasattr(value, "__dict__")


def test_a_commit_is_shown_to_people_by_eight_digits() -> None:
    assert Commit("0123456789abcdef").short == "01234567"


def test_routes_are_ordered_best_first() -> None:
    assert list(Route) == ["live", "promote", "release", "wait", "build"]


def test_reasons_are_the_words_of_the_design() -> None:
    hits = {
        "already_live",
        "prepared",
        "prepared_earlier",
        "on_other_app",
        "same_tree",
        "joined_build",
    }
    misses = {
        "nothing_prepared",
        "other_commit",
        "prepare_build_failed",
        "prepare_release_failed",
        "expired",
        "stack_differs",
        "buildpacks_differ",
        "build_config_differs",
        "build_config_unknown",
        "generation_differs",
        "not_in_pipeline",
        "unreadable",
    }

    assert hits | misses <= set(Reason)
