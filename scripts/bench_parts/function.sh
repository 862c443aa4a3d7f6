#!/usr/bin/env bash
# The deploy function this project starts from, in our words: promote when the prepare app's metadata
# names the commit, else deploy normally.
set -euo pipefail
heroku git:remote --remote prepare --app "$PREPARE_APP" >/dev/null
prepared=$(heroku config:get HEROKU_SLUG_COMMIT --remote prepare)
if [ "$prepared" = "$GIT_COMMIT" ]; then
  heroku pipelines:promote --app "$PREPARE_APP" --to "$TARGET_APP"
else
  echo "a miss: $PREPARE_APP holds '$prepared'" >&2
  heroku git:remote --remote target --app "$TARGET_APP" >/dev/null
  git push --quiet --force target "$GIT_COMMIT:refs/heads/main"
fi
