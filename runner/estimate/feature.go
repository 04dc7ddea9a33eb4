package estimate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"

	"react/ops/clip"
	"react/runner/plan"
)

// node is a stage as the lines of its key tell of it.
type node struct {
	op     string
	params map[string]any
	in     map[string]string // role → identity
	files  map[string]string // role → digest of the files' names and digests
	model  string            // of a pretraining: its architecture, once it was asked for
}

// feature is what decides a stage's time and size.
type feature struct {
	work   float64 // what the time grows with; 0 where that is not known
	volume float64 // what the output grows with; 0 likewise
	batch  float64 // what the memory grows with; 0 where nothing
	kind   string  // what has to be the same
	like   string  // kind without the outside files
}

func (f feature) memoKey(op string) string {
	return fmt.Sprintf("%s\x00%g\x00%g\x00%g\x00%s\x00", op, f.work, f.volume, f.batch, f.kind)
}

func identityOf(key string, lines []string) string {
	if len(lines) > 1 && strings.HasPrefix(lines[1], "op retrieve ") { // readers do not see the depth
		return plan.Identity(lines)
	}
	return key
}

// add reads the lines of a key.
func (h *History) add(key string, lines []string) *node {
	id := identityOf(key, lines)
	if n, ok := h.nodes[id]; ok {
		return n
	}
	n := &node{in: map[string]string{}, files: map[string]string{}}
	files := map[string]hash.Hash{} // a digest, since there may be 100,000 files
	for _, line := range lines {
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "op":
			n.op, _, _ = strings.Cut(rest, " ")
		case "params":
			json.Unmarshal([]byte(rest), &n.params) // what does not parse has no params, and is of no kind
		case "in":
			role, identity, _ := strings.Cut(rest, " ")
			n.in[role] = identity
		case "file", "files": // files: the digest of many
			role, file, _ := strings.Cut(rest, " ")
			if files[role] == nil {
				files[role] = sha256.New()
			}
			io.WriteString(files[role], file+"\n")
		}
	}
	for role, h := range files {
		n.files[role] = hex.EncodeToString(h.Sum(nil))
	}
	h.nodes[id] = n
	return n
}

// input is the stage of a role; a node of no op where it is outside files or not
// known.
func (h *History) input(n *node, role string) *node {
	if in := h.nodes[n.in[role]]; in != nil {
		return in
	}
	return &node{}
}

// sources are the outside files of roles that begin so, "" where there are none.
func (n *node) sources(prefix string) string {
	var b strings.Builder
	for _, role := range slices.Sorted(maps.Keys(n.files)) {
		if strings.HasPrefix(role, prefix) {
			b.WriteString(role + " " + n.files[role] + "\n")
		}
	}
	return b.String()
}

func (n *node) number(name string) float64 {
	v, _ := n.params[name].(float64)
	return v
}

func (n *node) text(name string) string {
	v, _ := n.params[name].(string)
	return v
}

// except gives the params but some, as text.
func (n *node) except(names ...string) string {
	rest := maps.Clone(n.params)
	for _, name := range names {
		delete(rest, name)
	}
	raw, _ := json.Marshal(rest) // keys are sorted
	return string(raw)
}

// feature is what decides the time of a stage, read once.
func (h *History) feature(n *node) feature {
	f, ok := h.features[n]
	if !ok {
		f = h.readFeature(n)
		h.features[n] = f
	}
	return f
}

