"""A link of a machine that has addresses of the cluster's Services is found in the kernel's own tables."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

LOOK = """
import json, sys
import ansible.module_utils
ansible.module_utils.__path__.append(sys.argv[1])
from ansible.module_utils.fairlead import networks
ranges = networks.from_data([{"kind": "Service", "network": "10.96.0.0/16", "owner": "ServiceCIDR kubernetes"},
                             {"kind": "pod", "network": "fd00:244::/64", "owner": "pods of node1"}])
print(json.dumps(networks.route_overlaps(ranges, networks.observe_routes(), "client1")))
"""
LINKS = ("ip link add one type veth peer name two && ip link set one up && ip link set two up && "
         "ip address add {four} dev one && ip address add {six} dev one nodad && ")


def problems(four: str, six: str) -> list[str]:
    script = LINKS.format(four=four, six=six) + 'exec "$@"'
    argv = ["unshare", "--net", "sh", "-c", script, "sh", sys.executable, "-c", LOOK,
            str(Path(__file__).parents[2] / "module_utils")]
    return json.loads(subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout)


def test_links_that_overlap_and_links_that_do_not():
    assert problems("192.0.2.1/24", "2001:db8::1/64") == []
    found = problems("10.96.3.1/24", "fd00:244::7/72")
    assert len(found) == 2, found
    assert "Service range 10.96.0.0/16 (ServiceCIDR kubernetes) overlaps the link 10.96.3.0/24 of client1" in found[0]
    assert "fd00:244::/72" in found[1]
