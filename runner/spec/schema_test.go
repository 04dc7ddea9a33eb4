package spec

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/load"

	"react/ops/clip"
	"react/runner/spec/fields"
	"react/schema"
)

func contractOf(t *testing.T) *contract {
	t.Helper()
	k, err := newContract()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// leaves lists the paths of the sections with * for names.
func leaves(n *node, path string) []string {
	if n.isLeaf() {
		return []string{path}
	}
	if n.elem != nil {
		return leaves(n.elem, path+".*")
	}
	var out []string
	for _, f := range n.fields {
		out = append(out, leaves(f, fields.Join(path, f.name))...)
	}
	return out
}

// fieldsOf lists the JSON paths of a Go type in the same way.
func fieldsOf(t reflect.Type, path string) []string {
	switch {
	case t == reflect.TypeFor[Gamma]():
		return []string{path}
	case t.Kind() == reflect.Pointer:
		return fieldsOf(t.Elem(), path)
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Struct:
		return fieldsOf(t.Elem(), path+".*")
	case t.Kind() != reflect.Struct:
		return []string{path}
	}
	var out []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		out = append(out, fieldsOf(t.Field(i).Type, fields.Join(path, name))...)
	}
	return out
}

// TestSchemaIsParams holds that the schema and the Go types have the same fields.
func TestSchemaIsParams(t *testing.T) {
	k := contractOf(t)
	table := slices.DeleteFunc(fieldsOf(reflect.TypeFor[Table](), ""), func(f string) bool { return f == "name" }) // the key in the file
	for name, pair := range map[string][2][]string{
		"Params": {leaves(k.params, ""), fieldsOf(reflect.TypeFor[Params](), "")},
		"Table":  {leaves(k.table, ""), table},
	} {
		slices.Sort(pair[0])
		slices.Sort(pair[1])
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s\nschema %v\nGo     %v", name, pair[0], pair[1])
		}
	}
}

// TestDefaultsAreValid holds that every default names a field and passes its constraint, and that a field without one is required, optional by
// nature, or filled from elsewhere.
func TestDefaultsAreValid(t *testing.T) {
	k := contractOf(t)
	noDefault := []string{"pool.*.laion", "pool.*.embeddings", "pool.*.shards", "pool.*.rows", "backbone.arch", "backbone.weights", "backbone.imageSize", "backbone.precision", "backbone.pretrain.checkpoint.every", "backbone.pretrain.checkpoint.step", "tune.lr", "evaluate.*.prompts",
		"index.code", "index.factory", "index.memoryGiB", "index.shardRows", "index.recall", "evaluate.*.benchmark", "evaluate.*.promptsFile", "evaluate.*.protocol",
		"evaluate.*.train", "evaluate.*.method", "evaluate.*.init", "evaluate.*.shots", "evaluate.*.samples", "evaluate.*.best",
		"evaluate.*.of", "evaluate.*.trainList", "evaluate.*.knowledge", "evaluate.*.wordnet", "evaluate.*.wiktionary", "tune.captions", "tune.objective", "tune.after", "tune.threshold", "tune.perClass", "tune.soft",
		"tune.temperature", "tune.rounds", "tune.labelled", "tune.benchmark", "tune.shots", "tune.context", "tune.contexts", "tune.position", "tune.contextInit", "tune.ending",
		"backbone.pretrain.augment.randAugment", "backbone.pretrain.augment.erasing", "tune.augment.randAugment", "tune.augment.erasing",
		"task.synonyms", "retrieve.fuse", "retrieve.weight", "retrieve.prompts", "retrieve.minT2T", "retrieve.minT2I", "retrieve.budget", "pairs.nearHash",
		"evaluate.*.scores", "evaluate.*.truncate", "pairs.draw", "pairs.nearCosine", "pairs.collisions", "pairs.leaks", "pairs.leakHash", "pairs.leakCosine"}
	seen := map[string]bool{"sweep.seeds": true, "tables.*.columns": true, "tables.*.decimals": true}
	for _, path := range leaves(k.params, "") {
		n, _ := k.find(path)
		raw, ok := k.defaults[path]
		if !ok {
			raw, ok = k.families[0].values[path]
		}
		seen[path] = true
		switch {
		case ok && n.required != "":
			t.Errorf("%s: required and has a default", path)
		case ok && n.form.value.Unify(k.ctx.CompileBytes(raw)).Validate(cue.Concrete(true)) != nil:
			t.Errorf("%s: default %s does not fit %s", path, raw, n.form)
		case !ok && n.required == "" && !slices.Contains(noDefault, path) && !strings.HasPrefix(path, "pool.*.filter.") && !strings.HasPrefix(path, "evaluate.*.training."):
			t.Errorf("%s: neither a default nor required", path)
		}
	}
	for path := range k.defaults {
		if !seen[path] {
			t.Errorf("default %s is of no field", path)
		}
	}
	lr, _ := k.find("tune.lr")
	for _, f := range k.families {
		for mode, raw := range f.lr {
			if lr.form.value.Unify(k.ctx.CompileBytes(raw)).Validate(cue.Concrete(true)) != nil {
				t.Errorf("#DefaultTune %s: lr %s: %s", f.Name, mode, raw)
			}
		}
		for path, raw := range f.values {
			n, _ := k.find(path)
			if n == nil || n.form.value.Unify(k.ctx.CompileBytes(raw)).Validate(cue.Concrete(true)) != nil {
				t.Errorf("#DefaultTune %s: %s: %s", f.Name, path, raw)
			}
		}
	}
	for optimizer, fields := range k.training {
		for name, raw := range fields {
			n, _ := k.find("evaluate.*.training." + name)
			if n == nil || n.form.value.Unify(k.ctx.CompileBytes(raw)).Validate(cue.Concrete(true)) != nil {
				t.Errorf("#DefaultTraining %s.%s: %s", optimizer, name, raw)
			}
		}
	}
}

