# Everything runs in .venv; Go tools for the tests are built once into the user's cache.
# PYTHON: any Python from 3.11 on; the first that is found.
PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,\
  $(shell $(name) -c 'import sys; sys.version_info >= (3, 11) and print(sys._base_executable)' 2>/dev/null)))
BIN := .venv/bin

.PHONY: demo report docs docs-test test cluster-test ad-test image-test dist dist-test fuzz fuzz-check bench bench-check bench-admission bench-doctor release release-check release-files lint tools schema lock golden clean

## demo: render the quickstart, and show where each object comes from
demo: .venv/run
	@rm -rf build/demo
	@echo "gmsa-krm render kustomize/quickstart -o build/demo"
	@$(BIN)/gmsa-krm render kustomize/quickstart -o build/demo
	@echo "Next: start a config for your domain; init prints what to type then:"
	@echo "  export PATH=\"$(CURDIR)/$(BIN):\$$PATH\""
	@echo "  gmsa-krm init my"
	@echo "To get from there to a pod, see \"First config\" in README.md; for kustomize, kubectl, Helm, Argo CD and Flux, see \"With your tools\"."

## report: the picture of who may become which account, of kustomize/workloads, in each format; that of the docs, too
report: .venv/dev
	@mkdir -p build/report
	@$(BIN)/gmsa-krm who-can kustomize/workloads --format table
	@for format in json:json md:markdown html:html svg:svg dot:dot mermaid:mermaid opengraph.json:opengraph; do \
	  $(BIN)/gmsa-krm who-can kustomize/workloads --format "$${format#*:}" > "build/report/access.$${format%%:*}" || exit 1; done
	@cp build/report/access.svg docs/images/who-can.svg
	@echo "In build/report: access.json access.md access.html access.svg access.dot access.mermaid access.opengraph.json"

## test: everything that runs in minutes
test: lint tools
	$(BIN)/pytest -q -n 2 --cov --cov-report=term:skip-covered

CLUSTER_TOOLS := argocd etcd cert-manager gotemplate kustomize helm3 helm4 $(foreach release,newest oldest,\
  $(addprefix kubernetes-$(release)/,kube-apiserver kube-controller-manager kubectl))
# Processes and mounts end with the namespaces, also after Ctrl-C.
ISOLATED := unshare --net --mount --pid --fork --kill-child --mount-proc

## cluster-test: what is emitted, on real API servers of two releases, side by side; as root, in namespaces of their own
cluster-test: .venv/dev
	@test "$$(id -u)" = 0 || { echo "cluster-test makes network namespaces, so it needs root: sudo make cluster-test"; exit 1; }
	@command -v unshare >/dev/null || { echo "cluster-test needs unshare; on Debian: apt-get install util-linux"; exit 1; }
	@$(ISOLATED) true || { echo "cluster-test cannot make namespaces here, see above; a container needs to be privileged for it"; exit 1; }
	@if command -v apt-get >/dev/null && ! { command -v redis-server || command -v redis-check-rdb; } >/dev/null; then \
	  echo "installing redis-tools"; apt-get update -qq && apt-get install -y -qq --no-install-recommends redis-tools >/dev/null || \
	  echo "there is no Redis, so the tests of Argo CD are skipped"; fi
	@$(BIN)/python tests/tools/build.py $(CLUSTER_TOOLS)
	@mkdir -p build; echo "the oldest release runs beside the newest one; its output follows"; \
	$(ISOLATED) $(BIN)/pytest -q -rs tests/cluster --release oldest > build/cluster-oldest.log 2>&1 & oldest=$$!; \
	trap "kill $$oldest 2>/dev/null" EXIT; status=0; \
	$(ISOLATED) $(BIN)/pytest -q -rs tests/cluster --release newest || status=$$?; \
	wait $$oldest || status=$$?; cat build/cluster-oldest.log; exit $$status

