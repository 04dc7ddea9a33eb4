# `make sweep` is the first thing to run, `make help` lists the rest. Everything
# that is fetched or built lies in the ignored folders bin/, cache/ and .runner/.

# GoMLX's Go engine is 20-110 times slower without this.
export GOEXPERIMENT = simd
export CGO_ENABLED = 1
# FAISS, BLAS and the compilers' libraries are linked statically, so that
# bin/runner needs only glibc and can be copied to a cluster (`make dist`).
# -DFAISS_BUILD makes go build anew when the library changed, which it cannot see.
export CGO_CFLAGS = -g -O2 -I$(CURDIR)/cache/faiss/include -DFAISS_BUILD=$(firstword $(shell cksum cache/faiss/recipe 2>/dev/null))
export CGO_LDFLAGS = -g -O2 -L$(CURDIR)/cache/faiss/lib -lfaiss_c -lfaiss -l:libopenblas.a \
	-l:libgfortran.a -l:libquadmath.a -l:libgomp.a -l:libstdc++.a -lm -static-libgcc
# The fast CPU engine, where pip could fetch it; a library of the user's own goes first.
export ONNXRUNTIME_SHARED_LIBRARY_PATH ?= $(shell ls $(CURDIR)/cache/onnxruntime/libonnxruntime.so.1 2>/dev/null)

deps := cache/faiss/recipe cache/onnxruntime/recipe
# The Go engine's kernels point past their slices' ends, which -race's pointer checks do not survive.
checkptr := -gcflags='github.com/gomlx/compute/...=-d=checkptr=0'
# Each is run from its exact version, outside go.mod.
staticcheck := honnef.co/go/tools/cmd/staticcheck@v0.8.2
cue := cuelang.org/go/cmd/cue@v0.17.1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help sweep build xla-cpu xla-h200 dist image test check lint cue update bench bench-peers bench-retrieval interop refresh simulate tables tex study emoji fuzz env toolchain debian clean kill torture soak slurm mutants

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

sweep: build ## install what is missing, build, run the quickstart
	bin/runner sweep experiments/quickstart.cue

build: $(deps) ## build bin/runner
	@.ci/compile

test: $(deps) cache/xla-cpu/recipe ## all tests, those of XLA on the CPU too (its plugin is fetched: 200 MB)
	go test -timeout 30m ./...

check: lint cue ## format, vet, staticcheck, CUE, and the short tests with the race detector
	go test -race -short -timeout 30m $(checkptr) ./...

lint: $(deps)
	@files=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
		test -z "$$files" || { echo "not formatted by gofmt:"; echo "$$files"; exit 1; }
	go vet ./...
	go run $(staticcheck) ./...

cue: build
	go run $(cue) fmt --check --files schema experiments
	bin/runner vet $$(find experiments -name '*.cue' ! -name common.cue | sort)

xla-cpu: cache/xla-cpu/recipe ## fetch XLA's plugin for CPUs (200 MB), for --engine xla:cpu and the tests

# Its compiler is 257 MB to fetch, so CI does without.
xla-h200: $(deps) cache/xla-cpu/recipe ## compile training steps for an H200 that is not there, look at what becomes of them, write results/accelerator/h200.md (5 minutes)
	.ci/install-xla-h200
	XLA_H200=$(CURDIR)/results/accelerator/h200.md go test ./ops/clip/optim -run '^TestH200$$' -count 1 -v -timeout 1h

dist: $(deps) ## a tar for machines without Go and without root, checked in an empty folder: bin/runner-*.tar.gz
	@.ci/dist

image: dist ## a container image with ONNX Runtime and no compiler; without podman or docker its file is checked
	@.ci/image

# The other tests of ./runner have no goldens and take minutes.
update: $(deps) ## rewrite the goldens; read the diff
	go test ./results/writers ./results/figures ./results/export ./runner/spec -update
	go test ./runner -run '^TestScripts$$|^TestTutorial$$' -update
	go test ./runner/report -run '^TestCommittedReports$$' -update

bench: $(deps) ## all benchmarks; COUNT=10 for benchstat, BENCH= and PKG= to choose
	go test -run '^$$' -bench '$(or $(BENCH),.)' -benchmem -count $(or $(COUNT),1) $(or $(PKG),./...)

