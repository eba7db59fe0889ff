#!/usr/bin/env bash
# Sets up what `make run` and `make test` need on a fresh Debian or Ubuntu, says what it installs, and shows progress.
# Usage: provisioning/setup.sh run|test
# Nothing is done twice: each step leaves a mark in build/setup/ and is skipped while its inputs are the same.
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:?run or test}
marks=build/setup
mkdir -p "$marks" build/log build/report
timings=build/report/setup-$purpose.tsv
: >"$timings"

say() { printf '\033[1m%s\033[0m\n' "$*"; }

timed() { # NAME COMMAND... - runs it and notes the seconds
    local name=$1 began=$SECONDS
    shift
    "$@"
    printf '%s\t%s\n' "$name" $((SECONDS - began)) >>"$timings"
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

suitable() { # whether this Python is new enough, can make environments, and lets SQLite load sqlite-vec
    "$1" - <<'PYTHON' 2>/dev/null
import ensurepip, sqlite3, sys, venv
assert sys.version_info >= (3, 11)
sqlite3.connect(":memory:").enable_load_extension(True)
PYTHON
}

find_python() {
    local candidate
    for candidate in "${NISSE_PYTHON:-}" /usr/bin/python3 /usr/bin/python3.1[1-9] python3; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null && suitable "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

system_packages() {
    local lock=provisioning/lock/$purpose.txt without=build/setup/wheels-$purpose.txt
    unchanged "$purpose" "$lock" provisioning/lock/build.txt pyproject.toml && return
    # Everything but llama-cpp-python comes ready made; that one is compiled here, for this machine's own processor.
    awk '/^[a-z]/ {keep = !/^llama-cpp-python/} keep' "$lock" >"$without"
    say "Fetching Python packages ($(grep -c '^[a-z]' "$lock"), pinned with their hashes in $lock)"
    timed download install --quiet -r provisioning/lock/build.txt -r "$without"
    .venv/bin/python -c 'import llama_cpp' 2>/dev/null ||
        say "Compiling llama.cpp for this machine: 3 to 10 minutes, only once (log: build/log/compile.log)"
    CMAKE_ARGS="${CMAKE_ARGS:--DLLAVA_BUILD=OFF}" timed compile compile "$lock"
    .venv/bin/pip install --quiet --no-deps --no-build-isolation --no-index --editable .
    mark "$purpose" "$lock" provisioning/lock/build.txt pyproject.toml
}

install() { .venv/bin/pip install --disable-pip-version-check --no-build-isolation --require-hashes "$@"; }

compile() { # the compiler's own count, [12/193], becomes one line that moves
    install -v -r "$1" 2>&1 | tee build/log/compile.log |
        awk '{gsub(/\033\[[0-9;]*m/, "")} /^ *\[[0-9]+\/[0-9]+\]/ {printf "\r  %s   ", $1; fflush(); shown = 1}
             /^ *ERROR/ {print; fflush()} END {if (shown) print ""}'
}

began=$SECONDS
timed apt system_packages
environment
packages
printf 'total\t%s\n' $((SECONDS - began)) >>"$timings"
