from __future__ import annotations

import pytest

from accelerator.environment import CI, detect_ci, find_commit

SHA = "5d3c1e0b7a9f4c2d8e6b0a1f3c5d7e9b2a4c6d8f"

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SHA": SHA,
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "shop/web",
    "GITHUB_RUN_ID": "77",
    "GITHUB_REF_NAME": "main",
    "GITHUB_HEAD_REF": "",
}

SYSTEMS = [
    pytest.param(
        {
            "GITLAB_CI": "true",
            "CI_COMMIT_SHA": SHA,
            "CI_JOB_URL": "https://gitlab.com/j/1",
            "CI_COMMIT_REF_NAME": "main",
        },
        CI("gitlab", "https://gitlab.com/j/1", "main", "CI_COMMIT_SHA", SHA),
        id="GitLab",
    ),
    pytest.param(
        GITHUB,
        CI("github", "https://github.com/shop/web/actions/runs/77", "main", "GITHUB_SHA", SHA),
        id="GitHub, a push",
    ),
    pytest.param(
        {**GITHUB, "GITHUB_REF_NAME": "12/merge", "GITHUB_HEAD_REF": "faster"},
        CI("github", "https://github.com/shop/web/actions/runs/77", "faster", "GITHUB_SHA", SHA),
        id="GitHub, a pull request is named by its branch",
    ),
    pytest.param(
        {
            "CIRCLECI": "true",
            "CIRCLE_SHA1": SHA,
            "CIRCLE_BUILD_URL": "https://circleci.com/b/2",
            "CIRCLE_TAG": "v2",
        },
        CI("circleci", "https://circleci.com/b/2", "v2", "CIRCLE_SHA1", SHA),
        id="CircleCI, a tag",
    ),
    pytest.param(
        {
            "JENKINS_URL": "https://ci.example/",
            "GIT_COMMIT": SHA,
            "BUILD_URL": "https://ci.example/job/3/",
            "GIT_BRANCH": "origin/main",
        },
        CI("jenkins", "https://ci.example/job/3/", "origin/main", "GIT_COMMIT", SHA),
        id="Jenkins",
    ),
    pytest.param(
        {
            "BUILDKITE": "true",
            "BUILDKITE_COMMIT": "HEAD",
            "BUILDKITE_BUILD_URL": "https://buildkite.com/b/4",
            "BUILDKITE_JOB_ID": "9f",
            "BUILDKITE_BRANCH": "main",
        },
        CI("buildkite", "https://buildkite.com/b/4#9f", "main", "BUILDKITE_COMMIT", "HEAD"),
        id="Buildkite, a commit still to be resolved",
    ),
    pytest.param(
        {
            "BITBUCKET_BUILD_NUMBER": "5",
            "BITBUCKET_COMMIT": SHA,
            "BITBUCKET_REPO_FULL_NAME": "shop/web",
            "BITBUCKET_BRANCH": "main",
        },
        CI(
            "bitbucket",
            "https://bitbucket.org/shop/web/pipelines/results/5",
            "main",
            "BITBUCKET_COMMIT",
            SHA,
        ),
        id="Bitbucket",
    ),
    pytest.param(
        {
            "TRAVIS": "true",
            "TRAVIS_COMMIT": SHA,
            "TRAVIS_JOB_WEB_URL": "https://app.travis-ci.com/j/6",
            "TRAVIS_PULL_REQUEST_BRANCH": "",
            "TRAVIS_BRANCH": "main",
        },
        CI("travis", "https://app.travis-ci.com/j/6", "main", "TRAVIS_COMMIT", SHA),
        id="Travis",
    ),
    pytest.param(
        {
            "SEMAPHORE": "true",
            "SEMAPHORE_GIT_SHA": SHA,
            "SEMAPHORE_ORGANIZATION_URL": "https://shop.semaphoreci.com",
            "SEMAPHORE_JOB_ID": "7",
            "SEMAPHORE_GIT_BRANCH": "main",
        },
        CI("semaphore", "https://shop.semaphoreci.com/jobs/7", "main", "SEMAPHORE_GIT_SHA", SHA),
        id="Semaphore",
    ),
    pytest.param(
        {
            "TF_BUILD": "True",
            "BUILD_SOURCEVERSION": SHA,
            "SYSTEM_COLLECTIONURI": "https://dev.azure.com/shop/",
            "SYSTEM_TEAMPROJECT": "web",
            "BUILD_BUILDID": "8",
            "BUILD_SOURCEBRANCH": "refs/heads/team/main",
        },
        CI(
            "azure",
            "https://dev.azure.com/shop/web/_build/results?buildId=8",
            "team/main",
            "BUILD_SOURCEVERSION",
            SHA,
        ),
        id="Azure",
    ),
    pytest.param(
        {"DRONE": "true", "DRONE_COMMIT_SHA": SHA, "DRONE_BRANCH": "main"},
        CI("drone", None, "main", "DRONE_COMMIT_SHA", SHA),
        id="Drone, without a link",
    ),
    pytest.param(
        {"CI_NAME": "codeship", "CI_COMMIT_ID": SHA, "CI_BRANCH": "main"},
        CI("codeship", None, "main", "CI_COMMIT_ID", SHA),
        id="Codeship",
    ),
]


