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

	"react/ops"
	"react/ops/clip"
	"react/ops/op"
	"react/runner/plan"
	"react/runner/spec/v1"
)

// node is a stage as the lines of its key tell of it.
type node struct {
	op     string
	raw    json.RawMessage // params
	params map[string]any
	in     map[string]string // role → identity
	files  map[string]string // role → digest of the files' names and digests
	model  string            // of a pretraining: its architecture, once it was asked for
}

// feature is what decides a stage's time and size.
type feature struct {
	op.Pace
	kind string // what has to be the same
	like string // kind without the outside files

	start float64 // seconds that it takes whatever its work
}

// engineStart is about what an engine takes to open and to compile the first program.
const engineStart = 2

func (f feature) memoKey(op string) string {
	return fmt.Sprintf("%s\x00%g\x00%g\x00%g\x00%s\x00", op, f.Work, f.Volume, f.Batch, f.kind)
}

func identityOf(key string, lines []string) string {
	if op := ops.All[opOf(lines)]; op.Deepen != nil { // readers may not see the depth
		return plan.Identity(lines)
	}
	return key
}

// opOf is the op that the lines of a key name.
func opOf(lines []string) string {
	if len(lines) < 2 {
		return ""
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(lines[1], "op "), " ")
	return name
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
			n.raw = v1.OpParams(n.op, json.RawMessage(rest))
			json.Unmarshal(n.raw, &n.params) // what does not parse has no params, and is of no kind
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

// feature is what decides the time of a stage, read once.
func (h *History) feature(n *node) feature {
	f, ok := h.features[n]
	if !ok {
		f = h.readFeature(n)
		h.features[n] = f
	}
	return f
}

// readFeature asks the op. One that is not known here is of the kind of its params.
func (h *History) readFeature(n *node) feature {
	f := feature{like: n.op + string(n.raw)}
	if op, ok := ops.All[n.op]; ok {
		f.Pace, f.start = op.Pace(n.raw, h.known(n)), op.Cost.Seconds
		if op.UsesEngine {
			f.start += engineStart
		}
		f.like = n.op + f.Kind
		if f.Model {
			f.like += h.model(n)
		}
	}
	f.kind = f.like + h.outside(n, 0)
	return f
}

// known is what an op may ask of a stage.
func (h *History) known(n *node) op.Known {
	return op.Known{Rows: func() int { return h.poolRows(n) }, Queries: func() int { return h.numQueries(n) }, Images: func() int { return h.images(n) }}
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
func (h *History) poolRows(n *node) int {
	for range 4 {
		if n.op == "world" {
			return int(n.number("rows"))
		}
		if rows := h.rows[n.sources("pool.")]; rows > 0 && n.sources("pool.") != "" {
			return rows
		}
		next := h.input(n, "pool")
		if next.op == "" {
			next = h.input(n, "embeddings")
		}
		n = next
	}
	return 0
}

// numQueries are the prompts, of the stage itself or of the queries that it reads,
// filled with each class of a world; 0 for a file of classes, whose length is not known.
func (h *History) numQueries(n *node) int {
	if in := h.input(n, "queries"); in.op != "" {
		n = in
	}
	prompts, _ := n.params["prompts"].([]any)
	return len(prompts) * int(h.input(n, "classes").number("classes"))
}

// images are those of a set of a world; 0 of a folder.
func (h *History) images(n *node) int {
	world := h.input(n, "dataset")
	return int(world.number("classes") * world.number("testPerClass"))
}
