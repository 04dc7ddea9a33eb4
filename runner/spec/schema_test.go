package spec

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/load"

	"react/runner/spec/contract"
	"react/runner/spec/fields"
	"react/schema"
)

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
	k := schemaOf(t)
	// the key in the file
	table := slices.DeleteFunc(fieldsOf(reflect.TypeFor[Table](), ""), func(f string) bool { return f == "name" })
	for name, pair := range map[string][2][]string{
		"Params": {paths(k.Params, ""), fieldsOf(reflect.TypeFor[Params](), "")},
		"Table":  {paths(k.Table, ""), table},
	} {
		slices.Sort(pair[0])
		slices.Sort(pair[1])
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s\nschema %v\nGo     %v", name, pair[0], pair[1])
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

// TestCueVet holds that the schema by itself, under CUE's own command, judges a file as Load does,
// but for rules that span sections and for names of sections.
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

func schemaOf(t *testing.T) *contract.Schema {
	t.Helper()
	k, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// paths lists those of the sections with * for names.
func paths(n *contract.Field, path string) []string {
	if n.IsLeaf() {
		return []string{path}
	}
	if n.Elem != nil {
		return paths(n.Elem, path+".*")
	}
	var out []string
	for _, f := range n.Fields {
		out = append(out, paths(f, fields.Join(path, f.Name))...)
	}
	return out
}