@pytest.mark.parametrize(("env", "expected"), SYSTEMS)
def test_a_ci_system_is_recognised_with_its_job_branch_and_commit(
    env: dict[str, str], expected: CI
) -> None:
    assert detect_ci(env) == expected


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GITHUB_EVENT_NAME", "pull_request"),
        ("GITHUB_EVENT_NAME", "pull_request_target"),
        ("GITHUB_EVENT_NAME", "issue_comment"),
        ("CI_PIPELINE_SOURCE", "merge_request_event"),
        ("CI_PIPELINE_SOURCE", "external_pull_request_event"),
        ("CI_MERGE_REQUEST_IID", "12"),
        ("CIRCLE_PULL_REQUEST", "https://github.com/shop/web/pull/12"),
        ("CIRCLE_PR_NUMBER", "12"),
        ("BUILDKITE_PULL_REQUEST", "12"),
        ("BITBUCKET_PR_ID", "12"),
        ("TRAVIS_PULL_REQUEST", "12"),
        ("SEMAPHORE_GIT_REF_TYPE", "pull-request"),
        ("SYSTEM_PULLREQUEST_PULLREQUESTID", "12"),
        ("BUILD_REASON", "PullRequest"),
        ("DRONE_PULL_REQUEST", "12"),
        ("DRONE_BUILD_EVENT", "pull_request"),
        ("CHANGE_ID", "12"),
        ("ghprbPullId", "12"),
        ("APPVEYOR_PULL_REQUEST_NUMBER", "12"),
        ("CI_COMMIT_PULL_REQUEST", "12"),
    ],
)
def test_a_job_about_a_pull_request_is_known_by_its_systems_own_word(
    variable: str, value: str
) -> None:
    assert detect_ci({variable: value}).is_pull_request


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GITHUB_EVENT_NAME", "push"),
        ("GITHUB_EVENT_NAME", "workflow_run"),
        ("GITHUB_HEAD_REF", ""),
        ("CI_PIPELINE_SOURCE", "push"),
        ("CI_MERGE_REQUEST_IID", " "),
        ("BUILDKITE_PULL_REQUEST", "false"),
        ("TRAVIS_PULL_REQUEST", "false"),
        ("SEMAPHORE_GIT_REF_TYPE", "branch"),
        ("BUILD_REASON", "IndividualCI"),
        ("DRONE_BUILD_EVENT", "push"),
    ],
)
def test_a_job_about_a_branch_is_about_no_pull_request(variable: str, value: str) -> None:
    assert not detect_ci({variable: value}).is_pull_request


@pytest.mark.parametrize(
    "env",
    [
        pytest.param({}, id="nothing set"),
        pytest.param({"CI": "true", "PATH": "/bin"}, id="an unknown system"),
        pytest.param({"TRAVIS": "false", "GITLAB_CI": ""}, id="markers that say no"),
        pytest.param({"CI_NAME": "somebody else"}, id="a marker with another value"),
    ],
)
def test_no_known_system_is_no_name_and_no_commit(env: dict[str, str]) -> None:
    assert detect_ci(env) == CI()


