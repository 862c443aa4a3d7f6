"""The environment of everything the demo starts: what programs need to run, and nothing secret.

Named one by one, because a key may stand under any name. What a test of one's own needs besides can
be set in its command: ``--test 'LEVEL=high pytest'``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NEEDED = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|TERM|COLORTERM|NO_COLOR|TZ|LANG|LANGUAGE|LC_\w+|TMPDIR|TEMP|TMP"
    r"|PYTHON\w*|VIRTUAL_ENV|COVERAGE_\w+|LD_LIBRARY_PATH|DYLD_\w+|XDG_\w+"
    r"|GEM_HOME|GEM_PATH|JAVA_HOME|GOPATH|GOROOT|NVM_DIR|NVM_BIN|NODE_PATH|NODE_EXTRA_CA_CERTS"
    r"|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE"
    r"|GIT_CONFIG_NOSYSTEM|GIT_CONFIG_GLOBAL|GIT_TERMINAL_PROMPT|GIT_EXEC_PATH"
)
# Proxies may have a password, but builds may need them to get anywhere.
_PROXY = re.compile(r"(?i:https?|all|no)_proxy", re.ASCII)


def make_surroundings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what of the caller's environment the demo hands on."""
    return {
        name: value
        for name, value in environment.items()
        if _NEEDED.fullmatch(name) or _PROXY.fullmatch(name)
    }