AD_PACKAGES := mmdebstrap krb5-user gcc libkrb5-dev
## ad-test: import ad on a real domain controller, Samba's; as root on Debian, in namespaces of its own
ad-test: .venv/dev
	@test "$$(id -u)" = 0 || { echo "ad-test makes namespaces and a chroot, so it needs root: sudo make ad-test"; exit 1; }
	@$(ISOLATED) true || { echo "ad-test cannot make namespaces here, see above; a container needs to be privileged for it"; exit 1; }
	@dpkg -s $(AD_PACKAGES) >/dev/null 2>&1 || { command -v apt-get >/dev/null && echo "installing $(AD_PACKAGES)" && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(AD_PACKAGES) >/dev/null; } || \
	  { echo "ad-test needs packages of Debian: apt-get install $(AD_PACKAGES)"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[ad]'
	@PYTHONPATH=tests/tools $(BIN)/python tests/active_directory/debian.py
	$(ISOLATED) $(BIN)/pytest -q tests/active_directory

IMAGE_PACKAGES := podman runc debootstrap qemu-user-static
## image-test: the images of the function and of Argo CD's sidecar, built by podman; kpt; as root on Debian, elsewhere it is skipped
image-test: .venv/dev
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! dpkg -s $(IMAGE_PACKAGES) >/dev/null 2>&1; then \
	  echo "installing $(IMAGE_PACKAGES)"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(IMAGE_PACKAGES) >/dev/null; fi
	@$(BIN)/python tests/tools/build.py kustomize helm4 kpt
	$(BIN)/pytest -q -rs tests/image

## dist: what a release has in build/dist, the same bytes from the same commit: wheel, source archive, SBOM, checksums; PROJECT_URL=... names the repository
dist: .venv/dev
	@rm -rf build/dist
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) PIP_CONSTRAINT=plugin/build.lock $(BIN)/python -m build --outdir build/dist
	$(BIN)/twine check --strict build/dist/*.whl build/dist/*.tar.gz
	$(BIN)/check-wheel-contents build/dist/*.whl
	$(BIN)/pyroma --min 10 build/dist/*.tar.gz
	@PYTHONPATH=plugin/image $(BIN)/python tests/tools/assets.py build/dist
	@cd build/dist && sha256sum --check SHA256SUMS

## dist-test: the archives, and the wheel alone in a clean environment of each Python that this machine has
dist-test: tools
	$(BIN)/pytest -q tests/package

## fuzz: a million runs on random inputs, judged by the oracles in tests/fuzz; about an hour on two cores
fuzz: .venv/dev
	@$(BIN)/python tests/tools/build.py readers
	$(BIN)/python tests/fuzz/fuzz.py

## fuzz-check: the same inputs at each call, for a minute
fuzz-check: .venv/dev
	@$(BIN)/python tests/tools/build.py readers
	$(BIN)/python tests/fuzz/fuzz.py --seconds 60

## bench: measure against what a user would run instead, and write BENCHMARKS.md; some ten minutes
bench: .venv/dev
	$(BIN)/python tests/benchmarks/bench.py

## bench-check: measure the same, and fail where a bound is missed; before a release
bench-check: .venv/dev
	$(BIN)/python tests/benchmarks/bench.py --check
	@if [ "$$(id -u)" = 0 ]; then $(MAKE) --no-print-directory bench-admission bench-doctor BENCH=--check; \
	  else echo "the bounds of admission and doctor are not checked: make bench-admission bench-doctor BENCH=--check needs root"; fi

## bench-admission: what admission costs a pod, on a real API server; as root; some ten minutes
bench-admission: .venv/dev
	@test "$$(id -u)" = 0 || { echo "bench-admission makes network namespaces, so it needs root: sudo make bench-admission"; exit 1; }
	@$(BIN)/python tests/tools/build.py $(CLUSTER_TOOLS)
	PYTHONPATH=tests:tests/tools $(ISOLATED) $(BIN)/python tests/benchmarks/admission.py $(BENCH)

## bench-doctor: what doctor takes on clusters of 5,000 and 50,000 pods, on a real API server; as root; some ten minutes
bench-doctor: .venv/dev
	@test "$$(id -u)" = 0 || { echo "bench-doctor makes network namespaces, so it needs root: sudo make bench-doctor"; exit 1; }
	@$(BIN)/python tests/tools/build.py $(CLUSTER_TOOLS)
	PYTHONPATH=tests:tests/tools $(ISOLATED) $(BIN)/python tests/benchmarks/doctor.py $(BENCH)

## release-check: everything that a release needs; as root, more than an hour. SKIP='TARGET ...' leaves targets out
release-check: .venv/dev
	@$(BIN)/python tests/tools/release.py --all --skip "$(SKIP)"

## release-files: the part of it that takes a second: versions that agree, the changelog, the locks
release-files: .venv/dev
	@$(BIN)/python tests/tools/release.py

## release: write VERSION=X.Y.Z wherever the version is, changes/ into CHANGELOG.md, and PROJECT_URL=..., if given, wherever the address is
release: .venv/dev
	@$(BIN)/python tests/tools/release.py --set "$(VERSION)"
	@$(MAKE) --no-print-directory schema
	@$(BIN)/python tests/tools/release.py

## lint: style, format, complexity, types, which room may import which, the words of all texts, the files of a release
lint: .venv/dev
	$(BIN)/ruff check plugin tests
	$(BIN)/ruff format --check --quiet plugin tests || { echo "run: .venv/bin/ruff format plugin tests"; exit 1; }
	$(BIN)/mypy
	$(BIN)/mypy tests/tools/build.py tests/tools/chart.py tests/tools/catalog.py tests/tools/reference.py tests/tools/documentation.py tests/tools/style.py \
	  tests/tools/changelog.py tests/tools/release.py
	MYPYPATH=plugin/image $(BIN)/mypy tests/tools/assets.py
	$(BIN)/mypy plugin/image/assemble.py plugin/image/sbom.py plugin/image/sidecar.py
	MYPYPATH=tests/benchmarks:tests/tools $(BIN)/mypy tests/benchmarks/bench.py
	MYPYPATH=tests:tests/benchmarks:tests/tools $(BIN)/mypy --follow-imports=silent tests/benchmarks/admission.py tests/benchmarks/doctor.py
	MYPYPATH=tests/fuzz:tests/tools $(BIN)/mypy tests/fuzz/fuzz.py tests/fuzz/test_fuzz.py
	$(BIN)/lint-imports
	@$(BIN)/python tests/tools/style.py
	@$(BIN)/python tests/tools/release.py

## docs: build the documentation into build/site; a dead link or a page outside of the navigation fails
docs: .venv/docs
	@$(BIN)/python tests/tools/reference.py
	@$(BIN)/python tests/tools/documentation.py
	@$(BIN)/zensical build --strict --clean

## docs-test: open the site and the HTML of who-can in headless Chromium; as root on Debian that is installed, elsewhere it is skipped if there is none
docs-test: docs
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! { command -v chromium && command -v dot; } >/dev/null; then \
	  echo "installing chromium and graphviz"; \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk graphviz >/dev/null; fi
	$(BIN)/pytest -q -rs --no-cov tests/site

## tools: build kustomize, both Helms, Argo CD and the readers of YAML for the tests
tools: .venv/dev
	@$(BIN)/python tests/tools/build.py kustomize helm3 helm4 argocd readers flux crane

.venv/run: pyproject.toml
	@test -n "$(PYTHON)" || { echo "gmsa-krm needs Python 3.11 or newer, and none is on the PATH; install one, or call make PYTHON=/path/to/python3"; exit 1; }
	@echo "setting up .venv with $(PYTHON)"
	@$(PYTHON) -m venv .venv || { echo "$(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv"; rm -rf .venv; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/dev: .venv/run
	@echo "installing the tools for the tests into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
	@touch $@

.venv/docs: .venv/dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group docs
	@touch $@

## schema: write the JSON Schemas that the examples and the chart name, what kustomize and catalogs read, the chart's table of values and icon, and docs/reference
schema: .venv/run
	$(BIN)/gmsa-krm schema > kustomize/gmsaconfig.schema.json
	$(BIN)/gmsa-krm schema --snapshot > kustomize/activedirectorysnapshot.schema.json
	$(BIN)/gmsa-krm schema --access-report > kustomize/accessreport.schema.json
	$(BIN)/gmsa-krm schema --doctor-report > kustomize/doctorreport.schema.json
	$(BIN)/gmsa-krm schema --chart-values > charts/gmsa/values.schema.json
	$(BIN)/gmsa-krm schema --name-references > kustomize/name-references.yaml
	$(BIN)/python tests/tools/reference.py
	$(BIN)/python tests/tools/chart.py charts/gmsa
	$(BIN)/python tests/tools/catalog.py

## lock: pin what the images install, by version and hash; before a release, and for a fix of a dependency
lock: .venv/run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'
	@for lock in requirements:pyproject.toml build:-; do \
	  echo 'hatchling>=1.27' | $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	    --no-annotate --no-header "$${lock#*:}" --output-file build.lock.tmp || exit 1; \
	  { echo '# What the images install, by version and hash: make lock writes this file.'; \
	    cat build.lock.tmp; } > "plugin/$${lock%%:*}.lock"; rm build.lock.tmp; \
	done

## golden: render what the case folders want again and show the differences; read each before you commit it
golden: .venv/dev
	$(BIN)/python tests/tools/golden.py

clean:
	rm -rf .venv build
