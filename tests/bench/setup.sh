#!/usr/bin/env bash
# Sets up what `make bench` compares the brain with, under build/bench/, after `provisioning/setup.sh run` has made .venv. Says what
# it fetches and builds; nothing is done twice. Nothing of it reaches .venv or the house.
#   venv/           llama_cpp.server and the example server's libraries; llama_cpp itself is .venv's, so that all run the same build
#   sdist/          the source of llama-cpp-python as pinned: the example server, and llama.cpp itself
#   llama-server    built from that source
set -euo pipefail
cd "$(dirname "$0")/../.."
place=build/bench
lock=provisioning/lock/bench.txt
mkdir -p $place build/log build/report
python=$PWD/.venv/bin/python
options=(-DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DBUILD_SHARED_LIBS=OFF -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF
    -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=ON -DLLAMA_BUILD_UI=OFF)

say() { printf '\033[1m%s\033[0m\n' "$*"; }

done_before() { # MARK TEXT... - whether that step was done with just this
    local mark=$place/$1.done
    shift
    [ -f "$mark" ] && [ "$(cat "$mark")" = "$*" ]
}

environment() {
    local state
    state="$(sha256sum <$lock) $(readlink -f "$python")"
    if ! done_before venv "$state"; then
        say "Fetching the peers' Python packages ($(grep -c '^[a-z].*==' $lock), pinned with their hashes in $lock)"
        rm -rf $place/venv
        "$python" -m venv $place/venv
        $place/venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $lock
        echo "$state" >$place/venv.done
    fi
    # At the end of the path: what both environments have is taken from this one.
    "$python" -c 'import sysconfig; print(sysconfig.get_paths()["platlib"])' \
        >"$($place/venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["platlib"])')/house.pth"
}

source_package() {
    local pinned
    pinned=$(awk '/^llama-cpp-python==/ {keep = 1; print; next} /^[a-z]/ {keep = 0} keep' provisioning/lock/run.txt)
    done_before sdist "$pinned" && return
    say "Fetching the source of llama-cpp-python (77 MB) for the example server and llama-server"
    rm -rf $place/sdist $place/download
    mkdir -p $place/sdist
    echo "$pinned" >$place/sdist.txt
    .venv/bin/pip download --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-binary :all: \
        --require-hashes -r $place/sdist.txt -d $place/download
    tar -xzf $place/download/llama_cpp_python-*.tar.gz --strip-components 1 -C $place/sdist
    rm -rf $place/download
    echo "$pinned" >$place/sdist.done
}

llama_server() {
    local state
    state="$(cat $place/sdist.done) ${options[*]}"
    if [ -x $place/llama-server ] && done_before llama-server "$state"; then return; fi
    say "Compiling llama.cpp's own llama-server: 5 to 15 minutes, only once (log: build/log/llama-server.log)"
    export PATH=$PWD/.venv/bin:$PATH
    cmake -S $place/sdist/vendor/llama.cpp -B $place/build -G Ninja "${options[@]}" >build/log/llama-server.log 2>&1 ||
        failed build/log/llama-server.log
    build || failed build/log/llama-server.log
    mv $place/build/bin/llama-server $place/llama-server
    rm -rf $place/build
    echo "$state" >$place/llama-server.done
}

build() { # the compiler's own count, [12/210], becomes one line that moves
    local line pattern='^(\[[0-9]+/[0-9]+\])'
    ninja -C $place/build llama-server 2>&1 | tee -a build/log/llama-server.log | while IFS= read -r line; do
        if [[ $line =~ $pattern ]]; then printf '\r  %s   ' "${BASH_REMATCH[1]}"; fi
    done
    echo
}

failed() {
    tail -20 "$1" >&2
    return 1
}

model() {
    "$python" - "$1" build/models <<'PYTHON'
import sys
from pathlib import Path
from agent.models import catalogue
from agent.models.fetch import fetch
from agent.models.shelf import Shelf

model, shelf = catalogue.load().find(sys.argv[1]), Shelf(Path(sys.argv[2]))
if not shelf.adopt(model):
    print(f"Fetching the model {model.title} ({model.size // 1_000_000} MB)")
    fetch(model, shelf, progress=lambda done, total: print(f"\r  {done * 100 // total} %", end="", flush=True))
    print()
PYTHON
}

environment
source_package
llama_server
model "${1:?the model}"
