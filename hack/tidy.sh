#!/usr/bin/env bash
# go mod tidy for every module. Alone, the root requires graceful at the version that was released last, which may lack
# what the root imports by now: here it is taken from the tree, and what go.sum says of the release is kept.
set -euo pipefail
cd "$(dirname "$0")/.."
graceful=github.com/lameduck-dev/lameduck/graceful
export GOWORK=off
released=$(grep "^$graceful " go.sum || true)
trap 'go mod edit -dropreplace "$graceful"' EXIT
for module in "$@"; do
  echo "tidy $module"
  if [ "$module" = . ]; then go mod edit -replace "$graceful=./graceful"; fi
  (cd "$module" && go mod tidy)
done
if [ -n "$released" ]; then
  printf '%s\n' "$released" >>go.sum
  LC_ALL=C sort --stable --key=1,1 --output=go.sum go.sum
fi