def test_a_commit_variable_set_by_hand_is_found_without_a_ci() -> None:
    ci = detect_ci({"GIT_COMMIT": SHA})

    assert (ci.name, ci.commit_variable, ci.commit) == (None, "GIT_COMMIT", SHA)


def test_the_detected_systems_own_variable_comes_before_the_others() -> None:
    env = {"CIRCLECI": "true", "CIRCLE_SHA1": SHA, "CI_COMMIT_SHA": "0" * 40, "GITHUB_SHA": "1"}

    assert find_commit(env) == ("CIRCLE_SHA1", SHA)


def test_a_blank_variable_is_as_good_as_none() -> None:
    env = {"CIRCLECI": "true", "CIRCLE_SHA1": " ", "TRAVIS_COMMIT": SHA}

    assert find_commit(env) == ("TRAVIS_COMMIT", SHA)


JOBS = {
    "GitLab": (
        {
            "GITLAB_CI": "true",
            "CI_SERVER_URL": "https://gitlab.com",
            "CI_PROJECT_ID": "5",
            "CI_PIPELINE_ID": "77",
            "CI_JOB_NAME": "deploy",
        },
        "CI_JOB_ID",
    ),
    "GitHub": ({**GITHUB, "GITHUB_JOB": "deploy"}, "GITHUB_RUN_ATTEMPT"),
    "CircleCI": (
        {"CIRCLECI": "true", "CIRCLE_WORKFLOW_WORKSPACE_ID": "w1", "CIRCLE_JOB": "deploy"},
        "CIRCLE_BUILD_NUM",
    ),
    "Buildkite": (
        {"BUILDKITE": "true", "BUILDKITE_BUILD_ID": "b1", "BUILDKITE_STEP_ID": "s1"},
        "BUILDKITE_RETRY_COUNT",
    ),
    "Bitbucket": (
        {
            "BITBUCKET_BUILD_NUMBER": "5",
            "BITBUCKET_REPO_FULL_NAME": "shop/web",
            "BITBUCKET_STEP_UUID": "{1}",
        },
        "BITBUCKET_STEP_RUN_NUMBER",
    ),
    "Azure": (
        {
            "TF_BUILD": "True",
            "SYSTEM_COLLECTIONURI": "https://dev.azure.com/shop/",
            "BUILD_BUILDID": "6",
            "SYSTEM_PHASENAME": "deploy",
            "SYSTEM_JOBNAME": "__default",
        },
        "SYSTEM_JOBATTEMPT",
    ),
}


@pytest.mark.parametrize(("job", "attempt"), JOBS.values(), ids=JOBS)
def test_a_job_that_is_run_again_is_the_same_job_with_a_later_attempt(
    job: dict[str, str], attempt: str
) -> None:
    first, again = detect_ci({**job, attempt: "1"}), detect_ci({**job, attempt: "2"})

    assert first.job is not None
    assert first.job == again.job
    assert (first.attempt, again.attempt) == (1, 2)


@pytest.mark.parametrize(("job", "attempt"), JOBS.values(), ids=JOBS)
def test_another_job_is_not_the_same_one_and_half_a_name_is_none(
    job: dict[str, str], attempt: str
) -> None:
    whole, name = {**job, attempt: "1"}, list(job)[-1]

    other = detect_ci({**whole, name: "another"})
    without = detect_ci({**whole, name: ""})

    assert other.job not in {None, detect_ci(whole).job}
    assert (without.job, without.attempt) == (None, None)


@pytest.mark.parametrize("count", ["", "one", "-1", "1.5", "9" * 19])
def test_an_attempt_that_cannot_be_counted_is_none(count: str) -> None:
    job, attempt = JOBS["GitLab"]

    assert detect_ci({**job, attempt: count}).job is None


def test_a_system_without_such_names_has_no_job_that_is_run_again() -> None:
    ci = detect_ci({"JENKINS_URL": "https://ci.example/", "BUILD_NUMBER": "7", "BUILD_ID": "7"})

    assert (ci.name, ci.job, ci.attempt) == ("jenkins", None, None)
