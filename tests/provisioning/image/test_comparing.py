"""Two builds, compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.image.comparing import differences, main


@pytest.fixture
def builds(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("one", "two"):
        tree = tmp_path / name / "root" / "etc"
        tree.mkdir(parents=True)
        (tree / "file").write_text("same")
        (tree / "link").symlink_to("file")
        (tmp_path / name / "nisse.img").write_bytes(b"image")
    return tmp_path / "one", tmp_path / "two"


def test_two_builds_that_are_the_same_have_no_difference(builds: tuple[Path, Path]) -> None:
    assert list(differences(*builds)) == []
    assert main([str(build) for build in builds]) == 0


def test_content_mode_goal_and_absence_are_each_named(builds: tuple[Path, Path]) -> None:
    one, two = builds
    (two / "root/etc/file").write_text("else")
    (two / "root/etc").chmod(0o700)
    (two / "root/etc/link").unlink()
    (two / "root/etc/link").symlink_to("elsewhere")
    (one / "root/extra").touch()
    (two / "nisse.img").write_bytes(b"imagE")
    assert list(differences(one, two)) == [
        "nisse.img: content",
        "/etc: mode",
        "/etc/file: content",
        "/etc/link: goal",
        f"/extra: only in {one / 'root'}",
    ]
    assert main([str(build) for build in builds]) == 1


def test_a_wrong_question_is_answered_with_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nowhere"]) == 2
    assert "usage" in capsys.readouterr().err
