from __future__ import annotations

import pytest

from accelerator.demo.surroundings import make_surroundings

KEY = "01234567-89ab-cdef-0123-456789abcdef"


@pytest.mark.parametrize(
    "variable",
    [
        "HEROKU_API_KEY",
        "HEROKU_HOST",
        "ACCELERATOR_KEY_ENV",
        "ACCELERATOR_LOCK_REMOTE",
        "SHOP_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "NETRC",
        "GIT_CONFIG_VALUE_0",
        "GIT_ASKPASS",
        "MYPATH",
    ],
)
def test_the_demo_hands_on_no_key_whatever_its_name(variable: str) -> None:
    assert make_surroundings({variable: KEY}) == {}


def test_the_demo_hands_on_what_programs_need_to_run() -> None:
    needed = {
        "PATH": "/bin",
        "HOME": "/home/ada",
        "LC_ALL": "C.UTF-8",
        "https_proxy": "http://proxy.example:3128",
        "PYTHONPATH": "/src",
    }

    assert make_surroundings({**needed, "HEROKU_API_KEY": KEY}) == needed
