"""`--data DIR`: what was acknowledged is there again, however the platform ended."""

import contextlib
import os
import random
import resource
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from accelerator.localheroku.persistence.problems import DataUnusable
from accelerator.localheroku.server import LocalHeroku
from tests.contract.localheroku.load import Load
from tests.contract.localheroku.platform_fixture import Client, archive, eventually, web_app
from tests.contract.localheroku.served import Served, launch, served
from tests.ports import free_port

Git = Callable[..., subprocess.CompletedProcess[str]]
SLOW_COMMAND = {"Procfile": "worker: sleep 60\nrelease: echo begun; sleep 60\n"}


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Served]:
    """A process that can be killed."""
    with served(tmp_path / "data") as platform:
        yield platform


@pytest.fixture
def unrecorded(tmp_path: Path) -> Iterator[Served]:
    """A process that can be killed, of which not every answer is judged by the schema."""
    with served(tmp_path / "data", is_recorded=False) as platform:
        yield platform


@dataclass
class Kept:
    """A platform in this process, which is much quicker to start again."""

    data: Path
    session: requests.Session
    platform: LocalHeroku = field(default_factory=LocalHeroku)
    port: int = field(default_factory=free_port)

    def start(self) -> Client:
        self.platform = LocalHeroku(self.port, data=self.data).start()
        return Client(self.platform, self.session)

    def restart(self) -> Client:
        self.platform.stop()
        return self.start()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Kept]:
    with requests.Session() as session:
        session.trust_env = False
        kept = Kept(tmp_path / "data", session)
        try:
            yield kept
        finally:
            kept.platform.stop()


def everything(client: Client) -> dict[str, Any]:
    """Read all there is, except for dynos, which are started anew."""
    apps = client.get("/apps")
    found: dict[str, Any] = {path: client.get(path) for path in ("/account", "/apps", "/pipelines")}
    found["/oauth/authorizations"] = client.get("/oauth/authorizations")
    parts = ("builds", "releases", "config-vars", "features", "formation", "collaborators")
    for app in apps:
        for part in (*parts, "buildpack-installations"):
            path = f"/apps/{app['id']}/{part}"
            found[path] = client.get(path)
        for release in found[f"/apps/{app['id']}/releases"]:
            path = f"/apps/{app['id']}/releases/{release['id']}/config-vars"
            found[path] = client.get(path)
            if release["slug"]:
                path = f"/apps/{app['id']}/slugs/{release['slug']['id']}"
                found[path] = client.get(path)
    for pipeline in found["/pipelines"]:
        path = f"/pipelines/{pipeline['id']}/pipeline-couplings"
        found[path] = client.get(path)
    return without_signatures(found)


def without_signatures(value: Any) -> Any:
    """Cut the query off signed URLs: it names the hour."""
    if isinstance(value, dict):
        return {key: without_signatures(each) for key, each in value.items()}
    if isinstance(value, list):
        return [without_signatures(each) for each in value]
    return value.partition("?expires=")[0] if isinstance(value, str) else value


def text_of(client: Client, output: dict[str, Any]) -> str:
    answer = client.session.get(output["output_stream_url"], timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.text


def make_pipeline(client: Client) -> tuple[Any, Any, Any]:
    """Return a pipeline with an app in staging and one in production."""
    pipeline = client.post(
        "/pipelines",
        {"name": "shop", "owner": {"id": client.get("/account")["id"], "type": "user"}},
    )
    apps = [client.post("/apps", {"name": f"shop-{stage}"}) for stage in ("staging", "production")]
    for app, stage in zip(apps, ("staging", "production"), strict=True):
        body = {"app": app["id"], "pipeline": pipeline["id"], "stage": stage}
        client.post("/pipeline-couplings", body)
    return pipeline, apps[0], apps[1]


def promote(client: Client, pipeline: Any, source: Any, target: Any) -> Any:
    return client.post(
        "/pipeline-promotions",
        {
            "pipeline": {"id": pipeline["id"]},
            "source": {"app": {"id": source["id"]}},
            "targets": [{"app": {"id": target["id"]}}],
        },
    )


def commit(git: Git, tmp_path: Path, files: dict[str, str]) -> Path:
    repository = tmp_path / "work"
    git("init", "-b", "main", str(repository), cwd=tmp_path)
    for name, content in files.items():
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o755 if name.startswith("bin/") else 0o644)
    git("add", ".", cwd=repository)
    git("commit", "-m", "Begin", cwd=repository)
    return repository


