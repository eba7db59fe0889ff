"""The linters are tests: ruff, mypy --strict, shellcheck."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.source_tree import CHECKOUT


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing() -> None:
    run(sys.executable, "-m", "ruff", "check", ".")


def test_the_formatter_would_change_nothing() -> None:
    run(sys.executable, "-m", "ruff", "format", "--check", ".")


@pytest.mark.timeout(600)
def test_mypy_strict_finds_nothing() -> None:
    run(sys.executable, "-m", "mypy")


def test_shellcheck_finds_nothing() -> None:
    if not shutil.which("shellcheck") and not os.environ.get("CI"):
        pytest.skip("shellcheck is not installed; `make test` installs it")
    listed = subprocess.run(
        ["git", "ls-files"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout
    files = [CHECKOUT / name for name in listed.splitlines()]
    scripts = [
        str(file)
        for file in files
        if file.is_file() and file.read_bytes().startswith((b"#!/usr/bin/env bash", b"#!/bin/sh"))
    ]
    assert scripts
    run("shellcheck", *scripts)
