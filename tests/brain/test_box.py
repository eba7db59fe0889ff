"""What is seen of a machine, from the files that Linux shows on it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from agent.brain import box
from agent.brain.box import graphics
from agent.brain.box.graphics import Device, run
from agent.brain.llama.devices import devices, listed

PI_5 = {
    "proc/meminfo": "MemTotal:        8258816 kB\nMemFree:         6342144 kB\nMemAvailable:    7511040 kB\n",
    "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
    "proc/device-tree/compatible": "raspberrypi,5-model-b\0brcm,bcm2712\0",
    "proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd evtstrm aes crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp\n",
    "proc/self/status": "Name:\tpython\nCpus_allowed_list:\t0-3\n",
    "proc/self/cgroup": "0::/system.slice/nisse.service\n",
    **{f"sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list": f"{core}\n" for core in range(4)},
    **{f"sys/devices/system/cpu/cpu{core}/cpufreq/cpuinfo_max_freq": "2400000\n" for core in range(4)},
}
ORIN = {
    "proc/meminfo": "MemTotal:        7802956 kB\n",
    "proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0",
    "proc/device-tree/compatible": "nvidia,p3768-0000+p3767-0005\0nvidia,p3767-0005\0nvidia,tegra234\0",
    "etc/nv_tegra_release": "# R36 (release), REVISION: 3.0, GCID: 36923193, BOARD: generic, EABI: aarch64\n",
    "proc/self/status": "Cpus_allowed_list:\t0-5\n",
    **{f"sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list": f"{core}\n" for core in range(6)},
}
HYBRID = {  # an i5-1240P: 4 fast cores with two threads each, 8 slow ones
    "proc/meminfo": "MemTotal:       16092384 kB\n",
    "sys/class/dmi/id/sys_vendor": "Intel(R) Client Systems\n",
    "sys/class/dmi/id/product_name": "NUC12WSKi5\n",
    "proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu vme sse4_2 avx2 avx_vnni\nmodel name\t: 12th Gen Intel(R) Core(TM) i5-1240P\n",
    "proc/self/status": "Cpus_allowed_list:\t0-15\n",
    **{
        f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list": f"{cpu // 2 * 2}-{cpu // 2 * 2 + 1}\n"
        for cpu in range(8)
    },
    **{f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list": f"{cpu}\n" for cpu in range(8, 16)},
    **{f"sys/devices/system/cpu/cpu{cpu}/cpufreq/cpuinfo_max_freq": "4400000\n" for cpu in range(8)},
    **{f"sys/devices/system/cpu/cpu{cpu}/cpufreq/cpuinfo_max_freq": "3300000\n" for cpu in range(8, 16)},
}
CARD = Device(
    name="CUDA0", title="NVIDIA GeForce RTX 3060", memory=12_630_294_528, free=12_400_000_000, shared=False
)
SMI = "NVIDIA GeForce RTX 3060, 12288, 11911\n"


def _tree(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return root


def _nothing(_command: tuple[str, ...]) -> str:
    return ""


def test_a_raspberry_pi(tmp_path: Path) -> None:
    seen = box.look(root=_tree(tmp_path, PI_5), ask=_nothing)
    assert seen.board == "Raspberry Pi 5 Model B Rev 1.0"
    assert (seen.memory, seen.cores, seen.fast_cores) == (8457, 4, 4)
    assert "asimddp" in seen.flags
    assert seen.accelerators == ()


def test_a_jetson_shares_its_memory_with_its_graphics(tmp_path: Path) -> None:
    device = Device(name="CUDA0", title="Orin", memory=7_990_000_000, free=5_000_000_000, shared=False)
    seen = box.look(lambda: (device,), root=_tree(tmp_path, ORIN), ask=_nothing)
    (card,) = seen.accelerators
    assert (card.kind, card.shared, card.usable, card.memory) == ("tegra", True, True, seen.memory)
    assert seen.cores == 6


def test_a_jetson_whose_library_cannot_use_it_says_so(tmp_path: Path) -> None:
    (card,) = box.look(root=_tree(tmp_path, ORIN), ask=_nothing).accelerators
    assert (card.kind, card.usable) == ("tegra", False)


def test_of_two_kinds_of_cores_the_fast_ones_count_and_threads_of_one_core_count_once(tmp_path: Path) -> None:
    seen = box.look(root=_tree(tmp_path, HYBRID), ask=_nothing)
    assert seen.board == "Intel(R) Client Systems NUC12WSKi5"
    assert (seen.cores, seen.fast_cores) == (12, 4)


def test_little_cores_of_an_arm_board_are_told_by_their_capacity(tmp_path: Path) -> None:
    files = PI_5 | {
        f"sys/devices/system/cpu/cpu{core}/cpu_capacity": "1024\n" if core > 1 else "485\n"
        for core in range(4)
    }
    seen = box.look(root=_tree(tmp_path, files), ask=_nothing)
    assert (seen.cores, seen.fast_cores) == (4, 2)


@pytest.mark.parametrize(
    ("files", "memory"),
    [
        ({"sys/fs/cgroup/system.slice/nisse.service/memory.max": "2000000000\n"}, 2000),
        ({"sys/fs/cgroup/system.slice/memory.max": "3000000000\n"}, 3000),
        ({"sys/fs/cgroup/system.slice/nisse.service/memory.max": "max\n"}, 8457),
        ({"sys/fs/cgroup/memory.max": "1000000000\n", "proc/self/cgroup": "0::/\n"}, 1000),
        (
            {
                "proc/self/cgroup": "4:memory:/docker/abc\n1:cpu:/docker/abc\n",
                "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "1500000000\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            1500,
        ),
    ],
)
def test_a_container_leaves_less_memory(tmp_path: Path, files: dict[str, str], memory: int) -> None:
    assert box.look(root=_tree(tmp_path, PI_5 | files), ask=_nothing).memory == memory


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"proc/self/status": "Cpus_allowed_list:\t1,3\n"}, 2),
        ({"sys/fs/cgroup/system.slice/nisse.service/cpu.max": "150000 100000\n"}, 1),
        ({"sys/fs/cgroup/system.slice/nisse.service/cpu.max": "max 100000\n"}, 4),
        (
            {
                "proc/self/cgroup": "1:cpu,cpuacct:/a\n",
                "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "200000\n",
                "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
            },
            2,
        ),
        (
            {
                "proc/self/cgroup": "1:cpu:/a\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
            },
            4,
        ),
    ],
)
def test_a_container_leaves_fewer_cores(tmp_path: Path, files: dict[str, str], cores: int) -> None:
    assert box.look(root=_tree(tmp_path, PI_5 | files), ask=_nothing).cores == cores


def test_a_card_that_the_library_uses_is_taken_at_its_word(tmp_path: Path) -> None:
    (card,) = box.look(lambda: (CARD,), root=_tree(tmp_path, HYBRID), ask=lambda _: SMI).accelerators
    assert (card.kind, card.usable, card.shared) == ("cuda", True, False)
    assert (card.memory, card.free) == (12_630, 12_400)


def test_a_card_that_only_the_driver_knows_is_there_without_being_of_use(tmp_path: Path) -> None:
    (card,) = box.look(root=_tree(tmp_path, HYBRID), ask=lambda _: SMI).accelerators
    assert (card.name, card.usable, card.memory) == ("NVIDIA GeForce RTX 3060", False, 12_884)


def test_a_driver_without_its_program_still_tells_of_its_card(tmp_path: Path) -> None:
    files = HYBRID | {
        "proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t\t NVIDIA T400 4GB\nIRQ: 1\n"
    }
    (card,) = box.look(root=_tree(tmp_path, files), ask=_nothing).accelerators
    assert (card.name, card.usable) == ("NVIDIA T400 4GB", False)


def test_an_amd_card_is_told_from_what_a_processor_has_built_in(tmp_path: Path) -> None:
    files = HYBRID | {
        "sys/class/drm/card0/device/mem_info_vram_total": "536870912\n",
        "sys/class/drm/card1/device/mem_info_vram_total": "8573157376\n",
    }
    (card,) = box.look(root=_tree(tmp_path, files), ask=_nothing).accelerators
    assert (card.kind, card.memory, card.usable) == ("vulkan", 8573, False)


@pytest.mark.parametrize(
    "answer", ["garbage", "a, b, c\n", ", , ,\n", "card\n", "Orin, [N/A], [N/A]\n", "x, 1, 2, 3\n"]
)
def test_a_driver_that_talks_nonsense_is_not_believed(tmp_path: Path, answer: str) -> None:
    assert box.look(root=_tree(tmp_path, HYBRID), ask=lambda _: answer).accelerators == ()


def test_a_machine_without_any_of_these_files_is_seen_all_the_same(tmp_path: Path) -> None:
    seen = box.look(root=tmp_path, ask=_nothing)
    assert seen.memory > 100
    assert seen.cores >= 1
    assert seen.board


def test_a_program_that_is_not_there_or_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(("/nowhere/nvidia-smi",)) == ""
    assert run((sys.executable, "-c", "print('here')")).strip() == "here"
    monkeypatch.setattr("agent.brain.box.graphics._PATIENCE_S", 0.2)
    begun = time.monotonic()
    assert run((sys.executable, "-c", "import time; time.sleep(60)")) == ""
    assert time.monotonic() - begun < 30


def test_this_machine_is_seen() -> None:
    seen = box.look(devices)
    assert seen.memory > 100
    assert 1 <= seen.fast_cores <= seen.cores


def test_the_library_lists_its_devices() -> None:
    assert listed({0})  # every build has a processor
    assert all(device.name and device.title for device in listed({0}))
    assert all(device.memory > 0 for device in devices())


@pytest.mark.parametrize("node", ["dri/renderD128", "nvidiactl", "nvhost-ctrl-gpu", "nvmap", "dxg"])
def test_a_drivers_node_makes_a_graphics_card_possible(node: str, tmp_path: Path) -> None:
    assert not graphics.are_possible(tmp_path, "linux")
    assert graphics.are_possible(tmp_path, "darwin")
    (tmp_path / "dev" / node).parent.mkdir(parents=True)
    (tmp_path / "dev" / node).touch()
    assert graphics.are_possible(tmp_path, "linux")
