"""Run commands and HTTP requests inside a network namespace, for a test outside of it.

Speaks JSON, one line a question and one line an answer, over its stdin and stdout. Everything it
started ends with its stdin. It is run as a script and uses the standard library alone.
"""

import base64
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from typing import Any
from urllib.parse import urlsplit

Question = dict[str, Any]


class Running:
    """A process in the background with what it has written so far."""

    def __init__(self, question: Question) -> None:
        self._process = subprocess.Popen(
            question["argv"],
            env=question["env"],
            cwd=question["cwd"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )
        self._text = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_for(self, text: str, seconds: float) -> str:
        """Return everything so far once `text` is in it, or after so many seconds."""
        deadline = time.monotonic() + seconds
        while text not in self._text and time.monotonic() < deadline and self._reader.is_alive():
            time.sleep(0.02)
        return self._text

    def stop(self) -> dict[str, Any]:
        """End it as Ctrl-C does and return its exit code and all it wrote."""
        self._signal(signal.SIGINT)
        try:
            code = self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            code = self._process.wait()
        self._reader.join()
        return {"code": code, "text": self._text}

    def _signal(self, number: int) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                self._text += line


class Agent:
    """Answer questions."""

    def __init__(self) -> None:
        self._running: dict[str, Running] = {}

    def answer(self, question: Question) -> Any:
        """Do what is asked for."""
        return getattr(self, f"do_{question['do']}")(question)

    def do_run(self, question: Question) -> Any:
        """Run a command to its end."""
        done = subprocess.run(
            question["argv"],
            env=question["env"],
            cwd=question["cwd"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=question["seconds"],
            check=False,
        )
        return {"code": done.returncode, "out": done.stdout, "err": done.stderr}

    def do_start(self, question: Question) -> Any:
        """Start a command in the background."""
        name = f"process-{len(self._running)}"
        self._running[name] = Running(question)
        return {"name": name}

    def do_wait(self, question: Question) -> Any:
        """Wait for a text in the output of a command in the background."""
        return {"text": self._running[question["name"]].wait_for(question["for"], 60)}

    def do_stop(self, question: Question) -> Any:
        """End a command in the background."""
        return self._running.pop(question["name"]).stop()

    def do_http(self, question: Question) -> Any:
        """Send one request."""
        url = urlsplit(question["url"])
        address = (url.hostname or "", url.port)
        if url.scheme == "https":
            trusted = ssl.create_default_context(cafile=question["ca_file"])
            connection: Any = http.client.HTTPSConnection(*address, timeout=60, context=trusted)
        else:
            connection = http.client.HTTPConnection(*address, timeout=60)
        try:
            target = f"{url.path}?{url.query}" if url.query else url.path
            body = base64.b64decode(question["body"])
            connection.request(question["method"], target, body or None, question["headers"])
            reply = connection.getresponse()
            text = reply.read().decode()
            return {"status": reply.status, "headers": dict(reply.headers), "text": text}
        finally:
            connection.close()

    def close(self) -> None:
        """End everything that still runs."""
        for running in self._running.values():
            running.stop()


def main() -> None:
    """Answer until stdin ends."""
    agent = Agent()
    try:
        for line in sys.stdin:
            try:
                answer = {"answer": agent.answer(json.loads(line))}
            except Exception as problem:
                answer = {"problem": repr(problem)}
            sys.stdout.write(f"{json.dumps(answer)}\n")
            sys.stdout.flush()
    finally:
        agent.close()


if __name__ == "__main__":
    main()
