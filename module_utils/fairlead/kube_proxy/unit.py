"""The systemd unit of kube-proxy."""
from __future__ import annotations

from ansible.module_utils.fairlead.files import OWNER_LINE

NAME = "kube-proxy.service"
PATH = f"/etc/systemd/system/{NAME}"

TEMPLATE = """\
{owner}
# To undo: systemctl disable --now kube-proxy, then remove this file and {config}.
[Unit]
Description=kube-proxy
Documentation=https://kubernetes.io/docs/reference/command-line-tools-reference/kube-proxy/
After=network-online.target systemd-modules-load.service systemd-sysctl.service

[Service]
ExecStart={binary} --config={config}
Restart=always
RestartSec=2
# It writes rules for every new connection of the node: do not let it starve.
OOMScoreAdjust=-999
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
"""


def render(binary: str, config: str) -> str:
    return TEMPLATE.format(owner=OWNER_LINE, binary=binary, config=config)
