#!/usr/bin/env bash
# Sets up what `make run`, `make test` and `make image` need on a fresh Debian or Ubuntu, says what it installs, and shows progress.
# Usage: provisioning/setup.sh run|test|machine|image [BOARD]
# `machine` brings what starts a built image here (QEMU unpacked into build/emulator), and nothing of Python.
# Nothing is done twice: each step leaves a mark in build/setup/ and is skipped while its inputs are the same.
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:?run, test, machine or image}
board=${2:-pc}
marks=build/setup
mkdir -p "$marks" build/log build/report
timings=build/report/setup-$purpose.tsv
policy=/usr/sbin/policy-rc.d
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

system_packages() { # what is missing of Debian's packages
    local wanted=(g++ python3 python3-venv ca-certificates curl) missing=() package
    if [ "$purpose" = test ]; then
        wanted+=(avahi-daemon avahi-utils chromium dbus dovecot-imapd dovecot-lmtpd e2fsprogs fdisk git grub-common iproute2
            libnss-mdns mtools nftables postfix procps qemu-utils rauc shellcheck squashfs-tools swaks util-linux)
    fi
    if [ "$purpose" = machine ]; then
        wanted=(debian-archive-keyring dosfstools e2fsprogs fdisk grub-common mmdebstrap mtools rauc squashfs-tools tar)
        [ "$(dpkg --print-architecture)" != amd64 ] || wanted+=(grub-efi-amd64-bin)
    fi
    if [ "$purpose" = image ]; then
        wanted+=(bmap-tools debian-archive-keyring dosfstools e2fsprogs fdisk git mmdebstrap mtools tar xz-utils zstd)
        if foreign; then wanted+=(arch-test binfmt-support "g++-$(gnu_name)" qemu-user-static); fi
    fi
    for package in "${wanted[@]}"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "Installing with apt: ${missing[*]}"
    # No service of these packages may start here: the tests start their own, with their own settings.
    if [ ! -e $policy ]; then
        trap 'as_root rm -f $policy' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod +x $policy
    fi
    as_root apt-get update -qq >build/log/apt.log 2>&1 || true # an old list may still do
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
        >>build/log/apt.log 2>&1 || {
        tail -20 build/log/apt.log
        return 1
    }
}

architecture() { sed -n 's/^architecture = "\(.*\)"$/\1/p' "provisioning/image/boards/$board.toml"; }

foreign() { [ "$(architecture)" != "$(dpkg --print-architecture)" ]; }

gnu_name() { case $(architecture) in arm64) echo aarch64-linux-gnu ;; *) echo x86-64-linux-gnu ;; esac; }

emulation() { # has the kernel run programs of the board's architecture, for their packages' own scripts
    local handlers=/proc/sys/fs/binfmt_misc
    foreign || return 0
    [ -e $handlers/register ] || as_root mount -t binfmt_misc binfmt_misc $handlers || {
        echo "The kernel offers no binfmt_misc, without which programs for $(architecture) do not run here." >&2
        return 1
    }
    [ -n "$(ls $handlers/qemu-* 2>/dev/null)" ] || as_root update-binfmts --enable
}

emulator() { # QEMU and UEFI's firmware of the image's own suite, beside this machine's packages: newer, quicker, the same everywhere
    local suite folder=build/emulator
    suite=$(sed -n 's/^suite = "\(.*\)"$/\1/p' provisioning/image/packages.toml)
    [ "$(cat $folder/suite 2>/dev/null)" != "$suite" ] || return 0
    say "Fetching QEMU of Debian $suite into $folder"
    rm -rf $folder && mkdir -p $folder
    # shellcheck disable=SC2086 # without a mirror mmdebstrap chooses one
    as_root mmdebstrap --quiet --mode=root --variant=extract --include=ovmf,qemu-efi-aarch64,qemu-system-arm,qemu-system-x86 \
        "$suite" - ${DEBIAN_MIRROR:-} 2>build/log/emulator.log |
        tar -x --no-same-owner -C $folder --wildcards './usr/bin/qemu-system-*64' './usr/lib/*-linux-gnu' \
            './usr/share/AAVMF/AAVMF_CODE.no-secboot.fd' './usr/share/AAVMF/AAVMF_VARS.fd' './usr/share/OVMF/OVMF_*_4M.fd' \
            './usr/share/qemu' || {
        cat build/log/emulator.log
        return 1
    }
    echo "$suite" >$folder/suite
}

environment() {
    local python
    python=$(find_python) || {
        echo "No suitable Python was found: it takes 3.11 or newer with an sqlite3 that can load extensions." >&2
        echo "On Debian 12, Ubuntu 24.04 or newer, 'apt-get install python3 python3-venv' brings one." >&2
        return 1
    }
    if ! { [ -x .venv/bin/python ] && suitable .venv/bin/python; }; then
        say "Making the Python environment .venv with $python"
        rm -rf .venv
        "$python" -m venv .venv
    fi
}

unchanged() { # MARK - whether its files are as they were when it was set
    local mark=$marks/$1
    [ -f "$mark" ] && [ "$mark" -nt .venv/pyvenv.cfg ] && sha256sum --status -c "$mark"
}

mark() { # MARK FILE...
    local mark=$marks/$1
    shift
    sha256sum "$@" >"$mark"
}

packages() {
    local lock=provisioning/lock/${purpose/image/run}.txt without=build/setup/wheels-$purpose.txt
    unchanged "$purpose" && return
    # Everything but llama-cpp-python comes ready made; that one is compiled here, for this machine's own processor.
    awk '/^[a-z]/ {keep = !/^llama-cpp-python/} keep' "$lock" >"$without"
    say "Fetching Python packages ($(grep -c '^[a-z]' "$lock"), pinned with their hashes in $lock)"
    timed download install -qq -r provisioning/lock/build.txt -r "$without"
    if [ "$purpose" != image ]; then # an image brings its own
        .venv/bin/python -c 'import llama_cpp' 2>/dev/null ||
            say "Compiling llama.cpp for this machine: 3 to 10 minutes, only once (log: build/log/compile.log)"
        CMAKE_ARGS="${CMAKE_ARGS:--DLLAVA_BUILD=OFF}" timed compile compile "$lock"
    fi
    PYTHONWARNINGS=ignore .venv/bin/pip install --quiet --no-deps --no-build-isolation --no-index --editable .
    mark "$purpose" "$lock" provisioning/lock/build.txt pyproject.toml
}

install() { .venv/bin/pip install --disable-pip-version-check --no-build-isolation --require-hashes "$@"; }

compile() { # the compiler's own count, [12/140], becomes one line that moves
    local line shown="" pattern='^ *(\[[0-9]+/[0-9]+\])'
    install -v -r "$1" 2>&1 | tee build/log/compile.log | while IFS= read -r line; do
        if [[ $line =~ $pattern ]]; then
            printf '\r  %s   ' "${BASH_REMATCH[1]}"
            shown=yes
        elif [[ $line == *ERROR:* ]]; then
            printf '%s\n' "$line"
        elif [[ $line == *"Successfully installed"* && -n $shown ]]; then
            echo
        fi
    done
}

began=$SECONDS
timed apt system_packages
[ "$purpose" != image ] || emulation
if [ "$purpose" = machine ]; then
    timed emulator emulator
else
    environment
    packages
fi
printf 'total\t%s\n' $((SECONDS - began)) >>"$timings"
