"""A directory that looks like a node's root, for tests of its settings."""
from __future__ import annotations

from pathlib import Path

from ansible.module_utils.fairlead.plan import Plan
from ansible.module_utils.fairlead.sysctl_apply import Applier
from ansible.module_utils.fairlead.sysctl_files import Desired
from ansible.module_utils.fairlead.sysctl_observe import observe
from ansible.module_utils.fairlead.sysctl_plan import plan
from ansible.module_utils.fairlead.sysctl_settings import parse

RELEASE = "6.12.1"
FORWARD = "net.ipv4.ip_forward"
BRIDGE = "net.bridge.bridge-nf-call-iptables"


class Node:
    """A directory that looks like a node's root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.dropin = root / "etc/sysctl.d/90-fairlead.conf"
        self.udev = root / "etc/udev/rules.d/90-fairlead.rules"
        self.journal = root / "var/lib/fairlead/node_sysctl.json"
        self.write("etc/os-release", "ID=debian\n")
        self.key("net/ipv4/ip_forward", "0")

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def key(self, path: str, value: str) -> None:
        self.write(f"proc/sys/{path}", value + "\n")

    def value(self, path: str) -> str:
        return (self.root / "proc/sys" / path).read_text().strip()

    def loadable(self, *names: str) -> None:
        self.write(f"lib/modules/{RELEASE}/modules.dep", "".join(f"kernel/net/{name}.ko.xz:\n" for name in names))

    def loaded(self, name: str) -> None:
        self.write("proc/modules", f"{name} 1 0 - Live 0x0\n")

    def desired(self, settings: dict) -> Desired:
        return Desired(parse(settings), str(self.dropin), str(self.root / "etc/modprobe.d/fairlead-conntrack.conf"),
                       str(self.udev), str(self.journal))

    def plan(self, settings: dict) -> Plan:
        desired = self.desired(settings)
        return plan(desired, self.observe(desired))

    def observe(self, desired: Desired):
        return observe(desired.parsed.settings, desired.paths, desired.journal, str(self.root), RELEASE)

    def steps(self, settings: dict) -> list[str]:
        """The planned steps on keys and on the drop-in, for tests that are not about the other files."""
        others = {str(self.udev), str(self.journal)}
        return [step.describe() for step in self.plan(settings).steps if step.target not in others]

    def run(self, settings: dict) -> list[str]:
        """What a real run does: the steps; then nothing is left. Those of the journal and the udev rule are not
        shown."""
        planned, shown, apply = self.plan(settings), self.steps(settings), self.applier(settings)
        for step in planned.steps:
            apply(step)
        assert not self.plan(settings).changed
        return shown

    def applier(self, settings: dict) -> Applier:
        return Applier(self.desired(settings), str(self.root))
