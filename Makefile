# Fairlead. `make help` lists what there is; `make demo` and `make test` do everything.
# LAB names the lab, KUBE_PROXY says how kube-proxy is run in it: systemd or daemonset.
LAB ?= lab
KUBE_PROXY ?= systemd
ON ?= client1
INVENTORY ?= inventories/lab

export FAIRLEAD_LAB := $(LAB)
export FAIRLEAD_KUBE_PROXY := $(KUBE_PROXY)
# The environment's programs first; Go is among them where the machine has none that is new enough.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# The environment that ansible.cfg and everything else is read from is this checkout, whoever calls make.
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg

PLAY := ansible-playbook -i inventories/lab
SETUP := .venv/.complete

# Every target with a description; none of them is a file.
.PHONY: $(shell awk -F: '/^[a-z-]+:.*[#]# / {print $$1}' $(firstword $(MAKEFILE_LIST)))

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: lab ## Build the lab, run site.yml on it, show the proof and the walk-through
	@bin/demo

test: setup ## Pass every test: lint, units, the lab, molecule; ends with a summary
	@bin/test

setup: $(SETUP) ## Make the environment in .venv from the locked Python packages; Go too, if missing

$(SETUP): requirements.lock roles/lab_artifacts/files/go-toolchain.lock bin/setup
	@bin/setup

lab: setup ## Bring the lab up, or adopt the running one (LAB=name KUBE_PROXY=daemonset)
	@bin/as-root "make lab"
	@$(PLAY) playbooks/lab_up.yml

lab-down: setup ## Take the lab down
	@bin/as-root "make lab-down"
	@$(PLAY) playbooks/lab_down.yml

load-balancer: lab ## Run MetalLB in layer-2 mode on the lab, after site.yml
	@$(PLAY) playbooks/load_balancer_up.yml

lab-shell: ## Open a shell on a machine of the lab (ON=client1, node2, ...)
	@ssh -t -F .lab/$(LAB)/ssh_config $(ON)

verify: setup ## Prove the Services of the running lab again
	@$(PLAY) playbooks/verify.yml

node-tests: setup ## Test each node against what its inventory wishes (INVENTORY=inventories/lab); changes nothing
	@pytest -v -rs tests/node --hosts='ansible://nodes' --ansible-inventory=$(INVENTORY)

lint: setup ## Lint Ansible, YAML and Python
	@ansible-lint && yamllint . && ruff check

unit: setup ## Run the unit tests
	@pytest

molecule: lab ## Run the molecule scenarios on the lab, all but modes, which sweep-modes runs
	@molecule test --all --exclude modes

native: setup ## Test on the native bench: the bridge beside kube-proxy, changes of mode and their faults
	@bin/as-root "make native"
	@pytest -v tests/native --ignore tests/native/test_userspace_mode.py --ignore tests/native/test_version_change.py

bench-change: lab ## Change kube-proxy's mode and release under load: natively, then modes with ipvs on the lab's node3
	@bin/as-root "make bench-change"
	@$(PLAY) playbooks/kube_proxy_build.yml
	@python3 tests/native/bench_change.py
	@python3 tests/bench/change_lab.py

bench-change-native: setup ## The native half of bench-change alone (ROUNDS= RATE= KEPT= SERVICES= WAYS=)
	@bin/as-root "make bench-change-native"
	@$(PLAY) playbooks/kube_proxy_build.yml
	@python3 tests/native/bench_change.py

bench-change-lab: lab ## The half of bench-change on a node of the lab alone (PAIRS= ROUNDS= RATE= KEPT= WAYS= NODE=)
	@python3 tests/bench/change_lab.py

parity: setup ## Compare our verdicts on Services with real API servers (SEED= CREATES= UPDATES= VERSIONS=)
	@python3 tests/parity/run.py --seed "$(SEED)" --creates $(or $(CREATES),2000) --updates $(or $(UPDATES),1000) \
		--versions "$(VERSIONS)"

parity-kube-proxy: setup ## Judge CASES=2000 configurations, every gate, and 300 as flags, beside the lab's kube-proxy
	@python3 tests/parity/kube_proxy.py --cases $(or $(CASES),2000) $(if $(SEED),--seed $(SEED))
	@python3 tests/parity/kube_proxy_flags.py $(if $(SEED),--seed $(SEED))

