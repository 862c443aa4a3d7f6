"""A shell in a terminal of tmux: keys in, screens out."""

from __future__ import annotations

import io
import re
import subprocess
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_FONT = re.compile(r"\s*@font-face \{.*?\}\n", re.DOTALL)
SERVER = "accelerator-screens"  # a server of its own: nobody's sessions are touched
PATIENCE_SECONDS = 90.0
PROMPT = "$ "


def tmux(*arguments: str, env: Mapping[str, str] | None = None) -> str:
    """Run a command of tmux and return what it printed."""
    command = ["tmux", "-L", SERVER, "-f", "/dev/null", *arguments]
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    return done.stdout


class Terminal:
    """One window with a shell in it."""

    def __init__(self, directory: Path, env: Mapping[str, str], columns: int, rows: int) -> None:
        shell = f"env PS1='{PROMPT}' bash --norc --noprofile -i"
        size = ("-x", str(columns), "-y", str(rows))
        tmux("new-session", "-d", "-s", "screen", *size, "-c", str(directory), shell, env=env)
        self.columns = columns
        self.wait(lambda: self.lines[:1] == [PROMPT.strip()])

    def type(self, *keys: str) -> None:
        """Type keys, named as tmux names them."""
        tmux("send-keys", "-t", "screen", *keys)

    @property
    def lines(self) -> list[str]:
        """Return what can be read, without blanks at the ends."""
        return [line.rstrip() for line in self.capture().rstrip().split("\n")]

    def capture(self, *options: str) -> str:
        """Return the screen with all that has scrolled away."""
        return tmux("capture-pane", "-p", "-S", "-", *options, "-t", "screen")

    def wait(self, is_there: Callable[[], bool]) -> None:
        """Wait until something can be seen."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_there():
            if time.monotonic() > deadline:
                raise TimeoutError("\n".join(self.lines))
            time.sleep(0.05)

    def close(self) -> None:
        """End the shell and the server."""
        tmux("kill-server")


def render_svg(ansi: str, columns: int, title: str) -> str:
    """Draw a captured screen; what a terminal shows, in its colours."""
    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True)
    for line in ansi.rstrip().split("\n"):
        console.print(Text.from_ansi(line), soft_wrap=True)
    svg = console.export_svg(title=title, unique_id=title.replace(" ", "-"))
    # Nothing is fetched for a picture: any font of fixed width will do.
    return _FONT.sub("", svg).replace("Fira Code, monospace", "ui-monospace, Menlo, monospace")