def push(git: Git, client: Client, repository: Path, app: str) -> subprocess.CompletedProcess[str]:
    host = client.platform.url.removeprefix("http://")
    url = f"http://x:{client.platform.api_key}@{host}/{app}.git"
    return git("push", url, "main", cwd=repository)


class TestAfterARestart:
    def test_everything_is_as_it_was(self, own: Kept) -> None:
        client = own.start()
        pipeline, source, target = make_pipeline(client)
        client.patch(f"/apps/{source['id']}/config-vars", {"GREETING": " ünï", "GONE": "1"})
        client.patch(f"/apps/{source['id']}/config-vars", {"GONE": None})
        client.patch(f"/apps/{source['id']}/features/runtime-dyno-metadata", {"enabled": True})
        build = client.build(source["id"], web_app("kept"))
        promote(client, pipeline, source, target)
        client.patch(f"/apps/{target['id']}/formation/web", {"quantity": 0})
        client.patch(f"/apps/{target['id']}", {"maintenance": True})
        gone = client.post("/apps", {"name": "gone"})
        assert client.call("DELETE", f"/apps/{gone['id']}").status_code == 200
        before, output = everything(client), text_of(client, build)

        client = own.restart()

        assert everything(client) == before
        assert text_of(client, build) == output
        assert "Released v" in output
        assert client.page(source) == "kept ünï"

    def test_key_address_and_web_addresses_are_the_same(self, own: Kept) -> None:
        before = own.start().platform
        web_url = Client(before, own.session).post("/apps", {"name": "shop"})["web_url"]

        client = own.restart()

        assert client.platform.url == before.url
        assert client.platform.api_key == before.api_key
        assert client.get("/apps/shop")["web_url"] == web_url

    def test_a_web_address_is_none_that_connections_are_given(self, own: Kept) -> None:
        web_url = own.start().post("/apps", {"name": "shop"})["web_url"]

        assert int(web_url.rstrip("/").rpartition(":")[2]) in range(10_000, 20_000)

    def test_a_key_given_later_is_accepted_beside_the_first(self, own: Kept) -> None:
        first = own.start().platform.api_key
        own.platform.stop()

        with LocalHeroku(api_keys=["HRKU-later"], data=own.data) as platform:
            client = Client(platform, own.session)
            answers = [
                client.call("GET", "/account", Authorization=f"Bearer {key}").status_code
                for key in (first, "HRKU-later")
            ]

        assert answers == [200, 200]

    def test_a_web_address_that_was_taken_meanwhile_is_given_up(self, own: Kept) -> None:
        web_url = own.start().post("/apps", {"name": "shop"})["web_url"]
        own.platform.stop()
        port = int(web_url.rstrip("/").rpartition(":")[2])

        with socket.create_server(("127.0.0.1", port)):
            client = own.start()

        assert client.get("/apps/shop")["web_url"] != web_url

    def test_versions_go_on_where_they_were(self, own: Kept) -> None:
        client = own.start()
        client.post("/apps", {"name": "shop"})
        client.patch("/apps/shop/config-vars", {"A": "1"})

        client = own.restart()
        client.patch("/apps/shop/config-vars", {"A": "2"})

        versions = [release["version"] for release in client.get("/apps/shop/releases")]
        assert versions == [1, 2, 3, 4]

    def test_signed_urls_given_out_before_still_work(self, own: Kept) -> None:
        client = own.start()
        app = client.post("/apps", {"name": "shop"})
        slug = client.post(f"/apps/{app['id']}/slugs", {"process_types": {"worker": "sleep 9"}})

        client = own.restart()
        data = archive({"app/text": "uploaded"})
        stored = client.session.put(slug["blob"]["url"], data=data, timeout=60)
        client.post(f"/apps/{app['id']}/releases", {"slug": slug["id"]})

        assert stored.status_code == 200
        got = client.get(f"/apps/{app['id']}/slugs/{slug['id']}")["blob"]["url"]
        assert client.session.get(got, timeout=60).content == data

    def test_time_that_was_moved_stays_moved(self, own: Kept) -> None:
        client = own.start()
        client.control("POST", "/clock", {"advance_seconds": 40 * 86400})
        before = client.control("GET", "/clock")["time"]

        client = own.restart()

        assert client.control("GET", "/clock")["time"] >= before

    def test_the_git_repository_is_up_to_date(self, own: Kept, git: Git, tmp_path: Path) -> None:
        client = own.start()
        client.post("/apps", {"name": "shop"})
        repository = commit(git, tmp_path, web_app("pushed"))
        assert push(git, client, repository, "shop").returncode == 0

        client = own.restart()
        again = push(git, client, repository, "shop")

        assert "Everything up-to-date" in again.stderr
        assert client.page(client.get("/apps/shop")) == "pushed"


