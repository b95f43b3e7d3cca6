"""Is a node as its inventory wishes it? For every host of --hosts, at any time; changes nothing.

All is asked by Ansible's own way to the node, as the playbooks do, since testinfra's other way (host.run) gives the
inventory's variables to ssh as they are written, with their templates in them. Modules run in check mode.
"""
from __future__ import annotations

import errno
import json
import re
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead.bridge import table
from ansible.module_utils.fairlead.files import OWNER_LINE
from ansible.module_utils.fairlead.kernel_modules_observe import BUILTIN, LOADED
from ansible.module_utils.fairlead.kube_proxy import distribution, unit
from ansible.module_utils.fairlead.mode_change import handover
from ansible.module_utils.fairlead.mode_change.journal import BACK, DONE

testinfra_hosts = ["ansible://nodes"]  # when there is no --hosts

ROLES = Path(__file__).resolve().parents[2] / "roles"
DEFAULTS = {name: value for role in ("kernel_modules", "node_sysctl", "kube_proxy")
            for name, value in yaml.safe_load((ROLES / role / "defaults/main.yml").read_text(encoding="utf-8")).items()}
# Of the inventory, beside the mode, what these tests have to know.
WISHES = ("kube_proxy_deployment", "kube_proxy_path", "kube_proxy_drop_in", "kube_proxy_cluster_cidrs",
          "kernel_modules_path", "kernel_modules_state", "node_sysctl_path", "node_sysctl_state")
FORWARDING = {"IPv4": "net.ipv4.ip_forward", "IPv6": "net.ipv6.conf.all.forwarding"}
UNREACHABLE = re.compile(r'UNREACHABLE!.*?"msg": "(.+?)",\\n')  # in the text of a command's result


def ask(host, module, due, arguments=None, **options):
    """What a module says of this host. due: what each of its answers holds.

    That tells a failure: what ansible-core 2.19 leaves for testinfra no longer has the word `failed` in it.
    """
    try:
        answer = host.ansible(module, json.dumps(arguments) if arguments else None, **options)
    except host.ansible.AnsibleException as error:
        answer = error.result
    except (AssertionError, RuntimeError) as error:  # testinfra's own, with all that ansible printed
        said = UNREACHABLE.search(str(error))
        answer = {"msg": said.group(1) if said else str(error)}
    if due not in answer:
        name = host.ansible.get_variables()["inventory_hostname"]
        pytest.fail(f"{name}: {module} says: {answer.get('msg', answer)}", pytrace=False)
    return answer


@pytest.fixture(scope="module")
def name(host):
    return host.ansible.get_variables()["inventory_hostname"]


@pytest.fixture(scope="module")
def wishes(host):
    """The variables by name, as Ansible renders them; where the inventory has none, the roles' defaults.

    There is none for the mode: a node of which no mode is wished cannot be in the wrong one.
    """
    given = [each for each in ("kube_proxy_mode", *WISHES) if each in host.ansible.get_variables()]
    templates = {each: f"{{{{ {each} }}}}" for each in given}
    # A fact for the length of this one call; debug would answer a template that fails in the same place.
    rendered = ask(host, "set_fact", "ansible_facts", templates)["ansible_facts"] if given else {}
    return {**{each: DEFAULTS[each] for each in WISHES}, **rendered}


@pytest.fixture(scope="module")
def mode(name, wishes):
    if not wishes.get("kube_proxy_mode"):
        pytest.skip(f"{name}: the inventory wishes no kube_proxy_mode of it")
    return wishes["kube_proxy_mode"]


@pytest.fixture(scope="module")
def seen(host):
    """kube-proxy's answers and the kernel's rules."""
    return ask(host, "kube_proxy_info", "rules")


@pytest.fixture(scope="module")
def modules(host, mode):
    """What the role says, in check mode, of the modules that the node's mode, scheduler and profile need."""
    return ask(host, "include_role", "findings", {"name": "kernel_modules"})


def test_the_inventory_wishes_a_mode(name, wishes):
    assert wishes.get("kube_proxy_mode"), (
        f"{name}: wished is a kube_proxy_mode, but the inventory has none for it, so nothing is tested here; write it "
        f"into group_vars/nodes.yml or host_vars/{name}.yml")


def test_proxy_mode_is_the_wished_one(name, mode, seen):
    assert seen["mode"] == mode, f"{name}: wished is kube_proxy_mode {mode}, /proxyMode answers {seen['mode']}"


