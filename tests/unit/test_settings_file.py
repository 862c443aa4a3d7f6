"""Which file is read, and what is wrong with it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from accelerator.errors import ConfigurationInvalid
from accelerator.settings import read_file

if TYPE_CHECKING:
    from pathlib import Path


def repository(root: Path) -> Path:
    (root / ".git").mkdir(parents=True)
    deep = root / "services" / "web"
    deep.mkdir(parents=True)
    return deep


def test_the_nearest_file_up_to_the_root_of_the_repository_is_read(tmp_path: Path) -> None:
    deep = repository(tmp_path / "shop")
    (tmp_path / "shop" / "accelerator.toml").write_text('on_miss = "shop"\n')
    (tmp_path / "shop" / "services" / "accelerator.toml").write_text('on_miss = "near"\n')

    found = read_file(None, deep)

    assert found == ({"on_miss": "near"}, tmp_path / "shop" / "services" / "accelerator.toml")


@pytest.mark.parametrize("inside", [True, False], ids=["in a repository", "outside any"])
def test_a_file_above_the_repository_configures_nothing(tmp_path: Path, inside: bool) -> None:
    (tmp_path / "accelerator.toml").write_text('on_miss = "stray"\n')
    deep = repository(tmp_path / "shop") if inside else tmp_path / "plain"
    deep.mkdir(exist_ok=True)

    assert read_file(None, deep) is None


BROKEN = [
    pytest.param(b'on_miss = "a"\nlock = auto\n', "at line 2", id="not TOML, with the line"),
    pytest.param(b"on_miss = '\xff'\n", "is not UTF-8 text", id="not text"),
    pytest.param(b"#" * 16_385, "longer than 16384 bytes", id="endless"),
    pytest.param(b"a = " + b"[" * 15_000, "nested too deep", id="deep in brackets"),
    pytest.param(b".".join([b"a"] * 8_000) + b" = 1", "nested too deep", id="deep in dots"),
    pytest.param(b"wait = " + b"9" * 10_000, "digits", id="a number beyond what Python reads"),
]


@pytest.mark.parametrize(("content", "expected"), BROKEN)
def test_a_malformed_file_is_named(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "accelerator.toml"
    path.write_bytes(content)

    with pytest.raises(ConfigurationInvalid, match=expected) as raised:
        read_file(None, tmp_path)

    assert str(path) in raised.value.message


def test_a_file_named_on_the_command_line_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="there is no such file"):
        read_file(tmp_path / "other.toml", tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="a directory opens differently elsewhere")
def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="cannot be read"):
        read_file(tmp_path, tmp_path)
