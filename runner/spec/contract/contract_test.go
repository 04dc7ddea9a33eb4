package contract

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"

	"react/ops/clip"
	"react/runner/spec/fields"
)

func contractOf(t *testing.T) *Schema {
	t.Helper()
	k, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// leaves lists the paths of the sections with * for names.
func leaves(n *Field, path string) []string {
	if n.IsLeaf() {
		return []string{path}
	}
	if n.Elem != nil {
		return leaves(n.Elem, path+".*")
	}
	var out []string
	for _, f := range n.Fields {
		out = append(out, leaves(f, fields.Join(path, f.Name))...)
	}
	return out
}

// TestDefaultsAreValid holds that every default names a field and passes its constraint, and that a
// field without one is required, optional by nature, or filled from elsewhere.
func TestDefaultsAreValid(t *testing.T) {
	k := contractOf(t)
	noDefault := []string{"pool.*.laion", "pool.*.embeddings", "pool.*.shards", "pool.*.rows", "backbone.arch", "backbone.weights", "backbone.imageSize", "backbone.precision", "backbone.pretrain.checkpoint.every", "backbone.pretrain.checkpoint.step", "tune.lr", "evaluate.*.prompts",
		"index.code", "index.factory", "index.memoryGiB", "index.shardRows", "index.recall", "evaluate.*.benchmark", "evaluate.*.promptsFile", "evaluate.*.protocol",
		"evaluate.*.train", "evaluate.*.method", "evaluate.*.init", "evaluate.*.shots", "evaluate.*.samples", "evaluate.*.best",
		"evaluate.*.of", "evaluate.*.trainList", "evaluate.*.knowledge", "evaluate.*.wordnet", "evaluate.*.wiktionary", "tune.captions", "tune.objective", "tune.after", "tune.threshold", "tune.perClass", "tune.soft",
		"tune.temperature", "tune.rounds", "tune.labelled", "tune.benchmark", "tune.shots", "tune.context", "tune.contexts", "tune.position", "tune.contextInit", "tune.ending",
		"backbone.pretrain.augment.randAugment", "backbone.pretrain.augment.erasing", "tune.augment.randAugment", "tune.augment.erasing",
		"task.synonyms", "retrieve.fuse", "retrieve.weight", "retrieve.prompts", "retrieve.minT2T", "retrieve.minT2I", "retrieve.budget", "pairs.nearHash",
		"pool.*.world.scenes", "evaluate.*.images", "evaluate.*.proposals", "evaluate.*.objectness", "evaluate.*.features", "evaluate.*.side",
		"evaluate.*.margin", "evaluate.*.stride", "evaluate.*.regions", "evaluate.*.temperature", "evaluate.*.nms", "evaluate.*.softNMS", "evaluate.*.minScore",
		"evaluate.*.top", "evaluate.*.promptDenoising", "evaluate.*.keySmoothing", "evaluate.*.keys",
		"evaluate.*.scores", "evaluate.*.truncate", "pairs.draw", "pairs.nearCosine", "pairs.collisions", "pairs.leaks", "pairs.leakHash", "pairs.leakCosine"}
	seen := map[string]bool{"sweep.seeds": true, "tables.*.columns": true, "tables.*.decimals": true}
	for _, path := range leaves(k.Params, "") {
		n := k.Find(path)
		raw, ok := k.defaults[path]
		if !ok {
			raw, ok = k.families[0].values[path]
		}
		seen[path] = true
		switch {
		case ok && n.Required != "":
			t.Errorf("%s: required and has a default", path)
		case ok && n.Form.Value.Unify(k.Context.CompileBytes(raw)).Validate(cue.Concrete(true)) != nil:
			t.Errorf("%s: default %s does not fit %s", path, raw, n.Form)
		case !ok && n.Required == "" && !slices.Contains(noDefault, path) && !strings.HasPrefix(path, "pool.*.filter.") && !strings.HasPrefix(path, "evaluate.*.training."):
			t.Errorf("%s: neither a default nor required", path)
		}
	}
	for path := range k.defaults {
		if !seen[path] {
			t.Errorf("default %s is of no field", path)
		}
	}
	lr := k.Find("tune.lr")
	for _, f := range k.families {
		for mode, raw := range f.lr {
			if lr.Form.Value.Unify(k.Context.CompileBytes(raw)).Validate(cue.Concrete(true)) != nil {
				t.Errorf("#DefaultTune %s: lr %s: %s", f.Name, mode, raw)
			}
		}
		for path, raw := range f.values {
			n := k.Find(path)
			if n == nil || n.Form.Value.Unify(k.Context.CompileBytes(raw)).Validate(cue.Concrete(true)) != nil {
				t.Errorf("#DefaultTune %s: %s: %s", f.Name, path, raw)
			}
		}
	}
	for kind, fields := range k.dense {
		if kind == lvis {
			kind = "detection"
		}
		for name, raw := range fields {
			n := k.Find("evaluate.*." + name)
			if n == nil || !n.only[0].Holds(kind) || n.Form.Value.Unify(k.Context.CompileBytes(raw)).Validate(cue.Concrete(true)) != nil {
				t.Errorf("#DefaultDense %s.%s: %s", kind, name, raw)
			}
		}
	}
	for optimizer, fields := range k.training {
		for name, raw := range fields {
			n := k.Find("evaluate.*.training." + name)
			if n == nil || n.Form.Value.Unify(k.Context.CompileBytes(raw)).Validate(cue.Concrete(true)) != nil {
				t.Errorf("#DefaultTraining %s.%s: %s", optimizer, name, raw)
			}
		}
	}
}

// TestEveryFieldIsSaid holds that every field has a comment and that its constraint can be said in
// English.
func TestEveryFieldIsSaid(t *testing.T) {
	ctx := cuecontext.New()
	v, err := compileSchema(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, def := range []string{"Pool", "Filter", "World", "Backbone", "Pretrain", "Augment", "Task", "Index", "Retrieve", "Pairs", "Tune", "Evaluate", "Training", "Sweep", "Table"} {
		it, err := v.LookupPath(cue.MakePath(cue.Def(def))).Fields(cue.Optional(true))
		if err != nil {
			t.Fatal(err)
		}
		for it.Next() {
			if doc := it.Value().Doc(); len(doc) == 0 {
				t.Errorf("#%s.%s has no comment", def, it.Selector())
			}
		}
	}
	k := contractOf(t)
	for _, path := range leaves(k.Params, "") {
		if n := k.Find(path); n.Form.String() == "" || strings.Contains(n.Form.String(), "each )") {
			t.Errorf("%s: what is right cannot be said", path)
		}
	}
}

func TestNamePattern(t *testing.T) {
	k := contractOf(t)
	for _, s := range []string{"a", "A-b_3", "3a", "", "a.b", "é", "a b", strings.Repeat("x", 63), strings.Repeat("x", 64)} {
		raw, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		inSchema := k.name.Value.Unify(k.Context.CompileBytes(raw)).Err() == nil
		if IsName(s) != inSchema {
			t.Errorf("%q: #Name says %v, isName %v", s, inSchema, !inSchema)
		}
	}
}

// TestSchemaHasTheModes: tune.mode takes the names of clip.Modes, none and prompt, which tune no
// weights, and each that trains has a default learning rate.
func TestSchemaHasTheModes(t *testing.T) {
	k := contractOf(t)
	n := k.Find("tune.mode")
	trained := append(clip.ModeNames(), "prompt")
	if got, want := n.Form.spelling().literals, append([]string{"none"}, trained...); !slices.Equal(got, want) {
		t.Errorf("schema/tune.cue: tune.mode takes %q, ops/clip/trainable.go has %q", got, want)
	}
	for _, f := range k.families {
		if got, want := slices.Sorted(maps.Keys(f.lr)), slices.Sorted(slices.Values(trained)); !slices.Equal(got, want) {
			t.Errorf("schema/tune.cue: lr of %s has %q, ops/clip/trainable.go %q", f.Name, got, want)
		}
	}
}
