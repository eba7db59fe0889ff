#!/usr/bin/env bash
# Installs Nisse on an NVIDIA Jetson with JetPack 6 or newer, from the folder in which this file lies; also brings a newer version.
# Usage: sudo ./install.sh          compiles the model's engine for the graphics processor (10 to 40 minutes)
#        sudo ./install.sh --cpu    takes the engine that came along, which computes on the processor alone
#        sudo ./install.sh --remove takes Nisse away; what the house knows stays in /data/nisse
# What it puts into place: /opt/nisse (programs), the files listed in /opt/nisse/files, the folder /data/nisse (all state).
set -euo pipefail
cd "$(dirname "$0")"

root=              # what all of it is laid out below: the machine's own
programs=$root/opt/nisse
environment=$programs/venv
least_l4t=36       # JetPack 6; L4T 35 has a C library from 2019
room_mb=5000       # for compiling
start_s=300        # that the house may take to answer
orin=87            # its graphics processor, as CUDA counts them

say() { printf '\033[1m%s\033[0m\n' "$*"; }

fail() { # SENTENCE [WHAT TO DO]
    printf '\n%s\n' "$1" >&2
    [ $# -lt 2 ] || printf '%s\n' "$2" >&2
    exit 1
}

check_machine() {
    [ "$(id -u)" = 0 ] || fail "This has to be run as root." "Run: sudo $0 $*"
    [ "$(uname -m)" = aarch64 ] ||
        fail "This is for a 64-bit Arm machine; this one is $(uname -m)." "A PC takes the image 'pc'."
    [ -r "$root/etc/nv_tegra_release" ] ||
        fail "This is no Jetson with NVIDIA's Linux: there is no /etc/nv_tegra_release." \
            "Another Arm machine takes the image 'arm64', a Raspberry Pi the image 'rpi'."
    l4t=$(sed -n 's/^# R\([0-9]\{1,4\}\) .*/\1/p' "$root/etc/nv_tegra_release" | head -n 1)
    [ -n "$l4t" ] || fail "/etc/nv_tegra_release does not say which L4T this is." "Install JetPack 6 or newer."
    [ "$l4t" -ge $least_l4t ] ||
        fail "This Jetson runs L4T $l4t; $least_l4t (JetPack 6) or newer is needed." "Install JetPack 6 first."
}

check_files() {
    say "Checking the bundle"
    sha256sum --quiet --strict --check MANIFEST.sha256 ||
        fail "The bundle is not whole." "Fetch it again and unpack it with tar."
}

check_room() {
    local free
    mkdir -p "$programs"
    free=$(df --output=avail --block-size=1M "$programs" | tail -n 1)
    [ "$free" -ge $room_mb ] || fail "$programs has $free MB free; $room_mb are needed." "Make room, then run this again."
}

suitable() { # whether this Python can make environments, can load sqlite-vec, and has its packages here
    local number
    number=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || return 1
    [ -f "packages/house-$number.txt" ] || return 1
    "$1" -c 'import ensurepip, sqlite3, venv; sqlite3.connect(":memory:").enable_load_extension(True)' 2>/dev/null
}

find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11; do
        candidate=$(command -v "$candidate") || continue
        if suitable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

get_python() {
    python=$(find_python) && return
    say "Installing Python 3.11 with apt"
    apt-get install -y -qq --no-install-recommends python3.11 python3.11-venv >/dev/null || true
    python=$(find_python) || fail "No suitable Python was found: it takes 3.11, 3.12 or 3.13 with its module venv." \
        "Run 'sudo apt-get update && sudo apt-get install python3.11 python3.11-venv', then this again."
}

has_gomp() { ldconfig -p | grep -F libgomp.so.1 >/dev/null; }

get_libraries() { # what the engine computes with on several cores; a compiler brings it, a bare system lacks it
    has_gomp && return
    say "Installing libgomp1 with apt"
    apt-get install -y -qq --no-install-recommends libgomp1 >/dev/null || true
    has_gomp || fail "The library libgomp.so.1 is not here." \
        "Run 'sudo apt-get update && sudo apt-get install libgomp1', then this again."
}

find_compilers() {
    nvcc=$(command -v nvcc || true)
    [ -n "$nvcc" ] || nvcc=/usr/local/cuda/bin/nvcc
    [ -x "$nvcc" ] || fail "CUDA's compiler nvcc is not here." \
        "Install it with 'sudo apt-get install nvidia-jetpack', or let the house compute on the processor: $0 --cpu"
    command -v g++ >/dev/null ||
        fail "The compiler g++ is not here." "Install it with 'sudo apt-get install g++', then run this again."
}

pip_install() { "$fresh/bin/python" -I -m pip install --quiet --disable-pip-version-check --no-index --no-deps "$@"; }

make_environment() {
    local number
    fresh=$programs/venv-$(cat VERSION)-$(date +%s)
    number=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    trap undo EXIT # also after Ctrl-C, and where the line to the terminal breaks
    say "Making the Python environment with $python"
    "$python" -m venv "$fresh"
    pip_install --find-links packages --require-hashes -r packages/build.txt
    pip_install --find-links packages --require-hashes --no-build-isolation -r "packages/house-$number.txt"
    pip_install nisse-*.whl
}

compile_engine() {
    local jobs memory_gb
    # A job of CUDA's compiler takes about 2 GB.
    memory_gb=$(awk '/^MemAvailable/ {print int($2 / 2000000)}' /proc/meminfo)
    jobs=$(nproc)
    [ "$jobs" -le "$memory_gb" ] || jobs=$memory_gb
    [ "$jobs" -ge 1 ] || jobs=1
    architecture=native
    [ "$l4t" != $least_l4t ] || architecture=$orin
    say "Compiling llama.cpp for the graphics processor with $jobs jobs: 10 to 40 minutes (log: $programs/compile.log)"
    CUDACXX=$nvcc CMAKE_BUILD_PARALLEL_LEVEL=$jobs \
        CMAKE_ARGS="-DGGML_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES=$architecture -DLLAVA_BUILD=OFF" \
        "$fresh/bin/python" -I -m pip install --verbose --disable-pip-version-check --no-index --no-deps --find-links packages \
        --require-hashes --no-build-isolation -r packages/engine.txt >"$programs/compile.log" 2>&1 || {
        tail -n 20 "$programs/compile.log" >&2
        fail "llama.cpp does not compile." "Run '$0 --cpu' to let the house compute on the processor meanwhile."
    }
    "$fresh/bin/python" -I -c 'import llama_cpp, sys; sys.exit(not llama_cpp.llama_supports_gpu_offload())' ||
        fail "llama.cpp was compiled, but without the graphics processor." "Its log is $programs/compile.log."
}

take_engine() {
    say "Taking the engine for the processor"
    pip_install engine/*.whl
}

take_away() { # the files that are listed; one path a line
    local file
    while IFS= read -r file; do rm -f "$root$file"; done
}

lay_out() { # FOLDER - and takes away what was laid out before and is not in it
    (cd "$1" && find . -type f | cut -c 2-) >"$programs/files.new"
    cat "$programs/files.new" >>"$programs/files" # so that at no instant a file lies there that is not listed
    tar -C "$1" --owner=0 --group=0 --mode=u=rwX,go=rX -c . | tar -C "$root/" --no-overwrite-dir -x
    { grep -Fxv -f "$programs/files.new" "$programs/files" || true; } | take_away
    mv "$programs/files.new" "$programs/files"
}

keep_files() { # of the version before, as they are now; go_back lays them out again
    local file
    [ ! -d "$before/rootfs" ] || return 0 # an update that the power cut off has kept them already
    rm -rf "$before/rootfs.new"
    mkdir "$before/rootfs.new"
    { cat "$programs/files" || true; echo /etc/nisse/image.toml; } | while IFS= read -r file; do
        [ ! -f "$root$file" ] || echo ".$file"
    done | tar -C "$root/" -c -T - | tar -C "$before/rootfs.new" -x
    mv "$before/rootfs.new" "$before/rootfs"
}

lay_out_files() {
    say "Laying out the units"
    [ -z "$before" ] || keep_files
    lay_out rootfs
    mkdir -p "$root/etc/nisse"
    printf 'version = "%s"\nboard = "jetson"\nmodel = ""\n' "$(cat VERSION)" >"$root/etc/nisse/image.toml"
    mkdir -p "$root/data" "$root/usr/share/nisse/models"
    systemd-sysusers nisse.conf nisse-jetson.conf
    systemd-tmpfiles --create nisse.conf
}

running() { [ -d "$root/run/systemd/system" ]; }

switch() { # TO - from one environment to another in one step
    ln -sfn "$1" "$environment.new"
    mv -T "$environment.new" "$environment"
}

restart() {
    sysctl --quiet --load="$root/usr/lib/sysctl.d/60-nisse.conf"
    systemctl daemon-reload
    systemctl restart nisse-firstboot.service nisse.service || true
}

go_back() { # to the version before, with its files; they are removed last, so that it is done again where it is cut off
    switch "$before"
    lay_out "$before/rootfs"
    ! running || restart || true
    rm -rf "$before/rootfs"
}

undo() { # what an installation that came to no end leaves behind; the environment that is in use stays
    set +e
    trap '' HUP INT TERM PIPE
    if [ -n "$before" ] && [ -d "$before/rootfs" ]; then
        say "Going back to the version before"
        go_back
    fi
    [ "$(readlink "$environment")" = "$fresh" ] || rm -rf "$fresh"
}

answers() {
    local until=$((SECONDS + start_s))
    while [ $SECONDS -lt $until ]; do
        "$python" -c 'import urllib.request as r; r.build_opener(r.ProxyHandler({})).open("http://127.0.0.1/healthz", timeout=5)' \
            2>/dev/null && return
        sleep 2
    done
    return 1
}

start() {
    systemctl enable --quiet nisse-firstboot.service nisse.service
    if ! running; then
        say "systemd does not run here; the house starts with the system."
        return
    fi
    say "Starting the house"
    restart
    answers && return
    if [ -n "$before" ]; then
        go_back
        fail "The new version did not answer within $start_s s; the one before it runs again." "Its log: journalctl -u nisse"
    fi
    fail "The house does not answer yet." "Its log: journalctl -u nisse"
}

remove() {
    [ "$(id -u)" = 0 ] || fail "This has to be run as root." "Run: sudo $0 --remove"
    [ -f "$programs/files" ] || fail "Nisse is not installed here."
    systemctl disable --quiet nisse.service nisse-firstboot.service || true
    ! running || systemctl stop nisse.service nisse-firstboot.service || true
    take_away <"$programs/files"
    rm -rf "$programs" "$root/etc/nisse"
    ! running || systemctl daemon-reload
    say "Nisse is gone. What the house knew is still in /data/nisse."
}

install() {
    before=$(readlink "$environment" || true)
    [ -d "$before" ] || before=
    check_machine "$@"
    check_files
    check_room
    get_python
    get_libraries
    [ "${1:-}" = --cpu ] || find_compilers
    make_environment
    if [ "${1:-}" = --cpu ]; then take_engine; else compile_engine; fi
    lay_out_files
    switch "$fresh"
    start
    trap - EXIT
    [ -z "$before" ] || rm -rf "$before/rootfs"
    for old in "$programs"/venv-*; do
        [ "$old" = "$fresh" ] || [ "$old" = "$before" ] || rm -rf "$old"
    done
    say "Nisse $(cat VERSION) is installed: open http://$(hostname).local or http://nisse.local in this network."
    [ ! -s "$root/data/nisse/claim-code" ] || say "Claim code: $(cat "$root/data/nisse/claim-code")"
}

case "${1:-}" in
"" | --cpu) install "$@" ;;
--remove) remove ;;
*) fail "usage: $0 [--cpu | --remove]" ;;
esac