def test_kube_proxy_is_healthy(name, seen):
    assert seen["healthy"], (
        f"{name}: wished is 200 from /healthz, seen is another answer or none; /proxyMode answers {seen['mode']}, "
        f"rules were last written {seen['last_updated'] or 'at no time that it tells'}")


def test_rules_of_this_mode_and_of_no_other_are_in_the_kernel(name, mode, seen):
    there = [each for each, stands in seen["rules"].items() if stands]
    assert there == [mode], f"{name}: wished are rules of {mode} mode alone, seen are those of {there or 'none'}"


def test_nothing_of_another_mode_is_left(name, mode, seen):
    left = [" ".join(map(str, each.values())) for each in seen["leftovers"]]
    assert not left, (f"{name}: wished is nothing beside {mode} mode's, left behind are {left}; kube_proxy_leftovers: "
                      "remove takes them out")


def test_modules_of_the_mode_are_in_the_kernel(name, mode, modules):
    absent = {each: state for each, state in modules["modules"].items() if state not in (LOADED, BUILTIN)}
    assert not absent, f"{name}: wished are the modules of {mode} mode in the kernel, seen is {absent}"


def test_modules_of_the_mode_come_back_at_boot(name, mode, modules):
    assert not modules["findings"], (
        f"{name}: wished is that {modules['file']} names the modules of {mode} mode, seen is: "
        f"{'; '.join(modules['findings'])}")


@pytest.mark.parametrize("family", FORWARDING)
def test_node_forwards_now_and_after_a_boot(host, name, wishes, family):
    ranges, key = wishes["kube_proxy_cluster_cidrs"], FORWARDING[family]
    if family == "IPv6" and not any(":" in each for each in ranges):
        pytest.skip(f"{name}: kube_proxy_cluster_cidrs {ranges} has no IPv6 range")
    found = ask(host, "node_sysctl", "boot", {"settings": {key: 1}})
    live, boot = found["settings"][key], found["boot"].get(key, {"value": "no value", "place": "no file of sysctl.d"})
    assert live == "1", f"{name}: wished is {key} 1, /proc/sys says {live}"
    assert boot["value"] == "1", f"{name}: wished is {key} 1 at boot, seen is {boot['value']} by {boot['place']}"


def test_our_files_say_who_owns_them(host, name, wishes):
    due = set(files(wishes))
    if not due:
        pytest.skip(f"{name}: the inventory wishes none of our files there")
    found = ask(host, "find", "files", {
        "paths": sorted({str(Path(each).parent) for each in due}),
        "patterns": sorted({Path(each).name for each in due}), "contains": re.escape(OWNER_LINE)})
    left = due - {each["path"] for each in found["files"]}
    assert not left, f"{name}: wished is the line {OWNER_LINE!r} in {sorted(due)}, it is not in {sorted(left)}"


def files(wishes):
    """Those that the roles own there. Of kube-proxy as a pod none is on the node."""
    for role in ("kernel_modules", "node_sysctl"):
        if wishes[f"{role}_state"] == "present":
            yield wishes[f"{role}_path"]
    how = wishes["kube_proxy_deployment"]
    if how == "systemd":
        yield from (wishes["kube_proxy_path"], unit.PATH)
    elif how in distribution.UNITS and wishes["kube_proxy_drop_in"] == "present":
        yield distribution.path(how)


def test_last_live_change_of_mode_has_ended(host, name):
    last = ask(host, "mode_change_info", "outcome")
    assert last["outcome"] in ("", DONE, BACK), (
        f"{name}: wished is no open change of mode, the last one, from {last['came_from']} to {last['went_to']}, is "
        f"{last['outcome']}: {last['text']}")


def test_no_table_of_a_change_of_mode_serves(host, name):
    done = ask(host, "command", "rc", {"argv": ["nft", "list", "tables"]}, check=False)
    if done["rc"] == errno.ENOENT:
        pytest.skip(f"{name}: has no nft, without which no such table can have been made")
    assert done["rc"] == 0, f"{name}: wished is a list of tables, nft says: {done['stderr']}"
    ours = [each for each in done["stdout_lines"] if each.split()[-1] in (table.TABLE, handover.TABLE)]
    assert not ours, f"{name}: wished is no table of a change of mode, seen are {ours}"
