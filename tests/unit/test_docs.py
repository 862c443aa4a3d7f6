"""The documentation against the code: nothing missing, nothing invented, no dead link."""

from __future__ import annotations

import ast
import importlib.util
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from accelerator import errors
from accelerator.cli import COMMANDS
from accelerator.cli import main as root_command
from accelerator.cli.endings import ENDINGS
from accelerator.cli.parts import SettingOption
from accelerator.demo.children import DemoFailed
from accelerator.demo.report import Lap
from accelerator.errors import AcceleratorError, ExitCode
from accelerator.models import Reason, Refusal, Route, StepName
from accelerator.settings import SETTINGS, load_settings
from tests.contract.localheroku.audit import TOLERATED, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def read(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def rows(page: str) -> frozenset[str]:
    """Give the first cell of every table row."""
    return frozenset(line.split("|")[1].strip() for line in page.splitlines() if line[:1] == "|")


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "docs_reference", ROOT / "scripts" / "docs_reference.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()


def error_classes(
    base: type[AcceleratorError] = AcceleratorError,
) -> Iterator[type[AcceleratorError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from error_classes(kind)


def literal_keys(path: Path) -> set[str]:
    """Give the keys of all dictionaries that a module spells out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    dictionaries = (node for node in ast.walk(tree) if isinstance(node, ast.Dict))
    keys = (key for each in dictionaries for key in each.keys)
    return {
        key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


def code_lines(page: Path) -> Iterator[str]:
    """Give what a page shows as code: its blocks with continued lines joined, and inline code."""
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"(?ms)^ *```\w*\n(.*?)^ *```", text):
        yield from block.replace("\\\n", " ").splitlines()
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"(?ms)^ *```.*?^ *```", "", text))


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"(?m)^#+ (.*)$", page.read_text(encoding="utf-8"))
    return {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


def command_named(name: str) -> click.Command:
    found = root_command.get_command(click.Context(root_command), name)
    assert found is not None
    return found


def options_of(command: str) -> set[str]:
    params = command_named(command).params
    given = {name for one in params for name in (*one.opts, *one.secondary_opts)}
    return given | {"-h", "--help"}


@pytest.mark.parametrize(
    ("page", "wanted"), GENERATOR.pages().items(), ids=lambda value: getattr(value, "name", "")
)
def test_generated_pages_are_current(page: Path, wanted: str) -> None:
    present = page.read_text(encoding="utf-8")

    assert present == wanted, "run scripts/docs-reference"


def advice(page: str) -> dict[str, list[str]]:
    """Give what the tables with a column "what to do" say there, by their first cell."""
    found: dict[str, list[str]] = {}
    for table in re.findall(r"(?m)(?:^\|.*\n)+", page + "\n"):
        cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()]
        if cells[0][-1] != "what to do":
            continue
        for first, *rest in cells[2:]:
            found.setdefault(first, []).append(rest[-1] if len(rest) + 1 == len(cells[0]) else "")
    return found


def test_every_exit_code_says_what_to_do() -> None:
    told = advice(read("exit-codes.md"))

    assert [code for code in ExitCode if not all(told.get(str(int(code)), [""]))] == []


def codes_in(epilog: str) -> list[int]:
    return [int(code) for code in re.findall(r"(?:: |, )(\d+) ", epilog)]


@pytest.mark.parametrize("name", ENDINGS)
def test_the_help_of_a_command_names_the_codes_it_can_end_with_in_their_order(name: str) -> None:
    epilog = command_named(name).epilog or ""

    assert codes_in(epilog) == sorted(ENDINGS[name])
    assert all(f"{code} {code.meaning}" in epilog for code in ENDINGS[name])


def test_a_deploy_can_end_inconclusively_or_interrupted_but_with_no_tests() -> None:
    codes = codes_in(command_named("deploy").epilog or "")

    assert {14, 130, 143} <= set(codes)
    assert 13 not in codes


def test_every_command_that_works_with_the_platform_names_its_exit_codes() -> None:
    working = {
        name
        for name in COMMANDS
        for option in command_named(name).params
        if isinstance(option, SettingOption) and option.setting.name == "prepare.apps"
    }

    assert working == set(ENDINGS)


def test_exit_codes_are_told_of_the_commands_that_can_end_with_them() -> None:
    page = read("exit-codes.md")
    told = dict(re.findall(r"(?m)^\| (\d+) \| (?:`(\w+)`: )?", page))

    assert set(told) == {str(int(code)) for code in ExitCode}
    for code, only in told.items():
        enders = {name for name, codes in ENDINGS.items() if int(code) in codes}
        assert enders == {only} if only else len(enders) > 1, code


def test_every_error_word_says_what_to_do() -> None:
    words = {kind.code for kind in error_classes() if kind.__module__ == errors.__name__}
    told = advice(read("exit-codes.md"))

    missing = [w for w in {*words, "bug", DemoFailed.code} if not all(told.get(f"`{w}`", [""]))]

    assert missing == []


def test_every_route_is_explained() -> None:
    assert {f"`{route}`" for route in Route} <= rows(read("reasons.md"))


@pytest.mark.parametrize("reason", [*Reason, *Refusal])
def test_every_reason_says_what_to_do(reason: Reason | Refusal) -> None:
    assert all(advice(read("reasons.md")).get(f"`{reason}`", [""]))


def test_no_reason_or_code_is_explained_that_there_is_not() -> None:
    known = {f"`{word}`" for word in (*Reason, *Refusal)}
    codes = {str(int(code)) for code in ExitCode}
    words = {f"`{kind.code}`" for kind in error_classes()} | {"`bug`"}
    witness = rows(section(read("reasons.md"), "The second witness"))

    assert set(advice(read("reasons.md"))) - witness <= known
    assert set(advice(read("exit-codes.md"))) <= codes | words


def test_words_that_are_reserved_are_given_nowhere_yet() -> None:
    sources = [
        path.read_text(encoding="utf-8")
        for path in (ROOT / "accelerator").rglob("*.py")
        if "localheroku" not in path.parts
    ]
    named = {name for text in sources for name in re.findall(r"\bRefusal\.([A-Z_]+)", text)}
    (reserved,) = re.findall(r"These words are reserved.*\n\n((?:\|.*\n)+)", read("reasons.md"))
    told = rows(reserved) - {"reason", "---"}

    assert told == {f"`{refusal}`" for refusal in Refusal if refusal.name not in named}


def test_a_refusal_is_named_by_its_word_of_the_enum_and_no_other() -> None:
    sources = (path.read_text("utf-8") for path in (ROOT / "accelerator" / "steps").glob("*.py"))

    assert not [text for text in sources if re.search(r'Refused\(\s*"', text)]


DOCUMENTS = [
    path
    for path in (*ROOT.glob("accelerator/output/*.py"), ROOT / "accelerator" / "demo" / "report.py")
    if "-> Document" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_json_key_is_explained(path: Path) -> None:
    told = read("json.md")
    keys = literal_keys(path)

    missing = [key for key in sorted(keys) if not re.search(rf'[`".]{key}(?:[`"]|/1)', told)]

    assert keys
    assert missing == []


def test_documents_are_looked_for_in_the_files_of_all_nouns() -> None:
    nouns = {"deploy", "prepare", "ship", "config", "marks", "local", "parts", "report"}

    assert nouns <= {path.stem for path in DOCUMENTS}


def section(page: str, heading: str) -> str:
    """Give what stands under a heading of the second level."""
    (found,) = re.findall(rf"(?ms)^## {re.escape(heading)}$(.*?)(?=^## |\Z)", page)
    return str(found)


EVERYWHERE = "every `POST` and `PATCH`"


def explains(cell: str, methods: str, paths: str) -> bool:
    """Say whether a documented request is one of those that an entry of the audit is about."""
    if cell == EVERYWHERE or paths == ".*":
        return cell == EVERYWHERE and paths == ".*"
    method, _, path = cell.strip("`").partition(" ")
    example = re.sub(r"\{\w+\}", "something", path)
    return bool(re.fullmatch(methods, method) and re.fullmatch(paths, example))


def test_every_request_against_the_schema_is_explained() -> None:
    told = section(read("local-platform.md"), "What the schema forbids, and real clients send")
    cells = rows(told) - {"request", "---"}
    entries = [(methods, paths) for methods, paths, *_ in TOLERATED]

    untold = [entry for entry in entries if not any(explains(cell, *entry) for cell in cells)]
    invented = [cell for cell in cells if not any(explains(cell, *entry) for entry in entries)]

    assert (untold, invented) == ([], [])
    assert all(paths.replace("[^/]+", "{app}") in told for _, paths, _ in UNKNOWN)


def test_commands_that_messages_name_exist() -> None:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "accelerator").rglob("*.py"))
    named = {name for text in sources for name in re.findall(r"`accelerator ([a-z]+)", text)}

    assert "resume" in named
    assert named <= set(COMMANDS)


def test_every_module_of_the_platform_is_on_the_map() -> None:
    told = section(
        (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), "The local platform, by purpose"
    )
    folder = ROOT / "accelerator" / "localheroku"
    rows = dict(re.findall(r"(?m)^\| (?:`(\w+)/`|the top) \| (.*) \|$", told))
    modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    modules += [path for path in folder.glob("*/*.py") if path.name != "__init__.py"]

    missing = [
        path.relative_to(folder)
        for path in modules
        if f"`{path.name}`" not in rows[path.parent.name if path.parent != folder else ""]
    ]

    assert modules
    assert missing == []


CLIENT = ROOT / "accelerator"
NOT_ON_THE_MAP = (CLIENT / "localheroku", CLIENT / "demo" / "sample")


def client_modules() -> list[Path]:
    """Return the modules of the client; the files of the demo's site are not ours."""
    return [
        path
        for path in sorted(CLIENT.rglob("*.py"))
        if path.name != "__init__.py" and not {*path.parents} & {*NOT_ON_THE_MAP}
    ]


def test_the_map_of_the_client_names_every_module_in_its_folder_and_no_other() -> None:
    told = section((ROOT / "CONTRIBUTING.md").read_text("utf-8"), "The client, by purpose")
    rows = re.findall(r"(?m)^\| (?:`([\w/]+)/`|the top) \| (.*) \|$", told)
    named = [(folder, name) for folder, cell in rows for name in re.findall(r"`(\w+\.py)`", cell)]
    there = [
        ("/".join(path.relative_to(CLIENT).parts[:-1]), path.name) for path in client_modules()
    ]

    assert there
    assert sorted(named) == sorted(there)


def test_the_laps_of_the_demo_are_explained() -> None:
    told = read("json.md")

    assert [lap.name for lap in fields(Lap) if f"`{lap.name}`" not in told] == []


def test_every_step_of_the_json_is_explained_and_no_other() -> None:
    told = {cell for row in rows(section(read("json.md"), "Steps")) for cell in row.split(", ")}

    assert told - {"step", "---"} == {f"`{name}`" for name in StepName}


def test_settings_named_by_the_generator_exist() -> None:
    named = {*GENERATOR.REMARKS}

    assert named <= {setting.name for setting in SETTINGS}


def test_the_configuration_shown_as_an_example_is_valid() -> None:
    (example,) = re.findall(r"(?ms)^```toml\n(.*?)^```", read("settings.md"))

    settings = load_settings({}, {}, tomllib.loads(example))

    assert settings.prepare.apps == ("foo-prepare",)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text(encoding="utf-8"))

    for link in links:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_that_are_shown_exist_with_their_options(page: Path) -> None:
    for line in code_lines(page):
        for command, rest in re.findall(r"\baccelerator ([a-z]+)\b([^|;&]*)", line):
            shown = re.findall(r"(?<![\w'-])--?[a-z][\w-]*", re.sub(r"'[^']*'|#.*", "", rest))
            assert command in COMMANDS, line
            assert set(shown) <= options_of(command), line


FAULT_TESTS = re.compile(r"`((?:unit/|contract/)?)(test_\w+\.py)::(\w+)`")


def test_every_fault_is_shown_by_a_test_there_is() -> None:
    named = {(folder or "e2e/", *rest) for folder, *rest in FAULT_TESTS.findall(read("faults.md"))}
    defined = {
        (f"{path.parent.name}/", path.name, node.name)
        for folder in ("e2e", "unit", "contract")
        for path in ROOT.glob(f"tests/{folder}/test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }

    faults = {path.name for path in ROOT.glob("tests/e2e/test_faults_*.py")}
    told = [line for line in read("faults.md").splitlines() if line.startswith("| ")]
    untold = [line for line in told if "::" not in line and "| --- |" not in line]

    assert sorted(named - defined) == []
    assert sorted(faults - {name for _, name, _ in named}) == []
    assert {line.split(" | ")[0] for line in untold} == {"| fault"}
    assert len(re.findall("::", read("faults.md"))) == len(FAULT_TESTS.findall(read("faults.md")))


WALK = (ROOT / "docs" / "explanation" / "one-deploy.md").read_text(encoding="utf-8")
STEPS = re.findall(r"(?ms)^## (\d+)\. [^\n]*\n(.*?)(?=^## |\Z)", WALK)


def defined_in(path: Path) -> frozenset[str]:
    """Return the functions, classes and values at a module's top, and ``Class.member``."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parents = [("", tree), *((f"{n.name}.", n) for n in tree.body if isinstance(n, ast.ClassDef))]
    return frozenset(
        f"{prefix}{name}"
        for prefix, parent in parents
        for node in parent.body
        for name in names_of(node)
    )


def names_of(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []


def test_the_walk_through_a_deploy_has_ten_steps_each_with_files_value_and_reason() -> None:
    parts = ("- `accelerator/", "**Value:** ", "**Why:** ")

    assert [number for number, _ in STEPS] == [str(number) for number in range(1, 11)]
    assert [
        (number, part) for number, text in STEPS for part in parts if f"\n{part}" not in text
    ] == []


@pytest.mark.parametrize("text", [pytest.param(text, id=number) for number, text in STEPS])
def test_what_a_step_of_the_walk_names_is_there(text: str) -> None:
    files = re.findall(r"(?m)^- `([\w/]+\.py)`: (.+)$", text)
    lines = re.findall(r"(?m)^- .*$", text)
    (values,) = re.findall(r"(?m)^\*\*Value:\*\* (.*)$", text)
    classes = {name for path in client_modules() for name in defined_in(path)}

    missing = [
        (name, named)
        for name, names in files
        for named in re.findall(r"`([^`]+)`", names)
        if named not in defined_in(ROOT / name)
    ]

    assert len(files) == len(lines)
    assert missing == []
    assert {*re.findall(r"`(\w+)`", values)} <= classes


def test_files_that_the_walk_names_exist() -> None:
    named = re.findall(r"`(accelerator/[\w/]+\.py)`", WALK)

    assert [name for name in named if not (ROOT / name).exists()] == []
