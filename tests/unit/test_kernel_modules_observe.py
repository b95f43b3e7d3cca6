"""What is found in a kernel's files."""
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead.kernel_modules_observe import observe_kernel, parse_os_release

FOUND = yaml.safe_load((Path(__file__).parent / "cases/kernel_modules/found.yml").read_text())


def write_root(root: Path, texts: dict[str, str]) -> str:
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return str(root)


@pytest.mark.parametrize("case", FOUND["cases"], ids=[case["ask"] for case in FOUND["cases"]])
def test_found(tmp_path, case):
    kernel = observe_kernel([case["ask"]], write_root(tmp_path, FOUND["files"]), FOUND["release"])
    name = case["ask"].replace("-", "_")
    assert kernel.found[name].state == case["state"]
    assert kernel.found[name].name == case.get("is", name)
    assert kernel.installed
    assert not kernel.locked


def test_one_missing_name_does_not_change_the_state_of_the_others(tmp_path):
    names = [case["ask"] for case in FOUND["cases"]]
    kernel = observe_kernel(names, write_root(tmp_path, FOUND["files"]), FOUND["release"])
    assert {case["ask"]: kernel.found[case["ask"].replace("-", "_")].state for case in FOUND["cases"]} == {
        case["ask"]: case["state"] for case in FOUND["cases"]}


def test_a_kernel_without_its_directory(tmp_path):
    root = write_root(tmp_path, {"proc/modules": "ip_vs 1 0 - Live 0x0\n", "etc/os-release": "ID=debian\n"})
    kernel = observe_kernel(["ip_vs", "ip_vs_rr"], root, "9.9")
    assert (kernel.found["ip_vs"].state, kernel.found["ip_vs_rr"].state) == ("loaded", "missing")
    assert not kernel.installed
    assert kernel.distribution == "debian"


def test_all_loaded_reads_no_file_of_the_kernel_package(tmp_path):
    root = write_root(tmp_path, {"proc/modules": "ip_vs 1 0 - Live 0x0\n"})
    (tmp_path / "lib/modules/9.9").mkdir(parents=True)
    (tmp_path / "lib/modules/9.9/modules.dep").write_bytes(b"\xff not text")
    assert observe_kernel(["ip-vs"], root, "9.9").found["ip_vs"].state == "loaded"


@pytest.mark.parametrize(("text", "words"), [
    ("ID=debian\nVERSION_ID=13\n", "debian"),
    ('ID=ubuntu\nID_LIKE=debian\n', "ubuntu debian"),
    ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "rocky rhel centos fedora"),
    ("", ""),
])
def test_os_release(text, words):
    assert parse_os_release(text) == words
