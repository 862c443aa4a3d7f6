"""The guestbook's own tests: a real server process, a real database."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from guestbook.store import MIGRATIONS, Store


class StoreTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.store = Store(pathlib.Path(folder.name) / "guestbook.db")

    def test_migrating_twice_applies_each_migration_once(self):
        self.assertEqual([self.store.migrate(), self.store.migrate()], [len(MIGRATIONS), 0])

    def test_the_newest_line_comes_first(self):
        self.store.migrate()
        for line in ("one", "two", "three"):
            self.store.add(line)
        self.assertEqual(self.store.newest(2), ["three", "two"])


class ServerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        environment = {
            **os.environ,
            "PORT": str(port),
            "DATABASE_FILE": str(pathlib.Path(folder.name) / "guestbook.db"),
            "HEROKU_BUILD_COMMIT": "a" * 40,
            "HEROKU_RELEASE_VERSION": "v7",
        }
        run = [sys.executable, "-m"]
        subprocess.run([*run, "guestbook.migrate"], env=environment, check=True, capture_output=True)
        cls.server = subprocess.Popen(
            [*run, "guestbook"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        cls.addClassCleanup(cls.server.wait)
        cls.addClassCleanup(cls.server.terminate)
        cls.url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("the server did not start")

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return answer.read().decode()

    def post(self, line):
        data = urllib.parse.urlencode({"line": line}).encode()
        with urllib.request.urlopen(self.url + "/", data, timeout=10) as answer:
            return answer.read().decode()

    def test_health_names_the_commit_and_the_release(self):
        health = json.loads(self.get("/health"))
        self.assertEqual(health, {"status": "ok", "commit": "a" * 40, "release": "v7"})

    def test_a_written_line_is_shown(self):
        self.assertIn("<li>hello there</li>", self.post("hello there"))

    def test_markup_in_a_line_is_shown_as_text(self):
        page = self.post("<script>alert(1)</script>")
        self.assertIn("&lt;script&gt;", page)
        self.assertNotIn("<script>", page)

    def test_an_empty_line_is_refused(self):
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.post("   ")
        self.assertEqual(caught.exception.code, 422)
        caught.exception.close()

    def test_other_pages_do_not_exist(self):
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.get("/nothing")
        self.assertEqual(caught.exception.code, 404)
        caught.exception.close()

    def test_many_visitors_at_once_lose_no_line(self):
        from concurrent.futures import ThreadPoolExecutor

        lines = [f"visitor {number}" for number in range(15)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self.post, lines))
        page = self.get("/")
        self.assertEqual([line for line in lines if f"<li>{line}</li>" not in page], [])


if __name__ == "__main__":
    unittest.main()
