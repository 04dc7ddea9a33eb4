package plan

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"react/ops/clip"
	"react/results/evaluation"
	"react/runner/spec"
	"react/runner/spec/mistake"
)

// idSpec has all sections and all kinds of evaluation. Its pools and folders are looked for
// nowhere.
const idSpec = `apiVersion: "runner/v2"
name: "t"
question: "?"
pool: w: world: {rows: 100}
pool: more: world: {rows: 100, seed: 1}
pool: l: {laion: "l/*.parquet", shards: "l/*.tar"}
pool: e: {embeddings: "emb", shards: "e/*.tar"}
backbone: {arch: "tiny", pretrain: {pool: "w", steps: 10, checkpoint: every: 5, warmup: 1, batch: 8}}
task: {classes: "pool:w/task", prompts: ["a {}", "the {}"]}
retrieve: pool: "w"
tune: {mode: "none", steps: 5, warmup: 1, batch: 8, labelled: "pool:w/choose"}
evaluate: {
	plain:    {kind: "zeroshot", dataset: "pool:w/task"}
	scored:   {kind: "zeroshot", dataset: "pool:w/others", protocol: "elevater"}
	captions: {kind: "retrieval", dataset: "coco"}
	probed:   {kind: "probe", dataset: "pool:w/task", train: "pool:more/task", shots: 1}
	tuned:    {kind: "finetune", dataset: "pool:w/task", train: "pool:more/task", shots: 2}
	found:    {kind: "pairs", dataset: "pool:w/task"}
	all:      {kind: "mean", of: ["plain", "probed"]}
	boxes:    {kind: "detection", dataset: "boxes.json", images: "pictures"}
	pixels:   {kind: "segmentation", dataset: "maps", images: "pictures"}
}
tables: main: {rows: "class", metrics: ["balance/overlap"]}
sweep: seeds: [0, 1]
`