@dataclass
class Cut:
    """What was under way when its platform was killed, and a client of the next one."""

    client: Client
    build: Any
    promotion: Any


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cut]:
    with served(tmp_path_factory.mktemp("cut") / "data") as kept:
        client = kept.start()
        pipeline, source, target = make_pipeline(client)
        client.build(source["id"], web_app("promoted"))
        for name in ("building", "releasing"):
            client.post("/apps", {"name": name})
        client.build("releasing", web_app("old"))
        client.control("PUT", "/durations", {"promotion_seconds": 600})
        promotion = promote(client, pipeline, source, target)
        client.build("releasing", {**web_app("new"), **SLOW_COMMAND})
        files = web_app(**{"bin/compile": "#!/bin/sh\necho begun\nsleep 60\n"})
        build = client.start_build("building", files)
        eventually(lambda: "begun" in log_so_far(client, build))
        yield Cut(kept.restart(), build, promotion)


class TestAfterAKillInTheMiddle:
    def test_a_running_build_has_failed_and_says_why(self, cut: Cut) -> None:
        client = cut.client

        after = client.get(f"/apps/building/builds/{cut.build['id']}")

        assert after["status"] == "failed"
        assert after["release"] is None
        assert "stopped before this was finished" in text_of(client, after)
        assert len(client.get("/apps/building/releases")) == 2
        assert client.build("building", web_app("next"))["status"] == "succeeded"

    def test_a_running_release_command_has_failed_and_the_old_release_serves(
        self, cut: Cut
    ) -> None:
        client = cut.client

        release = client.get("/apps/releasing/releases/4")

        assert (release["status"], release["current"]) == ("failed", False)
        assert client.get("/apps/releasing/releases/3")["current"] is True
        assert "stopped before" in text_of(client, release)
        assert client.page(client.get("/apps/releasing")) == "old"

    def test_a_pending_promotion_has_failed_with_a_reason(self, cut: Cut) -> None:
        path = f"/pipeline-promotions/{cut.promotion['id']}"

        (settled,) = cut.client.get(f"{path}/promotion-targets")

        assert cut.promotion["status"] == "pending"
        assert cut.client.get(path)["status"] == "completed"
        assert (settled["status"], settled["release"]) == ("failed", None)
        assert "stopped in the middle" in settled["error_message"]

    @pytest.mark.parametrize("is_packed", [False, True], ids=["in place", "in the archive"])
    def test_a_push_that_moved_the_ref_is_released_after_all(
        self, kept: Served, git: Git, tmp_path: Path, *, is_packed: bool
    ) -> None:
        client = kept.start()
        app = client.post("/apps", {"name": "shop"})
        # Kept in place, the ref is moved when this hook begins; in an archive, when it has ended.
        client.control("PUT", "/git-storage", {"storage": "compare-and-swap"})
        repository = commit(git, tmp_path, web_app("pushed"))
        assert kept.data is not None
        assert kept.process is not None
        hook = kept.data / "git" / ".hooks" / "post-receive"
        pack = "git pack-refs --all\n" if is_packed else ""
        hook.write_text(f"#!/bin/sh\n{pack}kill -9 {kept.process.pid}\n")

        push(git, client, repository, "shop")
        client = kept.restart()

        (build,) = client.get("/apps/shop/builds")
        assert build["status"] == "succeeded"
        release = client.get("/apps/shop/releases/3")
        assert build["release"] == {"id": release["id"]}
        assert client.page(app) == "pushed"
        assert "Everything up-to-date" in push(git, client, repository, "shop").stderr
        client = kept.restart()
        assert len(client.get("/apps/shop/releases")) == 3

    @pytest.mark.parametrize("hook", ["pre-receive", "post-receive"])
    def test_a_push_that_did_not_upload_the_ref_can_be_repeated(
        self, kept: Served, git: Git, tmp_path: Path, hook: str
    ) -> None:
        client = kept.start()
        client.post("/apps", {"name": "shop"})
        repository = commit(git, tmp_path, web_app("pushed"))
        assert kept.data is not None
        assert kept.process is not None
        script = kept.data / "git" / ".hooks" / hook
        script.write_text(f"#!/bin/sh\nkill -9 {kept.process.pid}\nexit 1\n")

        cut = push(git, client, repository, "shop")
        client = kept.restart()
        repeated = push(git, client, repository, "shop")

        assert cut.returncode != 0
        assert repeated.returncode == 0, repeated.stderr
        assert [each["version"] for each in client.get("/apps/shop/releases")] == [1, 2, 3]

    def test_what_a_killed_git_and_cut_uploads_left_is_removed(self, own: Kept) -> None:
        app = own.start().post("/apps", {"name": "shop"})
        own.platform.stop()
        repository = own.data / "git" / app["id"]
        left = [
            repository / "refs" / "heads" / "main.lock",
            repository / "objects" / "tmp_objdir-incoming-a1" / "pack" / "x",
            own.data / "blobs" / "sources" / ".cut.0a1b",
            own.data / "blobs" / "slugs" / "0b3a0c5e-0000-4000-8000-000000000000.tgz",
            own.data / "blobs" / "caches" / ".build-shop-x" / "source" / "file",
            own.data / "blobs" / "downloads" / "a",
            own.data / "git" / "0b3a0c5e-0000-4000-8000-000000000000" / "HEAD",
            own.data / "git" / ".copies" / "0b3a0c5e" / "HEAD",
            own.data / "outputs" / "0b3a0c5e-0000-4000-8000-000000000000",
            own.data / "dynos" / "web.1-abc" / "app" / "file",
        ]
        for path in left:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

        own.start()

        assert [path for path in left if path.exists()] == []
        assert repository.exists()


