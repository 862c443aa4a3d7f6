"""A web application that builds in a moment: scripts and tests ship it, with their own answers."""

from __future__ import annotations

SERVE = """
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status, body, headers = answer(self.path)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def make_application(answer: str, compiling: str, python: str = "python3") -> dict[str, str]:
    """Make the files of an application, which brings its own buildpack.

    `answer` is Python with a function of that name: of a path it gives status, body and headers.
    `compiling` is what the shell runs for a build: in `$1` are the files, in `$3` the config vars.
    """
    return {
        "Procfile": f"web: {python} -I -S -u server.py\n",
        "server.py": answer + SERVE,
        "bin/detect": "#!/bin/sh\necho Sample\n",
        "bin/compile": f"#!/bin/sh\n{compiling}",
    }
