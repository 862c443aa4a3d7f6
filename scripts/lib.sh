# Shared by the door scripts: a virtual environment of the checkout's own, made once.
# Usage: . scripts/lib.sh; make_environment EXTRA

make_environment() {
  extra=$1
  # The dev extra holds all of the local one.
  if [ "$extra" = local ] && [ -e .venv/.installed-dev ]; then extra=dev; fi
  stamp=.venv/.installed-$extra
  locked=scripts/locked/$extra.txt
  python=${PYTHON:-python3}
  if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "error: Python 3.11 or newer is needed (set PYTHON to one)" >&2
    exit 2
  fi
  command -v git >/dev/null || { echo "error: git is needed" >&2; exit 2; }
  if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ] || [ "$locked" -nt "$stamp" ]; then
    [ -x .venv/bin/python ] || { echo "Creating .venv" >&2; "$python" -m venv .venv; }
    echo "Installing accelerator[$extra] into .venv" >&2
    if [ "${LOCKED:-yes}" = no ]; then
      pip_install --editable ".[$extra]"
    else
      # Only what scripts/lock-dependencies wrote down, file by file; what builds the package too.
      pip_install --require-hashes --requirement "$locked" || {
        echo "error: the locked versions could not be installed" >&2
        echo "hint: for an index without these files: LOCKED=no takes what it has" >&2
        exit 2
      }
      pip_install --no-deps --no-build-isolation --editable .
    fi
    # Where PYTHONDONTWRITEBYTECODE is set, every start would compile our modules again.
    .venv/bin/python -m compileall -q accelerator
    touch "$stamp"
  fi
  PATH=$PWD/.venv/bin:$PATH
  export PATH
}

pip_install() {
  .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"
}
