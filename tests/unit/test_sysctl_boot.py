"""What sysctl.d gives a key at boot. The same rules are compared with the real systemd-sysctl in tests/host."""
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead.conf_dirs import ConfFile, replaced
from ansible.module_utils.fairlead.sysctl_boot import effective, read_boot_files, read_procps_file, winner

CASES = yaml.safe_load((Path(__file__).parent / "cases/sysctl/boot.yml").read_text())


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_boot(tmp_path, case):
    for name, lines in case["files"].items():
        write(tmp_path, name, "\n".join(lines))
    line = winner(effective(read_boot_files(str(tmp_path))), case["key"])
    assert (line and line.value, line and line.place) == (case.get("value"), case.get("place"))


def test_a_link_to_dev_null_masks_a_file(tmp_path):
    write(tmp_path, "usr/lib/sysctl.d/50-a.conf", "net.x = 1")
    (tmp_path / "etc/sysctl.d").mkdir(parents=True)
    (tmp_path / "etc/sysctl.d/50-a.conf").symlink_to("/dev/null")
    assert winner(effective(read_boot_files(str(tmp_path))), "net/x") is None


def test_a_credential_comes_last(tmp_path):
    write(tmp_path, "etc/sysctl.d/99-a.conf", "net.x = 1")
    write(tmp_path, "run/credentials/systemd-sysctl.service/sysctl.extra", "net.x = 2")
    assert winner(effective(read_boot_files(str(tmp_path))), "net/x").place.endswith("sysctl.extra:1")


def test_sysctl_conf_counts_for_procps_unless_a_link_leads_to_it(tmp_path):
    write(tmp_path, "etc/sysctl.conf", "net.x = 1")
    assert [file.path for file in read_procps_file(str(tmp_path))] == ["/etc/sysctl.conf"]
    assert read_boot_files(str(tmp_path)) == []
    (tmp_path / "etc/sysctl.d").mkdir()
    (tmp_path / "etc/sysctl.d/99-sysctl.conf").symlink_to("../sysctl.conf")
    assert read_procps_file(str(tmp_path)) == []
    assert winner(effective(read_boot_files(str(tmp_path))), "net/x").place == "/etc/sysctl.d/99-sysctl.conf:1"


@pytest.mark.parametrize(("text", "order"), [
    ("new", ["/etc/a.conf", "/etc/m.conf", "/usr/z.conf"]), (None, ["/etc/a.conf", "/usr/z.conf"])])
def test_replaced(text, order):
    files = [ConfFile("/etc/a.conf", ""), ConfFile("/etc/m.conf", "old"), ConfFile("/usr/z.conf", "")]
    assert [file.path for file in replaced(files, "/etc/m.conf", text)] == order
    assert [file.path for file in replaced([files[0], files[2]], "/etc/m.conf", text)] == order
