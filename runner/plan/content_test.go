package plan

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"react/ops"
	"react/ops/engine"
	"react/ops/op"
)

// contents makes the stages of plans, each plan's from an empty store but for what stands before
// every search, and compares what stages with one key hold.
type contents struct {
	t      *testing.T
	root   string            // of the stages' directories
	common map[string]string // key → directory, of stages that no search stands before
	holds  map[string]string // key → digest of the content
	by     map[string]string // key → the plan that made it first
}

// upstream are the ops before a search, whose work is the same for all plans here.
var upstream = map[string]bool{
	"world": true, "pretrain": true, "embed": true, "queries": true, "fingerprint": true, "evaluate": true,
}

// make runs the stages of a plan and reports a stage that another plan filled otherwise.
func (c *contents) make(name string, p *Plan) {
	c.t.Helper()
	dirs := map[*Stage]string{}
	for _, s := range p.Stages {
		if dir, ok := c.common[s.Key]; ok {
			dirs[s] = dir
			continue
		}
		dirs[s] = c.run(s, dirs)
		if upstream[s.Op] {
			c.common[s.Key] = dirs[s]
		}
		digest := contentOf(c.t, dirs[s])
		if old, ok := c.holds[s.Key]; ok && old != digest {
			c.t.Errorf("%s %s of %q is not what %q made under that key", s.Op, s.Key[:8], name, c.by[s.Key])
		}
		c.holds[s.Key], c.by[s.Key] = digest, name
	}
}

// run makes one stage.
func (c *contents) run(s *Stage, dirs map[*Stage]string) string {
	c.t.Helper()
	in := map[string]string{}
	for role, stage := range s.In {
		in[role] = dirs[stage]
	}
	dir, err := os.MkdirTemp(c.root, s.Op)
	if err != nil {
		c.t.Fatal(err)
	}
	run := &op.Run{Dir: dir, In: in, Files: s.Files, Workers: 2, Log: &bytes.Buffer{},
		Progress: func(op.Progress) {}, Warn: func(string, ...any) {}, Fact: func(string, any) {},
		OpenEngine: func() (*engine.Engine, error) { return engine.Open("go") }}
	if err := ops.All[s.Op].Run(context.Background(), run, s.Params); err != nil {
		c.t.Fatalf("%s: %v", s.Op, err)
	}
	return run.Dir
}

