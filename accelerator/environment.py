"""Which CI system is this, and which commit is it about: read from a mapping, not the process.

A table has one row per system. The first whose marker is set wins. Three things a caller would get
wrong:

On GitHub's ``pull_request`` events ``GITHUB_SHA`` is the merge commit GitHub made for the test, not
the head of the branch. (On ``workflow_run`` it is the tip of the default branch.) GitLab's
merged-result pipelines do the same with ``CI_COMMIT_SHA``. And ``BUILDKITE_COMMIT`` can be the word
``HEAD``. So what is found here is a revision to be resolved, not always a full sha.

A job that is run again is the same `job` with a later `attempt`. Only systems that say so by
documented variables have both; each page is named in docs/how-to/lock-freeze-reject.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class CI:
    """The CI system of this run; every field is ``None`` on somebody's own machine.

    `commit` is what `commit_variable` holds: the revision the job is about, by the system's word.
    `is_pull_request` is True when the job is about a change that is still under review.

    `job` tells this job from all others, and stays the same when it is run again; `attempt` is
    higher then. Both are None where the system does not say. Neither is a secret.
    """

    name: str | None = None
    job_url: str | None = None
    ref: str | None = None
    commit_variable: str | None = None
    commit: str | None = None
    is_pull_request: bool = False
    job: str | None = None
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class _System:
    """How one CI system shows itself; an empty `marker_value` means any value will do.

    Templates name variables in braces and count only when all of them are set; the first that
    does is taken. `job` are the variables that tell a job from all others and must all be set;
    `beside` tell it apart further where they are set; `attempt` is a number that grows with each
    run of it.
    """

    name: str
    marker: str
    commit_variable: str
    job_urls: tuple[str, ...]
    refs: tuple[str, ...]
    job: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    attempt: str = ""
    marker_value: str = ""


_SYSTEMS = (
    _System(
        "gitlab",
        "GITLAB_CI",
        "CI_COMMIT_SHA",
        ("{CI_JOB_URL}",),
        ("{CI_COMMIT_REF_NAME}",),
        job=("CI_PIPELINE_ID", "CI_JOB_NAME"),
        beside=("CI_SERVER_URL", "CI_PROJECT_ID", "CI_NODE_INDEX"),
        attempt="CI_JOB_ID",  # a job that is run again is a new one of the same name
    ),
    _System(
        "github",
        "GITHUB_ACTIONS",
        "GITHUB_SHA",
        ("{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",),
        ("{GITHUB_HEAD_REF}", "{GITHUB_REF_NAME}"),
        # All jobs of a matrix are one here: none is run again before the whole run has ended.
        job=("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_JOB"),
        beside=("GITHUB_SERVER_URL",),
        attempt="GITHUB_RUN_ATTEMPT",
    ),
    _System(
        "circleci",
        "CIRCLECI",
        "CIRCLE_SHA1",
        ("{CIRCLE_BUILD_URL}",),
        ("{CIRCLE_BRANCH}", "{CIRCLE_TAG}"),
        # A workflow that is run again has another id, but the workspace of the first one.
        job=("CIRCLE_WORKFLOW_WORKSPACE_ID", "CIRCLE_JOB"),
        beside=("CIRCLE_NODE_INDEX",),
        attempt="CIRCLE_BUILD_NUM",
    ),
    _System(
        "buildkite",
        "BUILDKITE",
        "BUILDKITE_COMMIT",
        ("{BUILDKITE_BUILD_URL}#{BUILDKITE_JOB_ID}", "{BUILDKITE_BUILD_URL}"),
        ("{BUILDKITE_BRANCH}",),
        job=("BUILDKITE_BUILD_ID", "BUILDKITE_STEP_ID"),
        beside=("BUILDKITE_PARALLEL_JOB", "BUILDKITE_LABEL"),
        attempt="BUILDKITE_RETRY_COUNT",
    ),
    _System(
        "bitbucket",
        "BITBUCKET_BUILD_NUMBER",
        "BITBUCKET_COMMIT",
        (
            "https://bitbucket.org/{BITBUCKET_REPO_FULL_NAME}/pipelines/results/"
            "{BITBUCKET_BUILD_NUMBER}",
        ),
        ("{BITBUCKET_BRANCH}", "{BITBUCKET_TAG}"),
        job=("BITBUCKET_REPO_FULL_NAME", "BITBUCKET_BUILD_NUMBER", "BITBUCKET_STEP_UUID"),
        beside=("BITBUCKET_PARALLEL_STEP",),
        attempt="BITBUCKET_STEP_RUN_NUMBER",
    ),
    _System(
        "travis",
        "TRAVIS",
        "TRAVIS_COMMIT",
        ("{TRAVIS_JOB_WEB_URL}", "{TRAVIS_BUILD_WEB_URL}"),
        ("{TRAVIS_PULL_REQUEST_BRANCH}", "{TRAVIS_BRANCH}"),
    ),
    _System(
        "semaphore",
        "SEMAPHORE",
        "SEMAPHORE_GIT_SHA",
        ("{SEMAPHORE_ORGANIZATION_URL}/jobs/{SEMAPHORE_JOB_ID}",),
        ("{SEMAPHORE_GIT_WORKING_BRANCH}", "{SEMAPHORE_GIT_BRANCH}"),
    ),
    _System(
        "azure",
        "TF_BUILD",
        "BUILD_SOURCEVERSION",
        ("{SYSTEM_COLLECTIONURI}{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}",),
        ("{BUILD_SOURCEBRANCH}",),
        job=("SYSTEM_COLLECTIONURI", "BUILD_BUILDID", "SYSTEM_PHASENAME", "SYSTEM_JOBNAME"),
        beside=("SYSTEM_STAGENAME",),
        attempt="SYSTEM_JOBATTEMPT",
    ),
    _System("drone", "DRONE", "DRONE_COMMIT_SHA", ("{DRONE_BUILD_LINK}",), ("{DRONE_BRANCH}",)),
    _System(
        "codeship",
        "CI_NAME",
        "CI_COMMIT_ID",
        ("{CI_BUILD_URL}",),
        ("{CI_BRANCH}",),
        marker_value="codeship",
    ),
    # Last: JENKINS_URL is also set in jobs that Jenkins only passes on to another system.
    _System(
        "jenkins",
        "JENKINS_URL",
        "GIT_COMMIT",
        ("{RUN_DISPLAY_URL}", "{BUILD_URL}"),
        ("{BRANCH_NAME}", "{GIT_BRANCH}"),
    ),
)

_REVIEW_EVENTS = (
    "pull_request",
    "pull_request_target",
    "pull_request_review",
    "pull_request_review_comment",
    "issue_comment",
)

# What says that a job is about a pull request: a variable and its values, none for any that does
# not say no. Each page is named in docs/how-to/protect-the-configuration.md. All are looked at,
# whichever system this is: a mark too many is answered with --config, one too few by nobody.
_PULL_REQUEST_MARKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("GITHUB_EVENT_NAME", _REVIEW_EVENTS),
    ("CI_PIPELINE_SOURCE", ("merge_request_event", "external_pull_request_event")),
    ("CI_MERGE_REQUEST_IID", ()),
    ("CI_EXTERNAL_PULL_REQUEST_IID", ()),
    ("CIRCLE_PULL_REQUEST", ()),
    ("CIRCLE_PR_NUMBER", ()),
    ("BUILDKITE_PULL_REQUEST", ()),
    ("BITBUCKET_PR_ID", ()),
    ("TRAVIS_PULL_REQUEST", ()),
    ("SEMAPHORE_GIT_REF_TYPE", ("pull-request",)),
    ("SEMAPHORE_GIT_PR_NUMBER", ()),
    ("SYSTEM_PULLREQUEST_PULLREQUESTID", ()),
    ("BUILD_REASON", ("PullRequest",)),
    ("DRONE_PULL_REQUEST", ()),
    ("DRONE_BUILD_EVENT", ("pull_request",)),
    ("CHANGE_ID", ()),
    ("ghprbPullId", ()),
    ("APPVEYOR_PULL_REQUEST_NUMBER", ()),
    ("CI_COMMIT_PULL_REQUEST", ()),
)
_SAYS_NO = ("", "false", "0")
_VARIABLE = re.compile(r"\{([A-Z0-9_]+)\}")
_COUNT = re.compile(r"[0-9]{1,18}")


def detect_ci(env: Mapping[str, str]) -> CI:
    """Return the CI system that `env` belongs to: a `CI` without a name when it is none we know.

    The commit is found even then, so that a plain ``GIT_COMMIT=… accelerator deploy`` works.
    """
    variable, commit = find_commit(env) or (None, None)
    system = _find_system(env)
    if system is None:
        return CI(commit_variable=variable, commit=commit, is_pull_request=_is_pull_request(env))
    job, attempt = _identify(system, env)
    return CI(
        name=system.name,
        job_url=_first(system.job_urls, env),
        ref=_first(system.refs, env),
        commit_variable=variable,
        commit=commit,
        is_pull_request=_is_pull_request(env),
        job=job,
        attempt=attempt,
    )


def is_ci(env: Mapping[str, str]) -> bool:
    """Return whether this is a job: of a system we know, or of another that sets ``CI``.

    A job can have a terminal, but nobody sits at it.
    """
    return env.get("CI", "").strip().lower() not in _SAYS_NO or _find_system(env) is not None


def find_commit(env: Mapping[str, str]) -> tuple[str, str] | None:
    """Find the commit variable and its value: the detected system's first, then any other's."""
    system = _find_system(env)
    own = (system.commit_variable,) if system else ()
    for variable in (*own, *(other.commit_variable for other in _SYSTEMS)):
        if value := env.get(variable, "").strip():
            return variable, value
    return None


def _find_system(env: Mapping[str, str]) -> _System | None:
    return next((system for system in _SYSTEMS if _is_here(system, env)), None)


def _is_here(system: _System, env: Mapping[str, str]) -> bool:
    value = env.get(system.marker, "").strip()
    if system.marker_value:
        return value == system.marker_value
    return value.lower() not in _SAYS_NO


def _is_pull_request(env: Mapping[str, str]) -> bool:
    for variable, meant in _PULL_REQUEST_MARKS:
        value = env.get(variable, "").strip()
        if value in meant or (not meant and value.lower() not in _SAYS_NO):
            return True
    return False


def _identify(system: _System, env: Mapping[str, str]) -> tuple[str, int] | tuple[None, None]:
    """Return what tells the job from all others, and its attempt; Nones where that is not said.

    It is a hash, as names of jobs are of any length.
    """
    import hashlib  # noqa: PLC0415  # 3 ms, which the help does without

    count = env.get(system.attempt, "").strip()
    if not system.job or not _COUNT.fullmatch(count):
        return None, None
    if not all(env.get(variable) for variable in system.job):
        return None, None
    values = [system.name, *(env.get(variable, "") for variable in (*system.job, *system.beside))]
    told = hashlib.sha256("\0".join(values).encode("utf-8", "surrogateescape"))
    return f"{system.name}-{told.hexdigest()[:32]}", int(count)


def _first(templates: tuple[str, ...], env: Mapping[str, str]) -> str | None:
    for template in templates:
        if all(env.get(variable) for variable in _VARIABLE.findall(template)):
            filled = _VARIABLE.sub(lambda found: env[found[1]], template)
            return filled.removeprefix("refs/heads/")
    return None
