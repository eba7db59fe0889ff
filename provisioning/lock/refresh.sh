#!/bin/sh
# Writes the lock files anew from pyproject.toml: every package pinned with its hashes, for every Python from
# 3.11 on, and no registry named. Needs uv (from PyPI). Run it after a change of pyproject.toml, then read the diff.
set -eu
cd "$(dirname "$0")/../.."
compile() { # FILE INPUT...
    file=$1; shift
    uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
        --custom-compile-command provisioning/lock/refresh.sh --allow-unsafe --quiet "$@" -o "provisioning/lock/$file"
}
lock() { # FILE EXTRA...
    file=$1; shift
    extras=""
    for extra in "$@"; do extras="$extras --extra $extra"; done
    # shellcheck disable=SC2086 # the extras are words
    compile "$file" $extras pyproject.toml
}
compile build.txt provisioning/lock/build.in
compile bench.txt provisioning/lock/bench.in
lock run.txt brain recall conversation channels portal updates
lock test.txt brain recall conversation channels portal updates test
