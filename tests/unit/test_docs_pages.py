"""Pages that would rot unseen: messages, reasons, the glossary, files for CI systems."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from accelerator.environment import detect_ci
from accelerator.models import Reason, Route

ROOT = Path(__file__).resolve().parents[2]
HOW_TO = ROOT / "docs" / "how-to"
CI_PAGES = sorted(path for path in HOW_TO.glob("ci/*.md") if path.stem != "README")
SOURCES = [
    path
    for path in (ROOT / "accelerator").rglob("*.py")
    if not {"localheroku", "sample"} & {*path.parts}
]


def template(node: ast.AST) -> str:
    """Return a text of the source as a page quotes it: ``…`` for what is filled in later."""
    if isinstance(node, ast.JoinedStr):
        return "".join(template(part) for part in node.values)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"\{\w+\}", "…", node.value)
    return "…"


def said_by_the_source() -> frozenset[str]:
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES)
    texts = (node for tree in trees for node in ast.walk(tree))
    return frozenset(
        template(node) for node in texts if isinstance(node, ast.JoinedStr | ast.Constant)
    )


SAID = said_by_the_source()
TROUBLE = (HOW_TO / "troubleshooting.md").read_text(encoding="utf-8")
MESSAGES = re.findall(r"(?m)^### `(.*)`$", TROUBLE)


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_with_a_way_out_is_one_that_is_printed(message: str) -> None:
    assert len(message.replace("…", "").strip()) > 10, "too short to tell it from others"
    assert any(message in said for said in SAID), "no text of the source reads so"


def test_thirty_messages_and_more_have_a_way_out_each() -> None:
    told = re.split(r"(?m)^###? .*$", TROUBLE)[2:]

    assert len(MESSAGES) == len(set(MESSAGES)) >= 30
    assert len(re.findall(r"(?m)^### ", TROUBLE)) == len(MESSAGES)
    assert sum(bool(text.strip()) for text in told) >= len(MESSAGES)


def test_a_message_that_no_source_has_is_found_out() -> None:
    invented = "the flux of … is not compensated"

    assert not any(invented in said for said in SAID)


def missed() -> list[str]:
    """Return the reasons that the reference calls reasons of a miss."""
    reasons = (ROOT / "docs" / "reference" / "reasons.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"(?ms)^## Reasons of a miss$(.*?)^## ", reasons)
    return re.findall(r"(?m)^\| `(\w+)` \|", table)


def test_every_reason_of_a_miss_says_what_to_do_about_it() -> None:
    page = (HOW_TO / "why-did-my-deploy-miss.md").read_text(encoding="utf-8")
    told = re.findall(r"(?ms)^### `(\w+)`$(.*?)(?=^##|\Z)", page)

    assert sorted(word for word, _ in told) == sorted(missed())
    assert [word for word, text in told if "- Do: " not in text and word != "other_commit"] == []


def test_the_other_reasons_are_named_beside_those_of_a_miss() -> None:
    page = (HOW_TO / "why-did-my-deploy-miss.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"(?ms)^## Reasons that are no miss$(.*?)^## |\Z", page)[:1]
    named = {word for cell in re.findall(r"(?m)^\| (`.*?) \|", table) for word in cell.split(", ")}

    assert named == {f"`{reason}`" for reason in Reason} - {f"`{word}`" for word in missed()}


GLOSSARY = (ROOT / "docs" / "reference" / "glossary.md").read_text(encoding="utf-8")
EXPECTED = (
    "slug release formation coupling stage promotion target route mark lock freeze reject hit miss"
)


def test_the_glossary_has_the_words_that_other_pages_take_for_granted() -> None:
    words = re.findall(r"(?m)^\| \*\*(.*?)\*\* \|", GLOSSARY)

    assert {*EXPECTED.split(), "prepare app", "lock remote"} <= {*words}
    assert len(words) == len(set(words))
    assert all(f"`{route}`" in GLOSSARY for route in Route)


@pytest.mark.parametrize("heading", ["Heroku's words", "Our words"])
def test_the_glossary_is_in_the_order_of_the_alphabet(heading: str) -> None:
    (table,) = re.findall(rf"(?ms)^## {heading}$(.*?)(?=^## |\Z)", GLOSSARY)
    words = [word.lower() for word in re.findall(r"(?m)^\| \*\*(.*?)\*\* \|", table)]

    assert words == sorted(words)


SYSTEMS = {
    "gitlab": "GITLAB_CI",
    "github": "GITHUB_ACTIONS",
    "jenkins": "JENKINS_URL",
    "circleci": "CIRCLECI",
    "buildkite": "BUILDKITE",
    "bitbucket": "BITBUCKET_BUILD_NUMBER",
}


def row(page: Path, what: str) -> set[str]:
    """Return the variables that a page's table names for something."""
    (cell,) = re.findall(rf"(?m)^\| {what} \| (.*) \|$", page.read_text(encoding="utf-8"))
    return {name for name in re.findall(r"`([A-Z0-9_]+)`", cell) if name.isupper()}