// idChanges are changes of a few fields each: to other values, and to other words for the same.
var idChanges = strings.Split(strings.TrimSpace(`
pool: w: world: rows: 101
pool: w: maxBad: 3
pool: w: maxBadShare: 0.5
pool: l: rows: 1000
retrieve: pool: "l", pool: l: filter: {}
retrieve: pool: "l", pool: l: filter: minWords: 2
retrieve: pool: "e", pool: e: filter: {fraction: 0.5, seed: 3}
retrieve: pool: "l", pool: l: rows: 1000
pool: e: maxBad: 7
backbone: imageSize: 64
backbone: precision: "bf16"
backbone: precision: "f32"
backbone: weights: "base.pt"
backbone: {weights: "base.pt", arch: "tiny"}
backbone: pretrain: checkpoint: step: 5
backbone: pretrain: checkpoint: step: 10
backbone: pretrain: {vocab: 600, seed: 3}
backbone: pretrain: augment: {flip: 0.25, randAugment: "off"}
backbone: pretrain: pool: "l"
task: prompts: ["a {}"]
task: classes: "pool:w/others"
task: synonyms: "synonyms.json"
index: m: 16
index: seed: 4
index: efSearch: 99
index: nlist: 32
index: shardRows: 50
index: kind: "exact"
index: {kind: "hnsw", m: 8}
index: {kind: "ivf-flat", nprobe: 3}
index: {kind: "ivf-pq", code: 8, recall: 0.9}
index: {kind: "factory", factory: "IVF4,Flat"}
index: {kind: "auto", memoryGiB: 1}
retrieve: pool: "l"
retrieve: pool: "e"
retrieve: k: 3
retrieve: overfetch: 7
retrieve: {k: 8, overfetch: 2}
retrieve: by: ["t2i"]
retrieve: by: ["t2i", "t2t"]
retrieve: by: ["text-match"]
retrieve: per: "class"
retrieve: fuse: "union"
retrieve: fuse: "rrf"
retrieve: fuse: "sum"
retrieve: {fuse: "sum", weight: 0.5}
retrieve: {fuse: "sum", weight: 0.25}
retrieve: prompts: "union"
retrieve: prompts: "mean"
retrieve: minT2T: 0.25
retrieve: budget: 9
pairs: dedup: false
pairs: seed: 3
pairs: draw: "each"
pairs: draw: "one"
pairs: nearHash: 2
pairs: collisions: "keep"
pairs: collisions: "best"
pairs: leaks: "keep"
pairs: leaks: "drop"
pairs: leakHash: 2
pairs: {leaks: "drop", leakCosine: 0.5}
tune: gamma: 0.75
tune: gamma: "off"
tune: captions: "all"
tune: captions: "one"
tune: positivesFrom: "base"
tune: steps: 6
tune: lr: 0.0123
tune: warmup: 2
tune: weightDecay: 0.3
tune: gradClip: 0.7
tune: gatedDepth: 1
tune: alphaLRScale: 3
tune: augment: color: 0.33
tune: augment: randAugment: "off"
tune: objective: "contrastive"
tune: objective: "retrieved-class"
tune: objective: "self-training"
tune: {objective: "self-training", rounds: 1}
tune: {objective: "self-training", rounds: 2, threshold: 0.5}
tune: {objective: "self-training", after: "contrastive", soft: true}
tune: after: "self-training"
tune: temperature: 2
tune: context: 4
tune: ending: "stop"
tune: {ending: "none", position: "front"}
tune: {contexts: "class", contextInit: "a photo of a"}
tune: {shots: 3, labelled: "pool:w/others"}
tune: benchmark: "cifar-10"
evaluate: plain: prompts: ["one {}"]
evaluate: plain: protocol: "openai"
evaluate: plain: truncate: "keep-eot"
evaluate: plain: truncate: "error"
evaluate: scored: scores: true
evaluate: scored: promptsFile: "prompts.json"
evaluate: scored: {knowledge: ["wordnet"], wordnet: "wn"}
evaluate: scored: {knowledge: ["wiktionary"], wiktionary: "wk.jsonl"}
evaluate: captions: dataset: "flickr"
evaluate: captions: prompts: ["{}"]
evaluate: captions: maxBadShare: 0.01
evaluate: probed: samples: 2
evaluate: probed: samples: 0
evaluate: probed: method: "logistic"
evaluate: probed: method: "prototypes"
evaluate: probed: init: "random"
evaluate: probed: prompts: ["one {}"]
evaluate: probed: {init: "random", prompts: ["one {}"]}
evaluate: probed: {train: "some", trainList: "some.txt"}
evaluate: probed: maxBadShare: 0.01
evaluate: tuned: samples: 2
evaluate: tuned: samples: 0
evaluate: tuned: {init: "random", best: "test"}
evaluate: tuned: prompts: ["one {}"]
evaluate: tuned: training: searchEpochs: 7
evaluate: tuned: training: {lr: [0.01], weightDecay: [0.1]}
evaluate: tuned: training: {lr: [0.01], weightDecay: [0.1], searchEpochs: 7}
evaluate: tuned: training: optimizer: "adamw"
evaluate: tuned: training: augment: {flip: 0.25}
evaluate: tuned: training: augment: {flip: 0.25, randAugment: "off"}
evaluate: found: dataset: "pool:w/choose"
evaluate: all: of: ["probed", "plain"]
evaluate: all: of: ["plain", "tuned"]
evaluate: all: maxBadShare: 0.01
evaluate: all: maxBadShare: 0.5
`), "\n")

// TestIDsFollowKeys: two trials have one id exactly where all their stages have one key. A field
// that no stage reads is not in the id, or one result would stand under two; a field that one reads
// is, or one of two results would be dropped. A file that is called otherwise is another value, so
// none is here.
func TestIDsFollowKeys(t *testing.T) {
	settings := settingsOf(t, randomCases(rand.New(rand.NewPCG(16, 2))))
	// first with those ids, with those keys
	keysOf, idsOf := map[string]setting{}, map[string]setting{}
	same := 0
	for _, s := range settings {
		if (s.ids[0] == s.ids[1]) != (s.keys[0] == s.keys[1]) {
			t.Errorf("%s: over seeds the ids are %q, and the keys the same: %v", s.text, s.ids, s.keys[0] == s.keys[1])
		}
		ids, keys := strings.Join(s.ids, " "), strings.Join(s.keys, " ")
		if other, ok := keysOf[ids]; ok && strings.Join(other.keys, " ") != keys {
			t.Errorf("one id, %s, but other keys:\n%s\n%s", ids, s.text, other.text)
		}
		if other, ok := idsOf[keys]; ok {
			same++
			if strings.Join(other.ids, " ") != ids {
				t.Errorf("the same keys, but ids %q and %q:\n%s\n%s", s.ids, other.ids, s.text, other.text)
			}
		}
		keysOf[ids], idsOf[keys] = s, s
	}
	t.Logf("%d settings, %d of them with the keys of another", len(settings), same)
	if len(settings) < 500 || same < 100 || len(settings)-same < 200 {
		t.Errorf("%d settings, %d of them with the keys of another: too few to tell", len(settings), same)
	}
}