def log_so_far(client: Client, build: Any) -> str:
    """Return what a running build has printed; its stream does not end before it does."""
    with client.session.get(build["output_stream_url"], stream=True, timeout=60) as answer:
        return next(answer.iter_content(1 << 16), b"").decode() if answer.ok else ""


@pytest.mark.parametrize(
    "rounds", [pytest.param(2, id="quick"), pytest.param(25, id="many", marks=pytest.mark.slow)]
)
def test_kills_at_any_moment_lose_nothing_that_was_acknowledged(
    unrecorded: Served, rounds: int
) -> None:
    chance = random.Random(7)  # noqa: S311 - chance, not secrecy
    client = unrecorded.start()
    load = Load.prepare(client, clients=4)

    for _ in range(rounds):
        with load.running(client, is_cut=True):
            time.sleep(chance.uniform(0.1, 0.6))
            unrecorded.kill()
        client = unrecorded.restart()
        load.check(client)

    assert load.acknowledged > rounds


class TestTheDirectory:
    def test_it_is_refused_while_another_platform_has_it(self, own: Kept) -> None:
        client = own.start()

        with launch(own.data) as process:
            _, errors = process.communicate(timeout=60)

        assert process.returncode == 2
        assert f"is in use by another local platform (process {os.getpid()})" in errors
        assert client.get("/apps") == []

    def test_one_with_other_files_is_refused_and_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.txt").write_text("42")

        assert "is not a data directory of the local platform" in refusal(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]

    def test_a_file_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.touch()

        assert f"{file} is not a directory" in refusal(file)

    def test_a_place_where_nothing_can_be_made_is_refused(self) -> None:
        assert "cannot be used" in refusal(Path("/proc/nothing"))

    @pytest.mark.parametrize(
        ("spoil", "reason"),
        [
            pytest.param(
                lambda path: path.write_text("not a database, but long enough" * 9),
                "file is not a database",
                id="no database",
            ),
            pytest.param(
                lambda path: change(path, "update object set body = '[\"App\",{}]'"),
                "cannot be read",
                id="objects without their fields",
            ),
            pytest.param(
                lambda path: change(path, "update object set kind = 'x' where kind = 'account'"),
                "cannot be read",
                id="an unknown kind",
            ),
            pytest.param(
                lambda path: change(path, "pragma user_version = 99"),
                "written by a newer version",
                id="of a newer version",
            ),
            pytest.param(
                lambda path: change(path, "pragma application_id = 1"),
                "was not written by this platform",
                id="another program's database",
            ),
        ],
    )
    def test_a_state_that_cannot_be_read_is_refused(
        self, own: Kept, spoil: Callable[[Path], object], reason: str
    ) -> None:
        own.start().post("/apps", {"name": "shop"})
        own.platform.stop()
        spoil(own.data / "state.sqlite3")

        before = rows(own.data)

        assert reason in refusal(own.data)
        assert rows(own.data) == before

    def test_nobody_else_can_read_it(self, own: Kept) -> None:
        own.start()

        assert own.data.stat().st_mode & 0o077 == 0

    def test_without_it_nothing_is_kept_and_no_database_opened(self, own: Kept) -> None:
        with LocalHeroku() as platform:
            Client(platform, own.session).post("/apps", {"name": "shop"})
            opened = set()
            for each in Path("/proc/self/fd").iterdir():
                with contextlib.suppress(OSError):  # it has just been closed
                    opened.add(str(each.readlink()))

        with LocalHeroku() as platform:
            assert Client(platform, own.session).get("/apps") == []
        assert not [name for name in opened if "sqlite" in name]