// contentOf is a digest of the files of a directory, names and bytes.
func contentOf(t *testing.T, dir string) string {
	t.Helper()
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		fmt.Fprintf(h, "%s %d\n", strings.TrimPrefix(path, dir), len(raw))
		h.Write(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// contentSpec has more rows than codes need, and looks at the pairs in both ways.
const contentSpec = `apiVersion: "runner/v2"
name: "t"
question: "?"
pool: w: world: {rows: 400, classes: 6, testPerClass: 2, photo: 0.2, size: 32}
backbone: {arch: "tiny", pretrain: {pool: "w", steps: 2, warmup: 1, batch: 8, vocab: 514}}
task: {classes: "pool:w/task", prompts: ["a {}"]}
retrieve: {pool: "w", overfetch: 2}
tune: {mode: "none", steps: 5, warmup: 1, batch: 8}
evaluate: found: {kind: "pairs", dataset: "pool:w/task"}
tables: main: {rows: "class", metrics: ["balance/overlap"]}
`

// indexKinds are all of them, those of a factory and of auto that take other ways included.
var indexKinds = map[string]string{
	"flat":          `kind: "flat"`,
	"exact":         `kind: "exact"`,
	"hnsw":          `kind: "hnsw", m: 4, efSearch: 160`,
	"hnsw shards":   `kind: "hnsw", m: 4, efSearch: 160, shardRows: 150`,
	"ivf-flat":      `kind: "ivf-flat", nlist: 4, nprobe: 1`,
	"ivf shards":    `kind: "ivf-flat", nlist: 4, nprobe: 1, shardRows: 150`,
	"ivf-pq":        `kind: "ivf-pq", nlist: 4, nprobe: 4, code: 1`,
	"ivf-pq shards": `kind: "ivf-pq", nlist: 4, nprobe: 4, code: 1, shardRows: 150`,
	"opq-ivf-pq":    `kind: "opq-ivf-pq", nlist: 2, nprobe: 2, code: 1`,
	"pq":            `kind: "factory", factory: "PQ1x8np"`,
	"refined":       `kind: "factory", factory: "PQ1x4np,RFlat"`,
	"scalar":        `kind: "factory", factory: "IVF4,SQ4", nprobe: 2`,
	"auto, flat":    `kind: "auto", memoryGiB: 1`,
	"auto, codes":   `kind: "auto", memoryGiB: 0.00002`,
	"recall":        `kind: "ivf-flat", nlist: 4, nprobe: 1, recall: 0.5`,
}

// TestOneKeyOneContent: whatever else a sweep holds, a stage with the same key holds the same
// bytes. Deeper searches, of a larger K or a larger overfetch, are in some plans and not in others.
func TestOneKeyOneContent(t *testing.T) {
	if testing.Short() {
		t.Skip("a pool is embedded and searched in many ways")
	}
	root, common := t.TempDir(), map[string]string{}
	sweeps := []string{
		`sweep: grid: retrieve: k: [2]`,
		`sweep: grid: retrieve: k: [2, 60]`,
		`sweep: {grid: retrieve: k: [2], cases: [{label: "deep", retrieve: {k: 2, overfetch: 40}}]}`,
	}
	ways := map[string]string{}
	for kind, index := range indexKinds {
		ways[kind] = "index: {" + index + "}\n"
	}
	for _, kind := range []string{"pq", "flat"} {
		index := "index: {" + indexKinds[kind] + "}\n"
		ways[kind+", sum"] = index + `retrieve: {fuse: "sum", weight: 0.7}` + "\n"
		ways[kind+", rrf, class"] = index + `retrieve: {fuse: "rrf", per: "class"}` + "\n"
		ways[kind+", random"] = index + `pairs: source: "random"` + "\n"
		ways[kind+", caption"] = index + `pairs: source: "caption-match"` + "\n"
		ways[kind+", filter"] = index + `pool: w: filter: fraction: 0.6` + "\n"
	}
	ways["text-match"] = `retrieve: by: ["text-match"]` + "\n"
	for name, lines := range ways {
		t.Run(name, func(t *testing.T) {
			c := &contents{t: t, root: root, common: common}
			c.holds, c.by = map[string]string{}, map[string]string{}
			for _, sweep := range sweeps {
				c.make(sweep, loadSpec(t, contentSpec+lines+sweep))
			}
		})
	}
}

// keysOf82a2c7e are a plan's keys as commit 82a2c7e made them: the readers of any search named it
// without its depth.
func keysOf82a2c7e(p *Plan) map[*Stage]string {
	keys, identities := map[*Stage]string{}, map[*Stage]string{}
	for _, s := range p.Stages {
		var lines []byte
		for _, line := range s.Lines {
			if role, _, ok := strings.Cut(strings.TrimPrefix(line, "in "), " "); ok && strings.HasPrefix(line, "in ") {
				line = "in " + role + " " + identities[s.In[role]]
			}
			lines = append(lines, line+"\n"...)
		}
		keys[s] = digestOf(lines)
		identities[s] = keys[s]
		if s.Op == "retrieve" {
			before, after, _ := bytes.Cut(lines, []byte(`"depth":`))
			rest := bytes.TrimLeft(after, "0123456789")
			identities[s] = digestOf(append(append(bytes.Clone(before), `"depth":0`...), rest...))
			if identities[s] != FormerIdentity(s.Lines) {
				panic("a search was called otherwise")
			}
		}
	}
	return keys
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// TestStoresOf82a2c7e: what that commit stored after a search whose depth matters is not served,
// and the rest is.
func TestStoresOf82a2c7e(t *testing.T) {
	for kind, index := range indexKinds {
		p := loadSpec(t, contentSpec+"index: {"+index+"}\nsweep: grid: retrieve: k: [2, 60]")
		old, stored := keysOf82a2c7e(p), map[string]bool{}
		for _, key := range old {
			stored[key] = true
		}
		exact := strings.HasPrefix(kind, "flat") || kind == "exact" || strings.HasPrefix(kind, "hnsw")
		for _, s := range p.Stages {
			if s.Op == "retrieve" && (Identity(s.Lines) == FormerIdentity(s.Lines)) != exact {
				t.Errorf("%s: readers call the search as they did: %v, want %v", kind, !exact, exact)
			}
			wrong := !exact && (s.Op == "pairs" || s.Op == "audit" || s.Op == "balance")
			if stored[s.Key] == wrong {
				t.Errorf("%s: %s of the old store is served: %v, want %v", kind, s.Op, wrong, !wrong)
			}
		}
	}
}