# Debian's PyTorch with the kernels that OpenBLAS chooses and with those for AVX-512 (left out on a
# CPU that lacks them), PyTorch's own package, as it is and compiled, and JAX.
peers = ops/clip/optim:EmbeddingAgainstPeers ops/clip/optim:StepAgainstPeers data/image:SpeedAgainstPillow \
	data/tokenizer:SpeedAgainstPython ops/probe:ProbeAgainstScikitLearn ops/metric:ScoresAgainstNumPy \
	ops/metric/detection:EvaluationAgainstPycocotools ops/metric/detection:NMSAgainstTorchvision ops/metric/segmentation:CountAgainstNumPy
bench-peers: $(deps) cache/xla-cpu/recipe ## measure beside PyTorch, JAX, Pillow, Python's tokenizers, scikit-learn, NumPy, torchvision, pycocotools and lvis in one run (ROUNDS=10, PEERS='PACKAGE:TEST ...'), write results/peers.md
	.ci/install-peers
	rm -f $(CURDIR)/results/peers.md
	@for test in $(or $(PEERS),$(peers)); do \
		PEER_ROUNDS=$(or $(ROUNDS),10) PEER_TABLE=$(CURDIR)/results/peers.md PEER_PYTHON=$(CURDIR)/cache/peers/bin/python \
		PEER_TORCH="/usr/bin/python3;OPENBLAS_CORETYPE=SKYLAKEX /usr/bin/python3;$(CURDIR)/cache/peers/bin/python" \
		go test "./$${test%:*}" -run "^Test$${test#*:}$$" -count 1 -timeout 2h -v || exit 1; \
	done

bench-retrieval: $(deps) ## measure search, scans, fetch and manifests beside FAISS, pyarrow, DuckDB, img2dataset in one run (ROUNDS=10), write results/retrieval-speed.md
	.ci/install-interop
	rm -f $(CURDIR)/results/retrieval-speed.md
	@for test in ops/knn:SearchAgainstC ops/knn:ExactAgainstFlat data/laion:ScanAgainstPeers data/fetch:FetchAgainstImg2dataset data/fetch:FetchMemory data/pool:ManifestMemory; do \
		PEER_ROUNDS=$(or $(ROUNDS),10) PEER_TABLE=$(CURDIR)/results/retrieval-speed.md PEER_PYTHON=$(CURDIR)/cache/interop/bin/python \
		go test "./$${test%:*}" -run "^Test$${test#*:}$$" -count 1 -timeout 2h -v || exit 1; \
	done

interop: $(deps) ## read our files with faiss, numpy, pyarrow, DuckDB, webdataset, img2dataset, autofaiss, clip-retrieval, TensorBoard, MLflow, pandas, and theirs with ours; MNIST and Fashion-MNIST
	.ci/install-interop
	INTEROP_PYTHON=$(CURDIR)/cache/interop/bin/python INTEROP_SETS=$(CURDIR)/cache/interop-sets \
		go test ./ops ./results/export ./data/datasets -run '^TestInterop$$|^TestReadsOthers$$|^TestSetsOfPackages$$|^TestProbeOfPackages$$' -count 1 -v

refresh: build ## make the tables, figures and pages of results/reports again from their own rows and predictions
	for dir in results/reports/*; do \
		bin/runner publish --refresh $$dir || exit 1; \
		for file in results/tables/$$(basename $$dir)/*; do cp $$dir/[ft]*/$$(basename $$file) $$file || exit 1; done; \
	done

simulate: ## false positives and power of the tables' test by simulation, written to results/false-positives.md (ten minutes)
	SIMULATE=$(CURDIR)/results/false-positives.md go test ./results/stat -run '^TestSimulate$$' -count 1 -v -timeout 3h

