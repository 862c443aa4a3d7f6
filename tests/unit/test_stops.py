from __future__ import annotations

import subprocess
import sys

import pytest

# The signal reaches another thread, and so ends no wait of the main one: what also happens to one
# that comes in the moment before a wait begins, when that moment is long on a busy machine.
SLEPT_OVER = """
import signal, threading
from accelerator.__main__ import Stops
stops, never, is_over = Stops(), threading.Event(), threading.Event()
stops.watch()

def work():
    never.wait(0.5)  # until the main thread waits for this one
    signal.pthread_kill(threading.get_ident(), signal.{name})
    never.wait(20)
    is_over.set()

side = threading.Thread(target=work, daemon=True)
side.start()
try:
    side.join()
except KeyboardInterrupt as stop:
    print(type(stop).__name__, is_over.is_set(), flush=True)
"""


@pytest.mark.parametrize(
    ("name", "stop"), [("SIGINT", "KeyboardInterrupt"), ("SIGTERM", "Terminated")]
)
def test_a_signal_that_the_main_thread_slept_over_ends_what_it_waits_for(
    name: str, stop: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SLEPT_OVER.format(name=name)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (done.stdout, done.stderr) == (f"{stop} False\n", "")