// setting is a case, with its ids and all keys for each seed.
type setting struct {
	text      string
	ids, keys []string
}

// randomCases are settings of every mode and control with random changes, each with others that
// differ from it in one change.
func randomCases(r *rand.Rand) []string {
	var cases []string
	with := func(text string) string {
		for {
			change := idChanges[r.IntN(len(idChanges))]
			if !slices.ContainsFunc(givenIn(change), func(name string) bool { return slices.Contains(givenIn(text), name) }) {
				return text + ", " + change
			}
		}
	}
	for _, mode := range slices.Concat([]string{"none"}, clip.ModeNames(), []string{"prompt"}) {
		for _, control := range []string{"retrieved", "random", "caption-match", "oracle", "pool"} {
			for more := range 3 {
				text := fmt.Sprintf("tune: mode: %q, pairs: source: %q", mode, control)
				for range more {
					text = with(text)
				}
				cases = append(cases, text)
				for range 15 {
					cases = append(cases, with(text))
				}
			}
		}
	}
	return cases
}

// givenIn are the names of the fields that have a value.
func givenIn(text string) (names []string) {
	for _, found := range fieldName.FindAllStringSubmatch(text, -1) {
		names = append(names, found[1])
	}
	return names
}

var fieldName = regexp.MustCompile(`(\w+): (?:["\[\d{]|true|false)`)

// settingsOf plans the cases that are ones; of some the spec says itself that nothing reads a
// field.
func settingsOf(t *testing.T, cases []string) []setting {
	t.Helper()
	exp, err := loadCases(t, cases)
	for mistakes := (mistake.Errors{}); errors.As(err, &mistakes); exp, err = loadCases(t, cases) {
		wrong := map[int]bool{}
		for _, m := range mistakes {
			at := caseAt.FindStringSubmatch(m.Path)
			if at == nil {
				t.Fatal(m)
			}
			i, _ := strconv.Atoi(at[1])
			wrong[i] = true
		}
		var right []string
		for i, text := range cases {
			if !wrong[i] {
				right = append(right, text)
			}
		}
		cases, mistakes = right, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return planned(t, exp, cases)
}

var caseAt = regexp.MustCompile(`^sweep\.cases\[(\d+)\]`)

func loadCases(t *testing.T, cases []string) (*spec.Experiment, error) {
	t.Helper()
	var text strings.Builder
	text.WriteString(idSpec + "sweep: cases: [\n")
	for i, c := range cases {
		fmt.Fprintf(&text, "\t{label: \"%d\", %s},\n", i, c)
	}
	text.WriteString("]\n")
	file := filepath.Join(t.TempDir(), "x.cue")
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return spec.Load(file, nil)
}

func planned(t *testing.T, exp *spec.Experiment, cases []string) []setting {
	t.Helper()
	b := newBuilder(exp, Options{Unseen: true})
	settings := make([]setting, len(cases))
	kinds := map[string]bool{}
	for i := range exp.Trials {
		trial, err := b.trial(&exp.Trials[i])
		if err != nil {
			t.Fatal(err)
		}
		at, _ := strconv.Atoi(trial.Label)
		s := &settings[at]
		s.text, s.ids = cases[at], append(s.ids, trial.ID)
		var keys []string
		for _, name := range slices.Sorted(maps.Keys(trial.Stages)) {
			keys = append(keys, name+" "+trial.Stages[name].Key)
		}
		s.keys = append(s.keys, strings.Join(keys, "\n"))
		for _, e := range exp.Trials[i].Params.Evaluate {
			kinds[e.Kind] = true
		}
	}
	for _, kind := range evaluation.Kinds() {
		if !kinds[kind.Name] {
			t.Errorf("idSpec has no evaluation of kind %q", kind.Name)
		}
	}
	return settings
}
