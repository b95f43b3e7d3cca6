"""kube-proxy as a unit of systemd, stopped and started there; its configuration file says in which mode."""
from __future__ import annotations

from collections.abc import Callable

from ansible.module_utils.fairlead import files
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.kube_proxy import unit
from ansible.module_utils.fairlead.mode_change import kubeconfig

SECONDS = 60.0  # for systemctl, which waits until it is done


class SystemdWay:
    """As ways.Way says."""

    def __init__(self, path: str, own_kubeconfig: str, commands: Commands) -> None:
        self._path, self._kubeconfig, self._commands = path, own_kubeconfig, commands

    def access(self) -> kubeconfig.Access:
        return kubeconfig.read(self._kubeconfig)

    def try_out(self) -> None:
        """Whoever may load the bridge may ask systemd, too."""

    def prepare(self, _say: Callable[[str], None]) -> None:
        """The unit is enabled: a boot starts it, in whichever mode its file then says."""

    def is_at(self, place: str) -> bool:
        return files.read_text(self._path) == place

    def stop(self, _check: Callable[[], None]) -> None:
        self._systemctl("stop")

    def configure(self, place: str) -> None:
        if not self.is_at(place):
            files.write_text(self._path, place)

    def start(self, _place: str, _check: Callable[[], None]) -> None:
        self._systemctl("start")

    def finish(self) -> str:
        return ""

    def _systemctl(self, verb: str) -> None:
        self._commands.check(["systemctl", verb, unit.NAME], timeout=SECONDS)
