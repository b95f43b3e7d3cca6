"""From wanted and found modules to steps."""
from __future__ import annotations

import pytest
from ansible.module_utils.fairlead.command import Result
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kernel_modules_observe import Found, Kernel
from ansible.module_utils.fairlead.kernel_modules_plan import (
    Desired,
    Observed,
    apply,
    check_path,
    file_text,
    package_remedy,
    plan,
    report,
)

PATH = "/etc/modules-load.d/fairlead.conf"


def desired(*names: str) -> Desired:
    return Desired("ipvs", names, PATH)


def kernel(states: dict[str, str], **more) -> Kernel:
    return Kernel("6.12.1", {name: Found(state, name) for name, state in states.items()}, **more)


def test_fresh_node_loads_what_is_loadable_then_writes():
    node = kernel({"br_netfilter": "builtin", "ip_vs": "loadable", "nf_conntrack": "loaded"})
    wish = desired("br_netfilter", "ip_vs", "nf_conntrack")
    planned = plan(wish, Observed(node, None))
    assert planned.describe() == ["load module ip_vs", f"write {PATH}"]
    lines = [line for line in planned.steps[-1].after.splitlines() if not line.startswith("#")]
    assert lines == ["br_netfilter", "ip_vs", "nf_conntrack"]
    assert planned.steps[-1].after.startswith("# Written by Fairlead")


def test_nothing_to_do():
    node, wish = kernel({"ip_vs": "loaded"}), desired("ip_vs")
    planned = plan(wish, Observed(node, file_text(wish, node)))
    assert not planned.changed
    assert planned.describe() == [f"all 1 modules are in the kernel and {PATH} names them"]


def test_a_file_changed_by_hand_is_written_again():
    node, wish = kernel({"ip_vs": "loaded"}), desired("ip_vs")
    assert plan(wish, Observed(node, file_text(wish, node) + "nfs\n")).describe() == [f"write {PATH}"]


def test_aliases_of_one_module_are_one():
    node = Kernel("6.12.1", {"ipt_MARK": Found("loadable", "xt_mark"), "xt_mark": Found("loadable", "xt_mark")})
    wish = desired("ipt_MARK", "xt_mark")
    planned = plan(wish, Observed(node, None))
    assert planned.describe() == ["load module xt_mark", f"write {PATH}"]
    assert planned.steps[-1].after.count("\nxt_mark\n") == 1
    assert report(wish, Observed(node, None))["modules"] == {"xt_mark": "loadable"}


def test_all_missing_modules_stand_in_one_error():
    node = kernel({"a": "missing", "b": "loadable", "c": "missing"}, distribution="ubuntu debian")
    with pytest.raises(FairleadError) as caught:
        plan(desired("a", "b", "c"), Observed(node, None))
    assert str(caught.value) == (
        "kernel module a, c: kernel 6.12.1 has it neither loaded, built in nor to load. "
        "Install linux-modules-extra-6.12.1.")


def test_missing_because_the_kernel_has_no_directory():
    with pytest.raises(FairleadError, match=r"no directory /lib/modules/6\.12\.1 .*Reboot"):
        plan(desired("a"), Observed(kernel({"a": "missing"}, installed=False), None))


def test_a_locked_kernel_is_an_error_only_when_something_is_to_load():
    assert plan(desired("a"), Observed(kernel({"a": "loaded"}, locked=True), None)).changed
    with pytest.raises(FairleadError, match="modules_disabled"):
        plan(desired("a"), Observed(kernel({"a": "loadable"}, locked=True), None))


@pytest.mark.parametrize(("words", "said"), [
    ("debian", "linux-image"), ("ubuntu debian", "linux-modules-extra-6.1"),
    ("rocky rhel centos fedora", "kernel-modules-extra-6.1"), ("arch", "distribution"), ("", "distribution"),
])
def test_package_remedy(words, said):
    assert said in package_remedy(words, "6.1")


@pytest.mark.parametrize("path", ["fairlead.conf", "/etc/modules-load.d/fairlead", ""])
def test_a_path_that_systemd_would_not_read(path):
    with pytest.raises(FairleadError, match="end in"):
        check_path(path)


class Recorder:
    """Stands in for Commands: the effect itself is shown on real nodes."""

    def __init__(self, result: Result) -> None:
        self.result, self.argv = result, []

    def run(self, argv, timeout=30.0, stdin=None):
        self.argv.append(argv)
        return self.result


def load_step():
    return plan(desired("a"), Observed(kernel({"a": "loadable"}), None)).steps[0]


def test_load_is_an_argument_list():
    commands = Recorder(Result(0, "", ""))
    apply(desired("a"), load_step(), commands)
    assert commands.argv == [["modprobe", "--", "a"]]


def test_what_modprobe_says_is_passed_on():
    with pytest.raises(FairleadError, match="Operation not permitted"):
        apply(desired("a"), load_step(), Recorder(Result(1, "", "modprobe: ERROR: Operation not permitted\n")))
