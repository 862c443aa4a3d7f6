#!/usr/bin/env bash
# The deploy function this project starts from, in our words: promote when the prepare app's metadata names the commit.
set -euo pipefail
heroku git:remote --remote prepare --app "$PREPARE_APP" >/dev/null
prepared=$(heroku config:get HEROKU_SLUG_COMMIT --remote prepare)
if [ "$prepared" != "$GIT_COMMIT" ]; then
  echo "a miss: $PREPARE_APP holds '$prepared'" >&2
  exit 3
fi
heroku pipelines:promote --app "$PREPARE_APP" --to "$TARGET_APP"