// readFeature reads the params. An op that is not known here is of the kind of
// its params.
func (h *History) readFeature(n *node) feature {
	f := feature{work: 1, volume: 1, like: n.op}
	switch n.op {
	case "world":
		f.work = n.number("rows") + 3*n.number("classes")*n.number("testPerClass")
		f.work *= max(n.number("size"), 1)
		f.volume = f.work * max(n.number("size"), 1)
	case "pretrain":
		f.work, f.batch = n.number("steps")*n.number("batch"), n.number("batch")
		if keep := n.number("keep"); keep > 0 {
			f.volume += n.number("steps") / keep
		}
		f.like += h.model(n) + n.text("precision")
	case "tune":
		f.work, f.batch = n.number("steps")*n.number("batch"), n.number("batch")
		f.like += h.model(n) + n.except("gamma", "steps", "batch", "lr", "warmup", "weightDecay", "clip", "alphaLR", "seed", "maxBad", "augment")
	case "prompt-tune":
		f.work, f.batch = n.number("steps")*n.number("batch"), n.number("batch")
		f.like += h.model(n) + n.text("contexts")
	case "embed":
		f.work = h.poolRows(n)
		f.volume = f.work
		f.like += h.model(n)
	case "queries":
		f.work = h.numQueries(n)
		f.volume = f.work
		f.like += h.model(n)
	case "index":
		f.work = h.poolRows(n)
		f.volume = f.work
		f.like += n.except("seed", "side")
	case "retrieve":
		queries := h.numQueries(h.input(n, "queries"))
		f.work, f.volume = h.poolRows(n)*queries, queries*n.number("depth")
	case "pairs":
		f.work = h.poolRows(n)
		f.volume = n.number("k") * h.numQueries(h.input(n, "queries"))
		f.like += n.text("control")
		if n.text("control") == "continued" {
			f.volume = f.work
		}
	case "evaluate":
		f.work = h.images(n)
		f.volume = f.work
		f.like += h.model(n) + n.text("kind") + n.text("set")
	default:
		f.like += n.except("seed")
	}
	f.kind = f.like + h.outside(n, 0)
	return f
}

// outside are the outside files that a stage reads, or that its inputs were made
// from: with the same ones, what is not known of them does not differ.
func (h *History) outside(n *node, depth int) string {
	text := n.sources("")
	if depth > 8 || n.op == "" {
		return text
	}
	for _, role := range []string{"pool", "dataset", "classes", "embeddings"} {
		text += h.outside(h.input(n, role), depth+1)
	}
	return text
}

// model is the architecture that a stage runs: pretraining's, or the outside
// files of a checkpoint; gated blocks are named besides.
func (h *History) model(n *node) string {
	gates := ""
	for range 8 { // tune, resize, snapshot, pretrain
		if n.op == "pretrain" {
			if n.model == "" {
				raw, _ := json.Marshal(n.params["model"])
				n.model = string(raw)
			}
			return n.model + gates
		}
		if mode, err := clip.ModeOf(n.text("mode")); err == nil && n.op == "tune" && mode.Gates {
			gates = fmt.Sprintf("+%g gates", n.number("gatedDepth"))
		}
		if n.op == "resize" {
			gates += fmt.Sprintf(" at %g", n.number("imageSize"))
		}
		if files := n.sources("checkpoint"); files != "" {
			return files + gates
		}
		next := h.input(n, "checkpoint")
		if next.op == "" {
			next = h.input(n, "pretrain")
		}
		n = next
	}
	return "" + gates
}

// poolRows are the rows of the pool that a stage reads, through what was made of
// it; 0 where that is not known.
func (h *History) poolRows(n *node) float64 {
	for range 4 {
		if n.op == "world" {
			return n.number("rows")
		}
		if rows := h.rows[n.sources("pool.")]; rows > 0 && n.sources("pool.") != "" {
			return float64(rows)
		}
		next := h.input(n, "pool")
		if next.op == "" {
			next = h.input(n, "embeddings")
		}
		n = next
	}
	return 0
}

// numQueries are the prompts filled with each class of a world; 0 for a file of
// classes, whose length is not known.
func (h *History) numQueries(n *node) float64 {
	prompts, _ := n.params["prompts"].([]any)
	return float64(len(prompts)) * h.input(n, "classes").number("classes")
}

// images are those of a set of a world; 0 of a folder.
func (h *History) images(n *node) float64 {
	world := h.input(n, "dataset")
	return world.number("classes") * world.number("testPerClass")
}
