"""Archives that were made to do harm: what they write, show, and cost."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import random
import tarfile
import zipfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelerator.localheroku.building.archives import Limits, UnsafeArchive, unpack
from accelerator.localheroku.building.ignoring import Pattern, apply_slugignore
from accelerator.localheroku.building.slugs import read_procfile
from accelerator.localheroku.building.slugs import unpack as unpack_slug
from accelerator.localheroku.building.trees import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MEBIBYTE = 1 << 20


class Stopped(Exception):
    """Somebody wants no more."""


FEW = Limits(members=50, size=4 * MEBIBYTE, depth=20)


def member(name: str, **changes: Any) -> tarfile.TarInfo:
    """Return the head of a member, an empty file unless told otherwise."""
    info = tarfile.TarInfo(name)
    for key, value in changes.items():
        setattr(info, key, value)
    return info


def link(name: str, target: str) -> tarfile.TarInfo:
    return member(name, type=tarfile.SYMTYPE, linkname=target)


def hard(name: str, target: str) -> tarfile.TarInfo:
    return member(name, type=tarfile.LNKTYPE, linkname=target)


def tar(path: Path, *members: tarfile.TarInfo, mode: str = "w") -> Path:
    """Write an archive; files are as long as their heads say, and full of zeros."""
    with tarfile.open(path, mode, format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for info in members:
            archive.addfile(info, io.BytesIO(bytes(info.size if info.isreg() else 0)))
    return path


class TestLinks:
    @pytest.mark.parametrize(
        "members",
        [
            pytest.param(
                [link("deep/up", ".."), link("Procfile", "deep/up/../../{out}")],
                id="through another to somewhere higher than the text says",
            ),
            pytest.param(
                [link("Procfile", "deep/up/../../{out}"), link("deep/up", "..")],
                id="through one that comes later",
            ),
            pytest.param(
                [
                    link("a/b/one", "../.."),
                    link("a/two", "b/one/a/b/one/.."),
                    link("x", "a/two/{out}"),
                ],
                id="through two others",
            ),
            pytest.param([link("a/b", "../../{out}")], id="upwards"),
            pytest.param([link("x", "/{out}")], id="absolute"),
            pytest.param(
                [link("a", "b/.."), link("b", ".."), link("b/x", "y")], id="two of a name"
            ),
        ],
    )
    def test_no_link_leads_out_of_the_archive_by_whatever_way(
        self, tmp_path: Path, members: list[tarfile.TarInfo]
    ) -> None:
        (tmp_path / "secret").write_text("web: secret\n")
        for info in members:
            info.linkname = info.linkname.replace("{out}", "secret")
        archive = tar(tmp_path / "a.tar", member("deep/file"), *members)

        with pytest.raises(UnsafeArchive):
            unpack(archive, tmp_path / "tree")

    def test_links_that_stay_inside_are_kept(self, tmp_path: Path) -> None:
        archive = tar(
            tmp_path / "a.tar",
            member("lib/one/tool", size=3),
            link("bin", "lib/one"),
            link("lib/current", "one"),
            link("Procfile", "bin/../current/tool"),
            link("nowhere", "not/there"),
        )

        unpack(archive, tmp_path / "tree")

        assert (tmp_path / "tree" / "Procfile").read_bytes() == bytes(3)
        assert os.readlink(tmp_path / "tree" / "nowhere") == "not/there"  # noqa: PTH115 - its text

    @pytest.mark.parametrize(
        "members",
        [
            pytest.param([hard("x", "../secret")], id="upwards"),
            pytest.param([hard("x", "/etc/passwd")], id="absolute"),
            pytest.param([link("l", "x"), hard("x", "l")], id="to a link"),
            pytest.param([hard("x", "later"), member("later")], id="to what comes later"),
            pytest.param([member("d", type=tarfile.DIRTYPE), hard("x", "d")], id="to a directory"),
        ],
    )
    def test_hard_links_are_to_files_that_are_there(
        self, tmp_path: Path, members: list[tarfile.TarInfo]
    ) -> None:
        (tmp_path / "secret").write_text("secret")

        with pytest.raises(UnsafeArchive):
            unpack(tar(tmp_path / "a.tar", *members), tmp_path / "tree")

    def test_a_slug_whose_app_is_a_link_is_not_run(self, tmp_path: Path) -> None:
        slug = tar(tmp_path / "a.tgz", link("./app", "/etc"), mode="w:gz")

        with pytest.raises(UnsafeArchive, match="app is a link"):
            unpack_slug(slug, tmp_path / "dyno")

    @pytest.mark.parametrize(
        "kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE], ids=["chr", "blk", "fifo"]
    )
    def test_devices_and_pipes_are_left_out(self, tmp_path: Path, kind: bytes) -> None:
        unpack(tar(tmp_path / "a.tar", member("x", type=kind), member("y")), tmp_path / "tree")

        assert [path.name for path in (tmp_path / "tree").iterdir()] == ["y"]


class TestSizes:
    @pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2"])
    def test_an_archive_that_unpacks_to_too_much_is_refused(
        self, tmp_path: Path, mode: str
    ) -> None:
        archive = tar(tmp_path / "a", *(member(f"{n}", size=MEBIBYTE) for n in range(6)), mode=mode)

        with pytest.raises(UnsafeArchive, match="more than 4 MiB"):
            unpack(archive, tmp_path / "tree", limits=FEW)

    def test_copies_of_one_file_count_too(self, tmp_path: Path) -> None:
        copies = [hard(f"{number}", "big") for number in range(10)]
        archive = tar(tmp_path / "a", member("big", size=MEBIBYTE), *copies)

        with pytest.raises(UnsafeArchive, match="more than 4 MiB"):
            unpack(archive, tmp_path / "tree", limits=FEW)

    def test_what_is_left_out_counts_too(self, tmp_path: Path) -> None:
        strange = member("x", type=b"Z", size=6 * MEBIBYTE).tobuf()
        (tmp_path / "a").write_bytes(gzip.compress(strange + bytes(6 * MEBIBYTE + 1024)))

        with pytest.raises(UnsafeArchive, match="more than 4 MiB"):
            unpack(tmp_path / "a", tmp_path / "tree", limits=FEW)

    def test_a_sparse_file_is_as_large_as_it_says(self, tmp_path: Path) -> None:
        headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "sparse"}
        headers["GNU.sparse.realsize"] = str(1 << 40)
        info = member("x", size=512, pax_headers=headers)
        with tarfile.open(tmp_path / "a", "w", format=tarfile.PAX_FORMAT) as archive:
            archive.addfile(info, io.BytesIO(b"1\n0\n0\n".ljust(512, b"\0")))

        with pytest.raises(UnsafeArchive, match="more than 4 MiB"):
            unpack(tmp_path / "a", tmp_path / "tree", limits=FEW)

    def test_a_map_of_a_sparse_file_is_not_read_for_ever(self, tmp_path: Path) -> None:
        headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
        info = member("x", size=3 * MEBIBYTE, pax_headers=headers)
        with tarfile.open(tmp_path / "a", "w", format=tarfile.PAX_FORMAT) as archive:
            archive.addfile(info, io.BytesIO(b"999999999\n" + b"0\n" * MEBIBYTE + bytes(MEBIBYTE)))

        with pytest.raises(UnsafeArchive, match="header is too long"):
            unpack(tmp_path / "a", tmp_path / "tree", limits=FEW)

    @pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
    def test_a_header_has_its_limit(self, tmp_path: Path, kind: bytes) -> None:
        head = member("x", type=kind, size=3 * MEBIBYTE).tobuf(tarfile.GNU_FORMAT)
        (tmp_path / "a").write_bytes(head + b"1" * 3 * MEBIBYTE + bytes(1024))

        with pytest.raises(UnsafeArchive, match="header is too long"):
            unpack(tmp_path / "a", tmp_path / "tree", limits=FEW)

    def test_many_headers_before_one_member_have_it_together(self, tmp_path: Path) -> None:
        one = member("x", type=tarfile.XGLTYPE, size=512).tobuf() + b"11 a=bcdef\n".ljust(
            512, b"\0"
        )
        (tmp_path / "a").write_bytes(one * 2000 + bytes(1024))

        with pytest.raises(UnsafeArchive, match="header is too long"):
            unpack(tmp_path / "a", tmp_path / "tree", limits=FEW)

    def test_a_header_that_leads_back_is_not_followed(self, tmp_path: Path) -> None:
        # As in CVE-2025-8194: a size below zero.
        head = bytearray(member("x", type=b"Z", size=0).tobuf(tarfile.GNU_FORMAT))
        head[124:136] = (-1024).to_bytes(12, "big", signed=True)
        head[148:156] = b" " * 8
        head[148:156] = b"%06o\0 " % sum(head)
        (tmp_path / "a").write_bytes(member("y").tobuf() * 4 + bytes(head) + bytes(1024))

        with pytest.raises(UnsafeArchive, match="backwards"):
            unpack(tmp_path / "a", tmp_path / "tree", limits=FEW)

    def test_so_many_members_and_no_more(self, tmp_path: Path) -> None:
        most = [member(f"{number}") for number in range(FEW.members)]
        unpack(tar(tmp_path / "a", *most), tmp_path / "most", limits=FEW)

        with pytest.raises(UnsafeArchive, match="more than 50 entries"):
            unpack(tar(tmp_path / "b", *most, member("x")), tmp_path / "more", limits=FEW)

    @pytest.mark.parametrize("name", ["a/" * 30 + "b", "a" * 5000, "a/" * 3000 + "b"])
    def test_a_name_has_its_limit(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(UnsafeArchive):
            unpack(tar(tmp_path / "a", member(name)), tmp_path / "tree", limits=FEW)

    @pytest.mark.parametrize("mtime", ["nan", "inf", "1e300", "-5"])
    def test_a_moment_that_cannot_be_is_left_out(self, tmp_path: Path, mtime: str) -> None:
        info = member("x", pax_headers={"mtime": mtime})

        unpack(tar(tmp_path / "a", info), tmp_path / "tree")

        assert (tmp_path / "tree" / "x").exists()

    def test_unpacking_can_be_stopped(self, tmp_path: Path) -> None:
        def stop() -> None:
            raise Stopped

        with pytest.raises(Stopped):
            unpack(tar(tmp_path / "a", member("x")), tmp_path / "tree", check=stop)

        assert not (tmp_path / "tree" / "x").exists()


class TestZips:
    @pytest.mark.parametrize(
        ("write", "reason"),
        [
            pytest.param(
                lambda one: one.writestr("x", bytes(6 * MEBIBYTE)), "more than 4 MiB", id="zeros"
            ),
            pytest.param(
                lambda one: one.writestr("x", b"x", zipfile.ZIP_LZMA), "rare kind", id="LZMA"
            ),
            pytest.param(lambda one: one.writestr("../x", b"x"), "leaves", id="upwards"),
            pytest.param(
                lambda one: one.writestr(zip_link("x"), b"a" * 5000), "too long", id="a long link"
            ),
            pytest.param(
                lambda one: one.writestr(zip_link("x"), b"/etc/passwd"), "leaves", id="a link out"
            ),
        ],
    )
    def test_a_zip_has_the_same_limits(
        self, tmp_path: Path, write: Callable[[zipfile.ZipFile], None], reason: str
    ) -> None:
        with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as zipped:
            write(zipped)

        with pytest.raises(UnsafeArchive, match=reason):
            unpack(tmp_path / "a.zip", tmp_path / "tree", limits=FEW)

    def test_a_directory_of_very_many_names_is_not_read(self, tmp_path: Path) -> None:
        size = 20 * MEBIBYTE
        end = b"PK\5\6" + bytes(4) + b"\1\0\1\0" + size.to_bytes(4, "little") + bytes(6)
        (tmp_path / "a.zip").write_bytes(b"PK\3\4" + bytes(size - 4) + end)

        with pytest.raises(UnsafeArchive, match="directory is too long"):
            unpack(tmp_path / "a.zip", tmp_path / "tree")


def zip_link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Some archives that are in order."""
    folder = tmp_path_factory.mktemp("samples")
    members = [member("d", type=tarfile.DIRTYPE), member("d/x", size=700), link("l", "d/x")]
    members += [hard("h", "d/x"), member("n" * 120, pax_headers={"comment": "a" * 200})]
    made = [tar(folder / mode[-2:], *members, mode=mode) for mode in ("w", "w:gz", "w:bz2")]
    with zipfile.ZipFile(folder / "zip", "w") as zipped:
        zipped.writestr("d/x", "x" * 300)
        zipped.writestr(zip_link("l"), "d/x")
    return [path.read_bytes() for path in (*made, folder / "zip")]


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 1 << 32), is_packed=st.booleans())
def test_a_spoilt_archive_is_unpacked_or_refused_and_nothing_else(
    seed: int,
    is_packed: bool,
    samples: list[bytes],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    draw = random.Random(seed)  # noqa: S311 - not for secrets
    content = bytearray(draw.choice(samples))
    for _ in range(draw.randrange(1, 8)):
        content[draw.randrange(len(content))] = draw.randrange(256)
    del content[draw.randrange(len(content) // 2, len(content) * 2) :]
    folder = tmp_path_factory.mktemp("spoilt")
    packed = draw.choice((gzip.compress, bz2.compress))(bytes(content)) if is_packed else content
    (folder / "a").write_bytes(packed)

    with suppress(UnsafeArchive):
        unpack(folder / "a", folder / "tree", limits=FEW)

    for path in (folder / "tree").rglob("*"):
        assert os.path.realpath(path).startswith(os.path.realpath(folder / "tree"))
    assert sorted(path.name for path in folder.iterdir()) == ["a", "tree"]


class TestTrees:
    def test_a_procfile_may_link_to_another_file_of_the_app(self, tmp_path: Path) -> None:
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "processes").write_text("web: run\n")
        (tmp_path / "Procfile").symlink_to("config/processes")

        assert read_procfile(tmp_path) == {"web": "run"}

    @pytest.mark.parametrize(
        ("make", "reason"),
        [
            pytest.param(lambda path: path.symlink_to("/etc/passwd"), "leaves the app", id="out"),
            pytest.param(lambda path: path.symlink_to("not-there"), "cannot be read", id="nowhere"),
            pytest.param(lambda path: path.symlink_to("Procfile"), "cannot be read", id="itself"),
            pytest.param(os.mkfifo, "not a file", id="a pipe"),
            pytest.param(lambda path: path.mkdir(), "not a file", id="a directory"),
            pytest.param(lambda path: path.write_bytes(bytes(2 * MEBIBYTE)), "larger", id="large"),
        ],
    )
    def test_what_is_not_really_a_file_of_the_app_is_not_read(
        self, tmp_path: Path, make: Callable[[Path], None], reason: str
    ) -> None:
        tree = tmp_path / "tree"
        tree.mkdir()
        make(tree / "Procfile")

        with pytest.raises(Unreadable, match=f"Procfile.*{reason}"):
            read_procfile(tree)

    def test_a_link_through_a_folder_that_leaves_the_app_is_not_followed(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "tree").mkdir()
        (tmp_path / "Secret").write_text("web: secret\n")
        (tmp_path / "tree" / "out").symlink_to("..")
        (tmp_path / "tree" / "Procfile").symlink_to("out/Secret")

        with pytest.raises(Unreadable, match="leaves the app"):
            read_procfile(tmp_path / "tree")

    def test_a_line_of_blanks_costs_no_more_than_another(self, tmp_path: Path) -> None:
        (tmp_path / "Procfile").write_text("web:" + " " * 500_000 + "\nx:" + " y" * 200_000 + "\n")

        assert set(read_procfile(tmp_path)) == {"x"}


class TestIgnoring:
    @pytest.mark.parametrize(
        ("line", "path", "fits"),
        [
            ("*.psd", "art/deep/a.psd", True),
            ("a?c", "abc", True),
            ("[ab]c", "x/bc", True),
            ("/art", "art", True),
            ("/art", "x/art", False),
            ("art/*", "art/b", True),
            ("art/*", "art/b/c", False),
            ("**/b", "b", True),
            ("**/b", "x/y/b", True),
            ("**/b/c", "x/b/b/c", True),
            ("a/**", "a", False),
            ("a/**", "a/x/y", True),
            ("a/**/b", "a/b", True),
            ("a/**/b", "a/x/y/b", True),
            ("a/**/b", "a/x/y/c", False),
            ("a/**/b/**/c", "a/1/b/2/b/c", True),
            ("/", "a", False),
            ("a//b", "a/b", True),
        ],
    )
    def test_a_pattern_names_what_gitignore_says(self, line: str, path: str, fits: bool) -> None:
        assert Pattern(line).fits(path.split("/"), is_directory=False) is fits

    @pytest.mark.parametrize(
        ("line", "path"),
        [
            pytest.param("x/" + "*a" * 60 + "b", "x/" + "a" * 4000, id="stars in a name"),
            pytest.param("*a" * 60 + "b", "a" * 4000, id="stars in any name"),
            pytest.param("**/a/" * 60 + "b", "a/" * 2000 + "a", id="stars for folders"),
            pytest.param("**/" * 2000 + "b", "a/" * 2000 + "a", id="many stars for folders"),
        ],
    )
    def test_no_pattern_takes_much_longer_than_another(self, line: str, path: str) -> None:
        assert not Pattern(line).fits(path.split("/"), is_directory=False)

    def test_it_can_be_stopped_between_two_files(self, tmp_path: Path) -> None:
        (tmp_path / ".slugignore").write_text("x\n")
        (tmp_path / "x").touch()

        def stop() -> None:
            raise Stopped

        with pytest.raises(Stopped):
            apply_slugignore(tmp_path, stop)

        assert (tmp_path / "x").exists()

    def test_what_lies_behind_a_link_is_left_alone(self, tmp_path: Path) -> None:
        tree = tmp_path / "tree"
        tree.mkdir()
        (tmp_path / "precious").touch()
        (tree / "out").symlink_to(tmp_path)
        (tree / ".slugignore").write_text("precious\nout/*\n")

        apply_slugignore(tree)

        assert (tmp_path / "precious").exists()
        assert (tree / "out").is_symlink()


def test_folders_that_names_imply_count_as_entries(tmp_path: Path) -> None:
    names = ("/".join([str(number), *["a"] * 17, "file"]) for number in range(5))
    archive = tar(tmp_path / "deep.tar", *map(member, names))

    with pytest.raises(UnsafeArchive, match="more than 50 entries"):
        unpack(archive, tmp_path / "to", limits=FEW)