bench-modes: lab ## Measure kube-proxy's modes at 10, 1,000 and 10,000 Services, and draw them (SIZES= LAB_SIZES=)
	@bin/as-root "make bench-modes"
	@python3 tests/bench/modes/run.py

bench-lab: setup ## Time the lab and the main job over several runs
	@bin/as-root "make bench-lab"
	@python3 tests/bench/lab.py

bench-nodes: lab ## Time the node roles against per-key loops and ping, on the lab's node2 (ROUNDS=3)
	@bin/as-root "make bench-nodes"
	@python3 tests/bench/nodes.py

bench-proof: lab ## Time the proof on the lab, with every kind of client (SERVICES=10 CONNECTIONS=10 ROUNDS=1 DEPTH=full)
	@python3 tests/bench/proof.py

bench-services: setup ## Time Services against PyYAML, template loops and kubectl (COUNT=10000 ROUNDS=3)
	@python3 tests/bench/services.py

sweep-node-settings: lab ## Kill the node modules before each effect, and boot every mode's settings (long)
	@bin/as-root "make sweep-node-settings"
	@STRIDE=1 CASES=1000 pytest -v tests/host
	@SWEEP=1 pytest -v tests/lab/test_node_settings.py

# DaemonSets are taken over only on a lab that nothing has settled yet, so the scenario comes after them.
sweep-modes: lab ## Three modes on three nodes, permuted; the DaemonSets taken over and given back; every scheduler (long)
	@pytest -v tests/lab/$(if $(filter daemonset,$(KUBE_PROXY)),test_take_over.py,test_modes.py)
	@molecule test --scenario-name modes

sweep-userspace: lab ## kube-proxy 1.20.2 built from Debian's source, in userspace mode on two kinds of node, and back
	@bin/as-root "make sweep-userspace"
	@$(PLAY) playbooks/userspace_build.yml
	@pytest -v tests/native/test_userspace_mode.py
	@pytest -v tests/lab/test_userspace.py

sweep-versions: setup ## Upgrade kube-proxy by a minor release and go back, under load, on a namespace node; builds the older
	@bin/as-root "make sweep-versions"
	@$(PLAY) playbooks/kube_proxy_build.yml
	@pytest -v -rs tests/native/test_version_change.py

sweep-change: lab ## Change a node out of ipvs and back, and again with faults (PHASES= RATE= KEPT= KUBE_PROXY=) (long)
ifeq ($(KUBE_PROXY),daemonset)
	@pytest -v -s tests/lab/test_change_daemonset.py
else
	@molecule test --scenario-name change_mode
	@pytest -v -s tests/lab/test_sctp.py tests/lab/test_change_back.py tests/lab/test_change_faults.py
endif

sweep-preflight: lab ## Give a node each defect that preflight knows, for real, and look for its line (long)
	@pytest -v tests/lab/test_preflight.py

sweep-bootstrap: setup ## Boot a machine that settles itself, in a lab of its own, with no API server in reach
	@bin/as-root "make sweep-bootstrap"
	@FAIRLEAD_LAB=bootstrap pytest -v -s tests/bootstrap

sweep-page: setup ## Look at the report's page in a headless Chromium; pictures in build/page (REPORT=file.json)
	@pytest -v -s tests/page

sweep-proof: lab ## Break a native node, then the lab, in every way that the proof has to find; follow pods (long)
	@bin/as-root "make sweep-proof"
	@pytest -v tests/native/test_damage.py
	@pytest -v tests/proof

sweep-load-balancer: lab ## Services with an address of MetalLB's from every client, and its node powered off (long)
	@molecule test --scenario-name load_balancer
	@pytest -v -s tests/lab/test_load_balancer.py

sweep-upstream: lab ## Run Kubernetes' own sig-network tests on the lab after site.yml (LABELS= FOCUS= SKIP=) (long)
	@$(PLAY) playbooks/e2e_build.yml
	@python3 tests/upstream/run.py

walkthrough: setup ## Go through the classic walk-through of Services on the running lab, step by step
	@bin/walkthrough
