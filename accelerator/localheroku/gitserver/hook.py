"""The git hook: tell the platform what was pushed, copy what it answers, exit as it says.

Runs as `pre-receive` and `post-receive` with the bare interpreter, so it imports little, and
nothing of ours.
"""

import json
import os
import socket
import sys

TYPE_CHECKING = False  # typing costs start-up time
if TYPE_CHECKING:
    from typing import Any

_OBJECTS = ("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH")


def main(name: str, address: str) -> int:
    """Report the refs on stdin and return the exit status the platform chose."""
    port, _, token = address.partition(":")
    message = {
        "hook": name,
        "token": token,
        "refs": [line.split() for line in sys.stdin],
        "objects": {key: _absolute(os.environ[key]) for key in _OBJECTS if key in os.environ},
    }
    with socket.create_connection(("127.0.0.1", int(port))) as connection:
        connection.sendall(json.dumps(message).encode() + b"\n")
        while data := connection.recv(65536):
            text, end, code = data.partition(b"\0")
            os.write(1, text)
            if end:
                return int(code or connection.recv(9) or 1)
    # The platform went away: what it did not accept is refused.
    return 1


def read_message(line: bytes) -> "dict[str, Any]":
    """Read what a hook says; anybody on this machine can say something else: `ValueError`."""
    try:
        message = json.loads(line or b"{}")
    except RecursionError:
        message = None
    if not isinstance(message, dict) or not isinstance(message.get("token", ""), str):
        raise ValueError("that is no hook")
    return message


def _absolute(paths: str) -> str:
    return ":".join(os.path.abspath(path) for path in paths.split(":"))  # noqa: PTH100 (pathlib costs start-up time)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], os.environ["LOCALHEROKU_HOOK"]))
