"""Slugs and the archives they come from."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from accelerator.localheroku.building import archives, slugs
from accelerator.localheroku.building.ignoring import apply_slugignore


def _tar(path: Path, *members: tuple[str, bytes | str | None]) -> Path:
    """Write a tar: bytes make a file, text a symbolic link, `None` a directory."""
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.mode = 0o755
            if isinstance(content, bytes):
                info.size = len(content)
            elif content is None:
                info.type = tarfile.DIRTYPE
            else:
                info.type, info.linkname = tarfile.SYMTYPE, content
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return path


def test_a_slug_holds_the_app_under_its_own_directory(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "bin").mkdir(parents=True)
    (tree / "bin" / "serve").write_text("#!/bin/sh\n")
    (tree / "bin" / "serve").chmod(0o755)
    (tree / "current").symlink_to("bin/serve")

    packed = slugs.pack(tree, tmp_path / "slugs" / "one.tgz")

    root = slugs.unpack(tmp_path / "slugs" / "one.tgz", tmp_path / "dyno")
    content = (tmp_path / "slugs" / "one.tgz").read_bytes()
    assert root == tmp_path / "dyno" / "app"
    assert (root / "bin" / "serve").stat().st_mode & 0o111
    assert (root / "current").readlink() == Path("bin/serve")
    assert packed.checksum == "SHA256:" + hashlib.sha256(content).hexdigest()
    assert packed.size == len(content)
    assert [path.name for path in (tmp_path / "slugs").iterdir()] == ["one.tgz"]


@pytest.mark.parametrize(
    "members",
    [
        pytest.param([("../evil", b"x")], id="a parent directory"),
        pytest.param([("app/../../evil", b"x")], id="a parent directory inside the name"),
        pytest.param([("/evil", b"x")], id="an absolute name"),
        pytest.param([("out", ".."), ("out/evil", b"x")], id="a file through a link"),
        pytest.param([("out", "/etc/passwd")], id="an absolute link"),
        pytest.param([("a", None), ("a/out", "../../evil")], id="a link that climbs out"),
    ],
)
def test_an_archive_cannot_reach_outside_its_directory(
    tmp_path: Path, members: list[tuple[str, bytes | str | None]]
) -> None:
    archive = _tar(tmp_path / "source.tar", *members)

    with pytest.raises(archives.UnsafeArchive):
        archives.unpack(archive, tmp_path / "deep" / "tree")

    evil = list(tmp_path.rglob("evil"))
    assert [path for path in evil if not path.is_relative_to(tmp_path / "deep" / "tree")] == []


def test_a_slug_may_link_outside_but_nothing_is_written_through_the_link(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    archive = _tar(tmp_path / "slug.tar", ("app/out", str(target)), ("app/out/evil", b"x"))

    with pytest.raises(archives.UnsafeArchive):
        archives.unpack(archive, tmp_path / "dyno", foreign_links=True)

    assert list(target.iterdir()) == []


def test_a_zip_keeps_executables_and_links(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "source.zip", "w") as zipped:
        script, link = zipfile.ZipInfo("shop/run"), zipfile.ZipInfo("shop/again")
        script.external_attr, link.external_attr = 0o100755 << 16, 0o120777 << 16
        zipped.writestr(script, "#!/bin/sh\n")
        zipped.writestr(link, "run")

    archives.unpack(tmp_path / "source.zip", tmp_path / "tree")

    assert (tmp_path / "tree" / "shop" / "run").stat().st_mode & 0o111
    assert (tmp_path / "tree" / "shop" / "again").readlink() == Path("run")


@pytest.mark.parametrize(
    ("names", "root"),
    [
        pytest.param(["shop-1a2b/Procfile"], "shop-1a2b", id="one directory of a code host"),
        pytest.param(["Procfile", "src/app.py"], ".", id="files at the top"),
        pytest.param(["bin/compile"], ".", id="an app that is only its bin/compile"),
        pytest.param(["a/x", "b/y"], ".", id="two directories"),
    ],
)
def test_the_root_is_the_only_directory_unless_the_top_is_the_app(
    tmp_path: Path, names: list[str], root: str
) -> None:
    archives.unpack(_tar(tmp_path / "s.tar", *((name, b"x") for name in names)), tmp_path / "tree")

    assert archives.root_of(tmp_path / "tree") == (tmp_path / "tree" / root)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>not found</html>")

    with pytest.raises(archives.UnsafeArchive, match="not a tar"):
        archives.unpack(tmp_path / "page.html", tmp_path / "tree")


@pytest.mark.parametrize(
    ("text", "types"),
    [
        pytest.param("web: ./serve --port $PORT\n", {"web": "./serve --port $PORT"}, id="one"),
        pytest.param("web: a\r\nrelease:b: c\n", {"web": "a", "release": "b: c"}, id="colons"),
        pytest.param(
            "# a remark\n\nno type here\nmy-job_2: run  \n", {"my-job_2": "run"}, id="noise"
        ),
        pytest.param("", {}, id="empty"),
    ],
)
def test_a_procfile_declares_process_types(
    tmp_path: Path, text: str, types: dict[str, str]
) -> None:
    (tmp_path / "Procfile").write_text(text, newline="")

    assert slugs.read_procfile(tmp_path) == types


@pytest.mark.parametrize(
    ("pattern", "removed"),
    [
        pytest.param("*.psd", {"a.psd", "art/b.psd"}, id="a name anywhere"),
        pytest.param("/art", {"art/b.psd", "art/deep/c.txt"}, id="a directory at the top"),
        pytest.param("deep/", {"art/deep/c.txt"}, id="a directory anywhere"),
        pytest.param("art/*.psd", {"art/b.psd"}, id="a path"),
        pytest.param("art/**/c.txt", {"art/deep/c.txt"}, id="any depth"),
        pytest.param("art/*.txt", set(), id="a star stops at a slash"),
        pytest.param("# *.psd\n\n!a.psd", set(), id="remarks and negations do nothing"),
    ],
)
def test_a_slugignore_removes_what_it_names(
    tmp_path: Path, pattern: str, removed: set[str]
) -> None:
    names = {"a.psd", "art/b.psd", "art/deep/c.txt", "keep"}
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / ".slugignore").write_text(pattern + "\n")

    apply_slugignore(tmp_path)

    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == names - removed | {".slugignore"}
