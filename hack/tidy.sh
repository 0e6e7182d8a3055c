#!/usr/bin/env bash
# go mod tidy for every module. Alone, the root and what is in graceful/contrib require graceful at the version that was
# released last, which may lack what they import by now: here it is taken from the tree, and what go.sum says of the
# release is kept.
set -euo pipefail
cd "$(dirname "$0")/.."
graceful=github.com/lameduck-dev/lameduck/graceful
export GOWORK=off
for module in "$@"; do
  echo "tidy $module"
  case $module in
    . | ./graceful/contrib/*) ;;
    *) go -C "$module" mod tidy; continue ;;
  esac
  sum=$module/go.sum
  released=$(grep "^$graceful " "$sum" || true)
  (
    trap 'go -C "$module" mod edit -dropreplace "$graceful"' EXIT
    go -C "$module" mod edit -replace "$graceful=$PWD/graceful"
    go -C "$module" mod tidy
  )
  if [ -n "$released" ]; then
    printf '%s\n' "$released" >>"$sum"
    LC_ALL=C sort --stable --key=1,1 --output="$sum" "$sum"
  fi
done
