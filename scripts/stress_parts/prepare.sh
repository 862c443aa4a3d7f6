#!/usr/bin/env bash
# The job beside the tests, in our words: push the commit to the prepare app, whatever is there.
set -euo pipefail
heroku git:remote --remote prepare --app "$PREPARE_APP" >/dev/null
git push --quiet --force prepare "$GIT_COMMIT:refs/heads/main"