def test_every_system_with_a_page_is_one_that_is_recognised() -> None:
    assert {page.stem for page in CI_PAGES} == {*SYSTEMS}
    for system, marker in SYSTEMS.items():
        assert detect_ci({marker: "1"}).name == system


@pytest.mark.parametrize("page", CI_PAGES, ids=lambda page: page.stem)
def test_a_ci_page_names_the_variables_that_are_read(page: Path) -> None:
    known = {SYSTEMS[page.stem]: "1"}
    commits = row(page, "commit")
    links = row(page, "link in locks and notes")
    again = row(page, "the same job, run again")
    reviews = row(page, "pull-request job")

    found = detect_ci(known | dict.fromkeys(commits, "abc"))
    linked = detect_ci(known | dict.fromkeys(links, "x"))
    job = detect_ci(known | dict.fromkeys(again | links, "1"))

    assert found.commit_variable in commits
    assert found.commit == "abc"
    assert linked.job_url
    assert (job.attempt is not None) == bool(again)
    for name in reviews:
        values = ("true", "pull_request", "merge_request_event")
        assert any(detect_ci({name: value}).is_pull_request for value in values), name


def pipeline_file(page: Path) -> str:
    (text,) = re.findall(r"(?ms)^```(?:yaml|groovy)\n(.*?)^```", page.read_text(encoding="utf-8"))
    return str(text)


@pytest.mark.parametrize("page", CI_PAGES, ids=lambda page: page.stem)
def test_a_ci_file_tests_prepares_and_goes_stage_by_stage(page: Path) -> None:
    text = pipeline_file(page).replace('accelerator" ', "accelerator ")
    steps = ["./run-the-tests", "accelerator prepare", "--to foo-staging", "--to foo-production"]
    places = [text.find(step) for step in steps]

    assert places == sorted(places)
    assert places[0] >= 0
    assert text.count("accelerator deploy --from foo-prepare --to ") == 2
    assert not re.search(r"HEROKU_API_KEY[=:] *[\"']?HRKU", text)


@pytest.mark.parametrize("page", CI_PAGES, ids=lambda page: page.stem)
def test_actions_of_others_are_pinned_by_hash(page: Path) -> None:
    used = re.findall(r"uses: (.*)", pipeline_file(page))

    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", each) for each in used)
    assert bool(used) == (page.stem == "github")


KEY = re.compile(r"(?:- )*(?:[\w.-]+|\"[^\"]+\"):(?: .*)?")
ITEM = re.compile(r"- \S.*")


def flaws(text: str) -> list[str]:
    """Return the lines of YAML of the plain kind that cannot stand where they do."""
    found: list[str] = []
    levels, opens, block = [0], True, -1
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip(" "))
        words = line.strip()
        if not words or words.startswith("#") or (block >= 0 and indent > block):
            continue
        block = -1
        while levels[-1] > indent:
            levels.pop()
        deeper = indent > levels[-1]
        is_plain = KEY.fullmatch(words) or ITEM.match(words)
        if "\t" in line or (deeper and not opens) or not is_plain:
            found.append(line)
        if deeper:
            levels.append(indent)
        opens = words.endswith(":")
        if words.startswith("- ") and KEY.fullmatch(words):
            levels.append(indent + 2)  # the keys of a mapping that is an item of a list
        if words.endswith(": |"):
            block = levels[-1]
    return found


YAML_PAGES = [page for page in CI_PAGES if "```yaml" in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", YAML_PAGES, ids=lambda page: page.stem)
def test_a_ci_file_has_the_shape_of_yaml(page: Path) -> None:
    assert flaws(pipeline_file(page)) == []


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("steps:\n\t- run: x", id="a tab"),
        pytest.param("job: x\n    script: y", id="deeper below a value"),
        pytest.param("job\n", id="no key"),
        pytest.param("job:\n  - a\n      - b", id="deeper below an item"),
    ],
)
def test_what_has_not_the_shape_of_yaml_is_found_out(line: str) -> None:
    assert flaws(line) != []


def test_the_jenkinsfile_closes_what_it_opens() -> None:
    text = pipeline_file(HOW_TO / "ci" / "jenkins.md")

    assert text.count("{") == text.count("}") > 20
    assert text.count("(") == text.count(")")
    assert text.count("'") % 2 == 0
