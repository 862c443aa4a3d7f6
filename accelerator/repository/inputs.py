"""What a build of a commit is made of: the tree that is built, less what `.slugignore` removes.

Git names a tree by its content. So the input is named by the id that the tree would have without
what is removed: equal ids are equal inputs, and folders that have nothing removed are named by git.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from accelerator.models import BuildInput
from accelerator.repository.objects import Objects
from accelerator.repository.slugignore import NAME, Ignored, parse_slugignore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from accelerator.repository.commands import Git

_FULL_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_FOLDER, _FILES = b"40000", (b"100644", b"100755", b"100664")
_ATTRIBUTES = b".gitattributes"
_SHA1_LETTERS = 40
MOST_DEPTH = 200

Path = tuple[str, ...]


class Unknown(Exception):
    """What makes an input comparable with no other: parts are not here, or name the commit."""


class Member(NamedTuple):
    """An entry of a tree, as git stores it."""

    mode: bytes
    name: bytes
    object_id: str

    @property
    def is_folder(self) -> bool:
        """True when it is a tree."""
        return self.mode == _FOLDER


def read_inputs(git: Git, shas: Iterable[str], folder: str | None) -> dict[str, BuildInput]:
    """Return the build inputs of those commits for which they are known, in one git process.

    With `folder` only what is below it is built. Nothing is fetched: a commit of which this clone
    lacks a part is left out. So is one whose archives may have the commit itself in their files
    (``export-subst``): what others build of it is never equal to anything.
    """
    found = {}
    wanted = sorted(sha for sha in shas if _FULL_SHA.fullmatch(sha))
    parts = _split(folder)
    with Objects(git) as objects:
        reader = _Reader(objects)
        for sha in wanted:
            try:
                found[sha] = reader.read(sha, parts)
            except Unknown:
                continue
    return found


def _split(folder: str | None) -> Path:
    bare = folder.strip("/").removeprefix("./") if folder else ""
    return tuple(part for part in bare.split("/") if part)


@dataclass(slots=True)
class _Reader:
    """Reads inputs and remembers what it saw: commits next to one another share most folders."""

    objects: Objects
    _trees: dict[str, list[Member]] = field(default_factory=dict)
    _plain: set[str] = field(default_factory=set)  # attributes without a substitution
    _kept: dict[tuple[str, str, Path], str] = field(default_factory=dict)

    def read(self, sha: str, parts: Path) -> BuildInput:
        found = self.objects.read(f"{sha}^{{commit}}^{{tree}}")
        if found is None or found[1] != "tree":
            raise Unknown
        tree = found[0]
        self._trees.setdefault(tree, list(_parse_tree(found[2], len(tree))))
        for part in parts:
            self._refuse_substitution(tree)
            inner = self._find(tree, part)
            if inner is None or not inner.is_folder:
                raise Unknown
            tree = inner.object_id
        rules = self._find(tree, NAME)
        rules_id = rules.object_id if rules is not None and rules.mode in _FILES else ""
        ignored = parse_slugignore(self._read_blob(rules_id)) if rules_id else Ignored()
        kept = self._keep(tree, (), ignored, rules_id)
        return BuildInput("/".join(parts), tree, kept, has_rules=bool(rules_id))

    def _keep(self, tree: str, path: Path, ignored: Ignored, rules_id: str) -> str:
        """Return the id that a tree has without what is ignored; folders stay, even empty ones."""
        # Without rules a folder is the same wherever it is.
        key = (tree, rules_id, path if rules_id else ())
        if key not in self._kept:
            if len(path) > MOST_DEPTH:
                raise Unknown
            self._refuse_substitution(tree)
            members, kept = self._list(tree), []
            for member in members:
                inner = (*path, member.name.decode("utf-8", "surrogateescape"))
                if ignored.names(inner, is_folder=member.is_folder):
                    continue
                if member.is_folder:
                    own = self._keep(member.object_id, inner, ignored, rules_id)
                    kept.append(member._replace(object_id=own))
                else:
                    kept.append(member)
            self._kept[key] = tree if kept == members else _name_tree(kept, len(tree))
        return self._kept[key]

    def _refuse_substitution(self, tree: str) -> None:
        for member in self._list(tree):
            if member.name != _ATTRIBUTES or member.object_id in self._plain:
                continue
            if member.mode not in _FILES or b"export-subst" in self._read_blob(member.object_id):
                raise Unknown
            self._plain.add(member.object_id)

    def _find(self, tree: str, name: str) -> Member | None:
        wanted = name.encode("utf-8", "surrogateescape")
        return next((each for each in self._list(tree) if each.name == wanted), None)

    def _list(self, tree: str) -> list[Member]:
        if tree not in self._trees:
            found = self.objects.read(tree)
            if found is None or found[1] != "tree":
                raise Unknown
            self._trees[tree] = list(_parse_tree(found[2], len(tree)))
        return self._trees[tree]

    def _read_blob(self, object_id: str) -> bytes:
        found = self.objects.read(object_id)
        if found is None or found[1] != "blob":
            raise Unknown
        return found[2]


def _parse_tree(content: bytes, letters: int) -> Iterator[Member]:
    at, width = 0, letters // 2
    while at < len(content):
        end = content.index(b"\0", at)
        mode, _, name = content[at:end].partition(b" ")
        yield Member(mode, name, content[end + 1 : end + 1 + width].hex())
        at = end + 1 + width


def _name_tree(members: Iterable[Member], letters: int) -> str:
    """Return the name that git gives a tree of these members."""
    content = b"".join(
        member.mode + b" " + member.name + b"\0" + bytes.fromhex(member.object_id)
        for member in members
    )
    make = hashlib.sha1 if letters == _SHA1_LETTERS else hashlib.sha256
    return make(b"tree %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
