"""What a build of a commit is made of: its tree or a folder of it, less what surely is removed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelerator.localheroku.building.ignoring import apply_slugignore
from accelerator.models import BuildInput
from accelerator.repository import Lineage, Repository
from accelerator.repository.slugignore import parse_slugignore
from tests.unit.githost import git_environment, run

if TYPE_CHECKING:
    from pathlib import Path

API = "services/api"


@dataclass
class Shop:
    """A repository of which each commit has exactly the files it is given."""

    path: Path
    environment: dict[str, str]
    shas: list[str] = field(default_factory=list)

    def git(self, *arguments: str) -> str:
        return run(["git", *arguments], self.path, self.environment)

    def commit(self, files: dict[str, str]) -> str:
        self.git("rm", "-rfq", "--ignore-unmatch", ".")
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "--allow-empty", "-m", f"{len(self.shas)}")
        self.shas.append(self.git("rev-parse", "HEAD"))
        return self.shas[-1]

    def inputs(self, folder: str | None = None) -> dict[str, BuildInput]:
        with Repository.open(self.path, self.environment) as clone:
            return clone.read_inputs(self.shas, folder)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path / "shop", git_environment(tmp_path / "home"))
    made.path.mkdir()
    made.git("init", "-q", "-b", "main")
    return made


FILES = {
    f"{API}/web.py": "serve",
    f"{API}/.slugignore": "*.md\n/docs/\n",
    f"{API}/docs/a.md": "a",
    f"{API}/docs/b.txt": "b",
    f"{API}/notes.md": "n",
    "services/shop/web.py": "sell",
    "README.md": "all of it",
}


@pytest.mark.git
@pytest.mark.parametrize(
    ("change", "in_all", "in_folder", "in_build"),
    [
        pytest.param({}, True, True, True, id="nothing"),
        pytest.param({"services/shop/web.py": "x"}, False, True, True, id="another folder"),
        pytest.param({"README.md": None}, False, True, True, id="a file above the folder"),
        pytest.param({f"{API}/notes.md": "x"}, False, False, True, id="an ignored file"),
        pytest.param({f"{API}/notes.md": None}, False, False, True, id="one less of them"),
        pytest.param({f"{API}/more.md": "x"}, False, False, True, id="one more of them"),
        pytest.param({f"{API}/docs/b.txt": "x"}, False, False, True, id="in an ignored folder"),
        pytest.param({f"{API}/new/a.md": "x"}, False, False, False, id="it leaves a new folder"),
        pytest.param({f"{API}/web.py": "x"}, False, False, False, id="code"),
        pytest.param({f"{API}/.slugignore": "*.md"}, False, False, False, id="what is ignored"),
        pytest.param({f"{API}/.hidden.md": "x"}, False, False, False, id="hidden: in doubt"),
    ],
)
def test_what_a_commit_changes_is_told_from_what_its_build_is_made_of(
    shop: Shop, change: dict[str, str | None], in_all: bool, in_folder: bool, in_build: bool
) -> None:
    first = shop.commit(FILES)
    changed = {name: text for name, text in {**FILES, **change}.items() if text is not None}
    second = shop.commit(changed)

    whole, folder = shop.inputs(), shop.inputs(API)

    assert (whole[first].tree == whole[second].tree) is in_all
    assert (folder[first].tree == folder[second].tree) is in_folder
    assert (folder[first].kept == folder[second].kept) is in_build


@pytest.mark.git
def test_trees_have_the_names_git_gives_them_also_without_what_is_ignored(shop: Shop) -> None:
    plain = shop.commit({"web.py": "serve", "docs/b.txt": "b"})
    rules = shop.commit({"web.py": "serve", ".slugignore": "*.md\ndocs/\n", "docs/b.txt": "b"})
    without = shop.commit({"web.py": "serve", ".slugignore": "*.md\ndocs/\n"})

    found = shop.inputs()

    tree = shop.git("rev-parse", f"{plain}^{{tree}}")
    assert found[plain] == BuildInput("", tree, tree)
    assert found[rules].kept == found[without].tree
    assert found[rules].describe(drops_ignored=True) == "tree without .slugignore"
    assert found[rules].describe(drops_ignored=False) == "tree"


@pytest.mark.git
def test_what_is_no_commit_here_has_no_build_input(shop: Shop) -> None:
    sha = shop.commit(FILES)
    tree = shop.git("rev-parse", f"{sha}^{{tree}}")

    with Repository.open(shop.path, shop.environment) as clone:
        told = clone.read_inputs([sha, tree, "0" * 40, "main", "--all", "a\nb"], f"/{API}/")

        assert list(told) == [sha]
        assert clone.read_inputs([sha], "services/none") == {}
        assert clone.read_inputs([sha], f"{API}/web.py") == {}
        assert clone.read_inputs([]) == {}


@pytest.mark.git
@pytest.mark.parametrize(
    "where", [".gitattributes", "services/.gitattributes", f"{API}/deep/.gitattributes"]
)
def test_a_commit_that_may_be_written_into_its_files_is_equal_to_no_other(
    shop: Shop, where: str
) -> None:
    sha = shop.commit(
        {**FILES, f"{API}/deep/version.py": "$Format:%H$", where: "*.py export-subst"}
    )
    plain = shop.commit({**FILES, where: "*.py export-ignore"})

    assert list(shop.inputs(API)) == [plain]
    assert sha not in shop.inputs()


@pytest.mark.git
def test_a_link_in_the_place_of_slugignore_removes_nothing(shop: Shop) -> None:
    files = {"web.py": "serve", "rules": "*.md\n", "a.md": "a"}
    (shop.path / ".slugignore").symlink_to("rules")
    shop.git("add", "-A")
    sha = shop.commit(files)
    (shop.path / ".slugignore").symlink_to("rules")
    shop.git("add", "-A")
    shop.git("commit", "-q", "-m", "linked")
    linked = shop.git("rev-parse", "HEAD")
    shop.shas.append(linked)

    found = shop.inputs()

    assert found[linked].kept == found[linked].tree
    assert not found[linked].has_rules
    assert found[sha].kept == found[sha].tree


@pytest.mark.git
@pytest.mark.parametrize("kind", ["blob:none", "tree:0"])
def test_what_a_partial_clone_lacks_is_unknown_and_not_fetched(
    shop: Shop, tmp_path: Path, kind: str
) -> None:
    shop.git("config", "uploadpack.allowFilter", "true")
    shas = [shop.commit({**FILES, f"{API}/.slugignore": f"{n}.md\n"}) for n in range(12)]
    options = ("--no-checkout", f"--filter={kind}", shop.path.as_uri())
    shop.git("clone", "-q", *options, str(tmp_path / "clone"))
    here = ["git", "rev-list", "--objects", "--all", "--missing=print"]
    before = run(here, tmp_path / "clone", shop.environment)

    with Repository.open(tmp_path / "clone", shop.environment) as clone:
        found = clone.read_inputs(shas, API)

    assert found == {}
    assert run(here, tmp_path / "clone", shop.environment) == before


@pytest.mark.git
def test_in_a_partial_clone_what_was_checked_out_is_known(shop: Shop, tmp_path: Path) -> None:
    shop.git("config", "uploadpack.allowFilter", "true")
    first = shop.commit({**FILES, f"{API}/.slugignore": "old.md\n"})
    second, third = shop.commit(FILES), shop.commit({**FILES, "README.md": "more"})
    shop.git("clone", "-q", "--filter=blob:none", shop.path.as_uri(), str(tmp_path / "clone"))

    with Repository.open(tmp_path / "clone", shop.environment) as clone:
        found = clone.read_inputs([first, second, third], API)

    assert list(found) == [second, third] or set(found) == {second, third}
    assert found[second] == found[third]


@pytest.mark.git
def test_the_same_source_is_found_in_the_history(shop: Shop) -> None:
    first = shop.commit(FILES)
    second = shop.commit({**FILES, f"{API}/web.py": "new"})
    third = shop.commit({**FILES, f"{API}/web.py": "new", "README.md": "more"})
    fourth = shop.commit({**FILES, f"{API}/web.py": "newer"})
    clone = Lineage(shop.path, shop.environment, API)

    assert clone.find_same_source(fourth, second) == third
    assert clone.find_same_source(third, fourth) is None
    assert clone.find_same_source(fourth, "0" * 40) is None
    assert clone.find_same_source("main", first) is None
    assert clone.read_inputs(frozenset({first})) == clone.read_inputs(frozenset({first}))
    clone.repository().close()


# `.slugignore`


def ignores(text: str, path: str, *, is_folder: bool = False) -> bool:
    return parse_slugignore(text.encode()).names(path.split("/"), is_folder=is_folder)


@pytest.mark.parametrize(
    ("line", "path", "is_folder", "expected"),
    [
        pytest.param("*.psd", "a.psd", False, True, id="a star"),
        pytest.param("*.psd", "art/deep/a.psd", False, True, id="anywhere"),
        pytest.param("*.psd", "a.psd.txt", False, False, id="to the end"),
        pytest.param("*.psd  ", "a.psd", False, True, id="blanks at the end"),
        pytest.param("*.psd\r", "a.psd", False, True, id="lines as Windows ends them"),
        pytest.param("a*c*e", "abcde", False, True, id="several stars"),
        pytest.param("a*bc*bc", "abc", False, False, id="stars that would overlap"),
        pytest.param("*.psd", ".a.psd", False, False, id="a hidden name: in doubt"),
        pytest.param("*.psd", ".art/a.psd", False, False, id="in a hidden folder: in doubt"),
        pytest.param(".env", ".env", False, True, id="a hidden name that is named"),
        pytest.param("/test", "test", True, True, id="from the root"),
        pytest.param("/test", "lib/test", True, False, id="from the root only"),
        pytest.param("test/", "test", True, True, id="a folder"),
        pytest.param("test/", "test", False, False, id="a file of its name"),
        pytest.param("test/", "lib/test", True, False, id="a folder elsewhere: in doubt"),
        pytest.param("docs/*.md", "docs/a.md", False, True, id="in a folder"),
        pytest.param("docs/*.md", "lib/docs/a.md", False, False, id="in that folder"),
        pytest.param("docs/*.md", "docs/new/a.md", False, False, id="right in it"),
        pytest.param("docs/**/a.md", "docs/a.md", False, True, id="none between"),
        pytest.param("docs/**/a.md", "docs/x/y/a.md", False, True, id="some between"),
        pytest.param("docs/**/a.md", "docs/.x/a.md", False, False, id="a hidden one between"),
        pytest.param("**/a.md", "docs/new/a.md", False, True, id="anywhere, in other words"),
        pytest.param("docs/**", "docs/new", True, True, id="all in a folder"),
        pytest.param("docs/**", "docs", True, False, id="but not the folder"),
        pytest.param("docs/**", "docs/.new", True, False, id="nor what is hidden: in doubt"),
        pytest.param("# *.psd", "a.psd", False, False, id="a comment"),
        pytest.param("*.psd # art", "a.psd", False, False, id="a comment behind: in doubt"),
        pytest.param("a b", "a b", False, False, id="a blank: in doubt"),
        pytest.param(" a", "a", False, False, id="a blank before: in doubt"),
        pytest.param("a?c", "abc", False, False, id="a question mark: in doubt"),
        pytest.param("[ab].md", "a.md", False, False, id="a set: in doubt"),
        pytest.param("{a,b}.md", "a.md", False, False, id="braces: in doubt"),
        pytest.param("a\\*", "a*", False, False, id="a backslash: in doubt"),
        pytest.param("ä.md", "ä.md", False, False, id="no ASCII: in doubt"),
        pytest.param("../a", "a", False, False, id="up: in doubt"),
        pytest.param("./a", "a", False, False, id="here: in doubt"),
        pytest.param("a//b", "a/b", False, False, id="two slashes: in doubt"),
        pytest.param("**", "a", False, False, id="two stars alone: in doubt"),
        pytest.param("a**b", "ab", False, False, id="two stars in a name: in doubt"),
        pytest.param("*.psd\n!a.psd", "b.psd", False, False, id="negation: nothing is sure"),
        pytest.param("*", "web.py", False, True, id="everything"),
        pytest.param("*", "Procfile", False, False, id="but what the platform reads"),
        pytest.param(".slugignore", ".slugignore", False, False, id="or itself"),
        pytest.param("Procfile", "lib/Procfile", False, True, id="which lies at the root"),
        pytest.param("*", ".gitattributes", False, False, id="or what shapes archives"),
        pytest.param("", "web.py", False, False, id="nothing"),
        pytest.param("/", "web.py", False, False, id="a slash"),
    ],
)
def test_only_what_is_surely_removed_is_ignored(
    line: str, path: str, is_folder: bool, expected: bool
) -> None:
    assert ignores(line, path, is_folder=is_folder) is expected


def test_too_long_a_file_removes_nothing() -> None:
    assert not ignores("*.md\n" + "#" * 70_000, "a.md")
    assert not ignores("*.md\n" * 1001, "a.md")


WORDS = st.sampled_from(["a", "b", ".c", "a.md", "b.md", "docs"])
PIECES = st.sampled_from(["a", "b", ".c", "*", "*.md", "a*", "docs", "**", "*b*"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(WORDS, min_size=1, max_size=3), min_size=1, max_size=6),
    st.lists(
        st.tuples(
            st.sampled_from(["", "/"]),
            st.lists(PIECES, min_size=1, max_size=3),
            st.sampled_from(["", "/"]),
        ),
        max_size=3,
    ),
)
def test_what_we_ignore_the_local_platform_removes(
    tmp_path_factory: pytest.TempPathFactory,
    paths: list[list[str]],
    patterns: list[tuple[str, list[str], str]],
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for path in paths:
        file = root.joinpath(*path)
        if not any(parent.is_file() for parent in file.parents) and not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("x", "utf-8")
    text = "\n".join(f"{first}{'/'.join(parts)}{last}" for first, parts, last in patterns)
    (root / ".slugignore").write_text(text, "utf-8")
    rules = parse_slugignore(text.encode())
    doomed = [
        path
        for path in root.rglob("*")
        if rules.names(path.relative_to(root).parts, is_folder=path.is_dir())
    ]

    apply_slugignore(root)

    assert [path for path in doomed if path.exists()] == []
