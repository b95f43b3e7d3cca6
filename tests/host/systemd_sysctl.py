"""Run in namespaces: random files in sysctl.d, applied by the real systemd-sysctl, against what sysctl_boot foresees.

Arguments: seed, number of cases. Prints one JSON object per difference; the last line is the number of values compared.
"""
from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

from namespaces import cover, fresh_devices  # makes our module_utils importable as well

# isort: split
from ansible.module_utils.fairlead.sysctl_boot import effective, read_boot_files, winner

PROGRAM = "/usr/lib/systemd/systemd-sysctl"
DEVICES = ("a", "b.10")
DIRECTORIES = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d")
NAMES = ("10-a.conf", "50-b.conf", "90-fairlead.conf", "99-zz-other.conf", "9-x.conf", "Z.conf", "note.txt",
         ".hid.conf")
# Plain numbers that the kernel neither ranges nor hands on to other keys, and one pair that is one variable.
PATHS = ["net/ipv4/ip_forward", "net/ipv4/conf/all/forwarding",
         *(f"net/ipv4/conf/{name}/{key}"
           for name in ("all", "default", "lo", *DEVICES) for key in ("tag", "medium_id"))]
PATTERNS = ["net/ipv4/conf/*/tag", "net.ipv4.conf.*.tag", "net/ipv4/conf/[ab]*/tag", "net/*/conf/a/tag",
            "net/ipv4/conf/a/*_id", "net/ipv4/conf/?/medium_id", "net/ipv4/*/tag"]


def spelled(path: str, dice: random.Random) -> str:
    dots = path.translate(str.maketrans("./", "/."))
    return dice.choice([path, dots, dots, f"/{path}", path.replace("/conf/", "//conf/./")])


def line(dice: random.Random) -> str:
    name = dice.choice(PATTERNS) if dice.random() < 0.35 else spelled(dice.choice(PATHS), dice)
    number = dice.choice("012") if "forward" not in name else dice.choice("01")
    blank = dice.choice(["", " ", "\t"])
    return dice.choices(
        [f"{name}{blank}={blank}{number}", f"-{name} = {number}  ", f"-{name}", f" - {name}={number}", "# c = 1",
         "; x=1", "", "rubbish", name, f"#{name}=7"],
        [12, 3, 2, 1, 1, 1, 1, 1, 1, 1])[0]


def write_case(dice: random.Random) -> None:
    for directory in DIRECTORIES:
        for file in Path(directory).iterdir():
            file.unlink()
        for name in NAMES:
            if dice.random() < 0.35:
                path = Path(directory, name)
                if dice.random() < 0.1:
                    path.symlink_to("/dev/null")
                else:
                    path.write_text("\n".join(line(dice) for _ in range(dice.randrange(1, 6))))


def value(path: str) -> str:
    return Path("/proc/sys", path).read_text().strip()


def compare(case: int) -> int:
    """Differences are printed; the number of values compared."""
    for path in PATHS:
        Path("/proc/sys", path).write_text("0" if "forward" in path else "5")
    before = {path: value(path) for path in PATHS}
    lines = effective(read_boot_files())
    subprocess.run([PROGRAM], capture_output=True, timeout=20, check=False)  # complains of rubbish with its status
    for path in PATHS:
        found = winner(lines, path)
        foreseen = before[path] if found is None else found.value
        if value(path) != foreseen:
            print(json.dumps({"case": case, "key": path, "kernel": value(path), "foreseen": foreseen,
                              "by": found and found.place}))
    return len(PATHS)


def main(seed: int, cases: int) -> None:
    cover()
    fresh_devices(*DEVICES)
    assert shutil.which(PROGRAM)
    total = 0
    for case in range(cases):
        write_case(random.Random(seed * 100_000 + case))
        total += compare(case)
    print(total)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