// TestEveryFieldIsSaid holds that every field has a comment and that its constraint can be said in English.
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
	for _, path := range leaves(k.params, "") {
		if n, _ := k.find(path); n.form.String() == "" || strings.Contains(n.form.String(), "each )") {
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
		inSchema := k.name.value.Unify(k.ctx.CompileBytes(raw)).Err() == nil
		if isName(s) != inSchema {
			t.Errorf("%q: #Name says %v, isName %v", s, inSchema, !inSchema)
		}
	}
}

// cueVet does what cue vet -c schema/*.cue FILE does.
func cueVet(t *testing.T, text string) error {
	t.Helper()
	dir := t.TempDir()
	overlay := map[string]load.Source{filepath.Join(dir, "x.cue"): load.FromString(text)}
	args := []string{filepath.Join(dir, "x.cue")}
	entries, err := schema.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		src, err := schema.FS.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "schema", e.Name())
		overlay[file] = load.FromBytes(src)
		args = append(args, file)
	}
	inst := load.Instances(args, &load.Config{Dir: dir, Overlay: overlay})[0]
	if inst.Err != nil {
		return inst.Err
	}
	return cuecontext.New().BuildInstance(inst).Validate(cue.Concrete(true))
}

// TestCueVet holds that the schema by itself, under CUE's own command, judges a file as Load does, but for rules that span sections and for
// names of sections.
func TestCueVet(t *testing.T) {
	good := small + `sweep: {grid: {tune: {mode: ["full"], augment: flip: [0, 0.5]}, pool: world: world: seed: [0, 1]}, cases: [{label: "a", cross: true, pairs: source: "random"}],
exclude: [{tune: gamma: 0.8}], seeds: [1, 2]}
tables: main: {rows: "tune.mode", metrics: ["task/acc@1"]}
`
	if err := cueVet(t, good); err != nil {
		t.Errorf("a good file: %v", err)
	}
	parse(t, good)
	for _, swap := range [][2]string{
		{"steps: 300", "stesp: 300, steps: 300"}, {"steps: 300", "steps: 0"}, {`mode: "full"`, `mode: "ful"`}, {`["a photo of a {}"]`, `["a photo"]`},
		{"seed: 0", "seeed: 0"}, {`"tiny"`, `3`}, {"seed: [0, 1]", "seed: [0, -1]"}, {"flip: [0, 0.5]", "flip: 0.5"}, {"flip: [0, 0.5]", "flipp: [0.5]"},
		{"cross: true", "crosss: true"}, {`source: "random"`, `sourc: "random"`}, {`source: "random"`, `source: "rand"`}, {"gamma: 0.8", "gama: 0.8"},
		{`label: "a", `, ""}, {"seeds: [1, 2]", "seeds: 0"}, {`rows: "tune.mode", `, ""}, {"metrics:", "metric: [], metrics:"}, {`name:       "x"`, `name: "X y"`},
		{`"runner/v2"`, `"runner/v3"`}, {`kind: "zeroshot"`, `kind: "linear"`}, {"exclude:", "exlude:"}, {`pretrain: pool: "world"`, `pretrain: {pool: "world", vocab: 3}`},
	} {
		if !strings.Contains(good, swap[0]) {
			t.Fatalf("no %s", swap[0])
		}
		bad := strings.Replace(good, swap[0], swap[1], 1)
		if err := cueVet(t, bad); err == nil {
			t.Errorf("%s: cue vet takes it", swap[1])
		}
		if _, err := Parse("x.cue", []byte(bad), Options{}); err == nil {
			t.Errorf("%s: Load takes it", swap[1])
		}
	}
}

// TestSchemaHasTheModes: tune.mode takes the names of clip.Modes, none and prompt, which tune no
// weights, and each that trains has a default learning rate.
func TestSchemaHasTheModes(t *testing.T) {
	k := contractOf(t)
	n, _ := k.find("tune.mode")
	trained := append(clip.ModeNames(), "prompt")
	if got, want := n.form.spelling().literals, append([]string{"none"}, trained...); !slices.Equal(got, want) {
		t.Errorf("schema/tune.cue: tune.mode takes %q, ops/clip/trainable.go has %q", got, want)
	}
	for _, f := range k.families {
		if got, want := slices.Sorted(maps.Keys(f.lr)), slices.Sorted(slices.Values(trained)); !slices.Equal(got, want) {
			t.Errorf("schema/tune.cue: lr of %s has %q, ops/clip/trainable.go %q", f.Name, got, want)
		}
	}
}