def change(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as database:
        database.execute(statement)
    database.close()


def rows(data: Path) -> list[Any]:
    """Return what a database holds, nothing if it is none."""
    with (
        contextlib.suppress(sqlite3.DatabaseError),
        contextlib.closing(sqlite3.connect(data / "state.sqlite3")) as database,
    ):
        return database.execute("select * from object").fetchall()
    return []


def refusal(data: Path) -> str:
    """Return why a platform does not start."""
    with pytest.raises(DataUnusable) as refused:
        LocalHeroku(data=data).start()
    return str(refused.value)


def test_what_cannot_be_written_is_not_acknowledged(unrecorded: Served) -> None:
    client = unrecorded.start()
    client.post("/apps", {"name": "shop"})
    assert unrecorded.process is not None
    assert unrecorded.data is not None
    full = (unrecorded.data / "state.sqlite3-wal").stat().st_size + 20_000
    resource.prlimit(unrecorded.process.pid, resource.RLIMIT_FSIZE, (full, full))

    acknowledged = 0
    while (answer := put_number(client, acknowledged + 1)).status_code == 200:
        acknowledged += 1
        assert acknowledged < 1000
    client = unrecorded.restart()

    assert answer.status_code == 503
    assert answer.json()["id"] == "service_unavailable"
    assert client.get("/apps/shop/config-vars")["NUMBER"] == str(acknowledged)
    versions = [release["version"] for release in client.get("/apps/shop/releases")]
    assert versions == list(range(1, acknowledged + 3))


def put_number(client: Client, number: int) -> requests.Response:
    return client.call("PATCH", "/apps/shop/config-vars", {"NUMBER": str(number)})


def test_an_interrupt_ends_it_in_order(kept: Served) -> None:
    kept.start().post("/apps", {"name": "shop"})
    assert kept.process is not None
    kept.process.send_signal(signal.SIGINT)
    with kept.process:
        pass

    assert [app["name"] for app in kept.start().get("/apps")] == ["shop"]
