"""The pages, as a WSGI application."""

import json
from html import escape
from urllib.parse import parse_qs

from guestbook import TITLE

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
  body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1rem }}
  input {{ font: inherit; width: 70% }} button {{ font: inherit }}
  footer {{ color: #666; font-size: .8rem; margin-top: 3rem }}
</style>
<h1>{title}</h1>
<form method="post"><input name="line" maxlength="200" required> <button>Write</button></form>
<ul>{entries}</ul>
<footer>commit {commit}, release {release}</footer>
</html>"""


class Guestbook:
    """The application; `environment` says which commit and release this is."""

    def __init__(self, store, environment):
        self.store = store
        self.commit = environment.get("HEROKU_BUILD_COMMIT") or environment.get(
            "HEROKU_SLUG_COMMIT", "unknown"
        )
        self.release = environment.get("HEROKU_RELEASE_VERSION", "unknown")

    def __call__(self, request, start_response):
        """Answer one request."""
        path, method = request.get("PATH_INFO", "/"), request["REQUEST_METHOD"]
        if path == "/health":
            return self.health(start_response)
        if path != "/":
            return answer(start_response, "404 Not Found", "text/plain", "no such page\n")
        if method == "POST":
            return self.write(request, start_response)
        return self.show(start_response)

    def health(self, start_response):
        """Say whether the database answers, and which commit serves."""
        self.store.newest(1)
        body = {"status": "ok", "commit": self.commit, "release": self.release}
        return answer(start_response, "200 OK", "application/json", json.dumps(body) + "\n")

    def write(self, request, start_response):
        """Keep a line, then show the page again."""
        size = int(request.get("CONTENT_LENGTH") or 0)
        form = parse_qs(request["wsgi.input"].read(size).decode())
        line = form.get("line", [""])[0].strip()
        if not line:
            return answer(start_response, "422 Unprocessable Content", "text/plain", "no line\n")
        self.store.add(line[:200])
        start_response("303 See Other", [("Location", "/")])
        return [b""]

    def show(self, start_response):
        """Show the newest lines."""
        entries = "".join(f"<li>{escape(line)}</li>" for line in self.store.newest())
        page = PAGE.format(
            title=escape(TITLE),
            entries=entries,
            commit=escape(self.commit),
            release=escape(self.release),
        )
        return answer(start_response, "200 OK", "text/html; charset=utf-8", page)


def answer(start_response, status, kind, text):
    """Give a text as the whole answer."""
    body = text.encode()
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]
