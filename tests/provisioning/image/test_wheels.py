"""The packages for the target: what was fetched or built is what is installed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from agent.errors import UnavailableError
from provisioning.image import engine, wheels
from provisioning.image.architecture import ARCHITECTURES
from provisioning.image.job import Job
from provisioning.image.pins import Pin


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def flask(job: Job) -> Path:
    wheel = wheels.fetched(job) / "flask-3.1.3-py3-none-any.whl"
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(b"flask")
    return wheel


def test_a_fetched_wheel_is_named_with_its_own_hash_alone(job: Job, flask: Path) -> None:
    pin = Pin("flask", "3.1.3", (sha256(b"another platform's"), sha256(b"flask")))
    assert wheels.checked(job, pin) == f"flask==3.1.3 --hash={sha256(b'flask')}"


def test_a_wheel_that_was_changed_is_refused(job: Job, flask: Path) -> None:
    flask.write_bytes(b"something else")
    with pytest.raises(UnavailableError, match="was changed since"):
        wheels.checked(job, Pin("flask", "3.1.3", (sha256(b"flask"),)))


def test_a_wheel_that_was_built_here_is_known_by_the_hash_noted_then(job: Job) -> None:
    wheel = job.wheelhouse / "llama_cpp_python-0.3.36-py3-none-linux_x86_64.whl"
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(b"built")
    wheels.note_hash(wheel)
    pin = Pin("llama-cpp-python", "0.3.36", (sha256(b"its source"),))
    assert wheels.checked(job, pin).endswith(sha256(b"built"))
    wheel.write_bytes(b"touched")
    with pytest.raises(UnavailableError):
        wheels.checked(job, pin)


def test_a_wheel_of_another_version_does_not_stand_in(job: Job, flask: Path) -> None:
    with pytest.raises(UnavailableError, match=r"flask 3\.1\.4 is not in"):
        wheels.find(job, Pin("flask", "3.1.4", ("sha256:aa",)))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_wheels_for_older_systems_will_do_but_none_for_other_processors(name: str) -> None:
    kind = ARCHITECTURES[name]
    assert f"manylinux_2_17_{kind.machine}" in kind.wheel_platforms
    assert all(tag.endswith(kind.machine) for tag in kind.wheel_platforms)


def test_llama_cpp_is_compiled_for_all_processors_of_a_kind_never_for_the_builders() -> None:
    for kind in ARCHITECTURES.values():
        assert "-DGGML_NATIVE=OFF" in kind.engine_flags
        assert "-DGGML_CPU_ALL_VARIANTS=ON" in kind.engine_flags
        assert any("CMAKE_C_COMPILER" in flag for flag in kind.engine_flags) != kind.is_this_machine


def test_a_variant_that_the_compiler_cannot_make_is_left_out_and_a_missing_one_is_noticed(
    tmp_path: Path,
) -> None:
    listing = tmp_path / "CMakeLists.txt"
    listing.write_text(
        "    ggml_add_cpu_backend_variant(armv9.2_1    SVE)\n    ggml_add_cpu_backend_variant(armv9.2_11 X)\n"
    )
    engine._leave_out(listing, ("armv9.2_1",))
    first, second = listing.read_text().splitlines()
    assert first.lstrip().startswith("#")
    assert second.lstrip().startswith("ggml_add")
    with pytest.raises(UnavailableError, match="no variant armv10"):
        engine._leave_out(listing, ("armv10",))
