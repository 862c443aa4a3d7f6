#!/usr/bin/env bash
# The job after the tests: the function for staging, and when it succeeds for production.
set -euo pipefail
for app in $TARGET_APPS; do
  TARGET_APP=$app bash "$FUNCTION"
done
