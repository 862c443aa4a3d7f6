"""The line `local` prints once the platform is ready, and its blank document."""

from __future__ import annotations

from accelerator.output.outcome import Outcome
from accelerator.output.parts import Document, head, render_error


def local_document(  # the platform shares no code with us, so its values come one by one
    url: str | None,
    api_key: str | None,
    control_token: str | None,
    pid: int | None,
    tls_url: str | None = None,
    ca_file: str | None = None,
) -> Document:
    """Render where the platform is and what it takes to use it, as ``accelerator.local/1``."""
    return {
        **head("local", Outcome()),
        "url": url,
        "api_key": api_key,
        "control_token": control_token,
        "git_url": url,
        "pid": pid,
        "tls_url": tls_url,
        "ca_file": ca_file,
        "error": render_error(None),
    }


def blank() -> Document:
    """Return the document of a platform that did not start."""
    return local_document(None, None, None, None)
