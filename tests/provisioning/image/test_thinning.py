"""What is taken out of the installed packages."""

from __future__ import annotations

from pathlib import Path

from provisioning.image.thinning import one_copy_each, thin_out


def test_each_library_is_kept_once_under_both_of_its_names(tmp_path: Path) -> None:
    for name in ("libggml.so", "libggml.so.0", "libggml.so.0.25.3", "libggml-cpu-x64.so"):
        (tmp_path / name).write_bytes(name.encode())
    one_copy_each(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "libggml-cpu-x64.so", "libggml.so", "libggml.so.0",
    ]  # fmt: skip
    assert (tmp_path / "libggml.so").readlink() == Path("libggml.so.0")
    assert (tmp_path / "libggml-cpu-x64.so").read_bytes() == b"libggml-cpu-x64.so"


def test_a_packages_list_names_what_is_still_there_and_nothing_else(tmp_path: Path) -> None:
    names = (
        "numpy/__init__.py",
        "numpy/core/tests/test_a.py",
        "bin/f2py",
        "llama_cpp/lib/pkgconfig/llama.pc",
    )
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    record = tmp_path / "numpy-1.dist-info" / "RECORD"
    record.parent.mkdir()
    record.write_text("".join(f'"{name}",sha256=abc,1\n' for name in names))
    thin_out(tmp_path)
    assert record.read_text() == "numpy/__init__.py,sha256=abc,1\n"
    assert not (tmp_path / "bin").exists()
    assert not (tmp_path / "numpy/core/tests").exists()