tables: study ## run the published experiments, rewrite results/tables and results/reports
	bin/runner sweep experiments/quickstart.cue --tables results/tables
	bin/runner sweep experiments/paper/twin3-suite.cue --tables results/tables
	for dir in results/reports/*; do \
		bin/runner publish $$(find experiments -name $$(basename $$dir).cue) $$dir || exit 1; \
	done

tex: ## compile the committed LaTeX tables in two columns; installs TeX, and fails on overfull boxes
	@.ci/check-tex

# In this order: what a later one shares with an earlier one is not run again.
study: build emoji ## the emoji study (about two hours on two quiet cores); goes on where it was stopped
	@for name in emoji-base emoji-choose emoji emoji-gamma emoji-k emoji-depth emoji-why emoji-retrieval emoji-choose-labels emoji-baselines paper/twin4-retrieval; do \
		bin/runner sweep experiments/$$name.cue --tables results/tables || exit 1; \
	done

emoji: build cache/emoji/recipe ## fetch the emoji images and make a pool and test sets of them

cache/emoji/recipe: cache/emoji-npm/recipe
	rm -rf cache/emoji
	bin/runner import emoji --from cache/emoji-npm --to cache/emoji
	cp $< $@

fuzz: $(deps) ## fuzz each reader of outside bytes for FUZZTIME (30s)
	@git ls-files --cached --others --exclude-standard '*_test.go' | xargs grep -Eo '^func Fuzz[A-Za-z0-9_]*' /dev/null | while IFS=: read -r file name; do \
		echo "$$file $$name"; \
		go test -run '^$$' -fuzz "^$${name#func }$$" -fuzztime $(or $(FUZZTIME),30s) -fuzzminimizetime 10x "./$$(dirname $$file)" || exit 1; \
	done

mutants: $(deps) ## put one-line faults into the core, one by one, and require the test of each to fail (12 minutes; SINCE=REV, MATCH=, LIMIT=5m)
	go run ./runner/mutants $(if $(SINCE),-since $(SINCE)) $(if $(MATCH),-match '$(MATCH)') $(if $(LIMIT),-limit $(LIMIT))

torture: $(deps) ## kill a sweep of every op TIMES (100) times, then flip a bit of each of its files; compare its tables (20 minutes)
	TORTURE_TIMES=$(or $(TIMES),100) go test ./runner -run '^TestTorture$$' -count 1 -v -timeout 3h
	FLIP_EXPERIMENT=torture go test ./runner -run '^TestFlippedBytes$$' -count 1 -v -timeout 3h

kill: $(deps) ## the same with the quickstart, ten times (10 minutes)
	TORTURE_EXPERIMENT=quickstart TORTURE_TIMES=$(or $(TIMES),10) go test ./runner -run '^TestTorture$$' -count 1 -v -timeout 3h

soak: $(deps) cache/xla-cpu/recipe ## start XLA on the CPU TIMES (1,000) times and count the starts that stand still (an hour)
	SOAK=$(or $(TIMES),1000) go test ./ops/clip/optim -run '^TestSoak$$' -count 1 -v -timeout 24h

slurm: $(deps) ## sweeps on a Slurm of one node, with every fault (as root; 15 minutes)
	.ci/install-slurm
	SLURM_FAULTS=all go test ./runner -run Slurm -count 1 -v -timeout 1h
	TORTURE_EXPERIMENT=quickstart go test ./runner -run '^TestSlurmTorture$$' -count 1 -v -timeout 1h

env: $(deps) ## print the settings for a bare go test: eval "$$(make -s env)"
	@for name in GOEXPERIMENT CGO_ENABLED CGO_CFLAGS CGO_LDFLAGS ONNXRUNTIME_SHARED_LIBRARY_PATH; do \
		eval "echo \"export $$name='\$$$$name'\""; \
	done

clean: ## remove what was built, fetched images and libraries included
	rm -rf bin cache

# The scripts return at once when their work is done already.
toolchain:
	@.ci/check-go

debian: toolchain
	@.ci/install-debian

cache/faiss/recipe: .ci/install-faiss | debian
	@.ci/install-faiss

cache/onnxruntime/recipe: .ci/install-onnxruntime | debian
	@.ci/install-onnxruntime

cache/xla-cpu/recipe: .ci/install-xla-cpu | debian
	@.ci/install-xla-cpu

cache/emoji-npm/recipe: .ci/install-emoji | debian
	@.ci/install-emoji
