"""One measured piece of work in a process of its own; prints seconds, by part, and the process's peak memory as JSON.

    work.py ours DIR SERVICES.json      judge and render what is parsed already
    work.py pyyaml DIR SERVICES.json    the same objects by PyYAML's C emitter, one file each
    work.py read DIR                    read the files, with the place of each field
    work.py apply DIR KUBECONFIG        deliver the files to a cluster, as the module does
"""
from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "module_utils/fairlead/cli"))
import start  # noqa: E402

start.stand_in()
from ansible.module_utils.fairlead.converge import reach  # noqa: E402
from ansible.module_utils.fairlead.services import model, render, tree, verdict  # noqa: E402
from ansible.module_utils.fairlead.services.facts import Facts  # noqa: E402

FACTS = Facts(service_cidrs=("10.96.0.0/16", "fd00:96::/108"))


def ours(directory: str, services: list) -> dict[str, float]:
    with watch() as at:
        items = model.items(services, [], {})
        findings = verdict.everything(items, FACTS)
        assert not verdict.errors(findings), findings[0]
        at("judge")
        wanted = render.files(render.in_order(item.manifest for item in items))
        writer = tree.Writer(directory)
        reach(lambda: tree.observe(directory), lambda observed: tree.plan(directory, wanted, observed), writer.apply,
              [], check_mode=False, prepare=writer.prepare)
        writer.close()
        at("render and write")
    return at.seconds


def pyyaml(directory: str, services: list) -> dict[str, float]:
    import yaml  # noqa: PLC0415 - not part of the other works' memory

    objects = render.in_order(item.manifest for item in model.items(services, [], {}))
    with watch() as at:
        for manifest in objects:
            folder = f"{directory}/{manifest['metadata']['namespace']}"
            os.makedirs(folder, exist_ok=True)
            with open(f"{folder}/service-{manifest['metadata']['name']}.yaml", "w", encoding="utf-8") as stream:
                yaml.dump(manifest, stream, Dumper=yaml.CSafeDumper, sort_keys=False)
        at("render and write")
    return at.seconds


def read(directory: str) -> dict[str, float]:
    from ansible.module_utils.fairlead.services import sources  # noqa: PLC0415

    with watch() as at:
        items, findings = sources.read([directory])
        assert items and not findings, findings
        at("read")
    return at.seconds


def apply(directory: str, kubeconfig: str) -> dict[str, float]:
    with watch() as at:
        from ansible.module_utils.fairlead.services import deliver, sources  # noqa: PLC0415 - a part of the work
        from ansible.module_utils.fairlead.services.api import Api  # noqa: PLC0415
        from ansible.module_utils.fairlead.services.connection import TOGETHER  # noqa: PLC0415

        objects = [item.manifest for item in sources.read([directory])[0]]
        job = deliver.delivery(Api.connect(kubeconfig, None), objects, {deliver.MANAGED_BY: "fairlead"}, "fairlead",
                               apply_set="default/bench", prune=True, try_all=False)
        planned, _observed = reach(job.observe, job.plan, job.apply, [], check_mode=False, together=TOGETHER)
        at("apply")
    return {**at.seconds, "steps": len(planned.steps)}


class watch:
    """Seconds of each part; call it with a part's name when that ends."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def __enter__(self) -> watch:
        self._since, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __call__(self, part: str) -> None:
        now = time.perf_counter()
        self.seconds[part], self._since = now - self._since, now

    def __exit__(self, *_error: object) -> None:
        self.seconds["all"] = sum(self.seconds.values())
        self.seconds["processor"] = time.process_time() - self._cpu


if __name__ == "__main__":
    job, place, *more = sys.argv[1:]
    given = [json.loads(Path(name).read_text(encoding="utf-8")) if name.endswith(".json") else name for name in more]
    done = {"ours": ours, "pyyaml": pyyaml, "read": read, "apply": apply}[job](place, *given)
    print(json.dumps({**done, "MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
