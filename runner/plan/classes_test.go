package plan

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"react/runner/spec"
)

// TestClassWarnings: before anything runs, codes as class names and classes that differ are said,
// by name.
func TestClassWarnings(t *testing.T) {
	for _, tc := range []struct {
		name, task string
		sets       []string // classes of each set that is tested on
		want       []string
	}{
		{"the same", "cat\ndog\n", []string{"cat dog"}, nil},
		{"others besides", "cat\ndog\n", []string{"cat dog", "owl ape"}, nil},
		{"in part", "cat\ndog\nowl\n", []string{"cat dog ape"}, []string{`evaluate.e0.dataset: its classes are not those of task.classes (CLASSES): only of the task: "owl"; only of the set: "ape"`}},
		{"written otherwise", "cat\nwild dog\n", []string{"cat wild_dog"}, []string{`written otherwise: "wild dog" is "wild_dog" there`}},
		{"none", "cat\ndog\n", []string{"owl ape"}, []string{`task.classes: no set that is tested on has one of its 2 classes: the first is "cat" here and "ape" in evaluate.e0.dataset`}},
		{"a world", "cat\ndog\n", nil, []string{`task.classes: no set that is tested on has one of its 2 classes: the first is "cat" here and "sorel tamin" in evaluate.task.dataset`}},
		{"a world in part", "sorel tamin\ndog\n", nil, []string{`evaluate.task.dataset: its classes are not those of task.classes (CLASSES): only of the task: "dog"`}},
		{"one class", "cat\n", []string{"cat dog"}, []string{"evaluate.e0.dataset: its classes", `task.classes: one class ("cat"): there is none to tell it from`}},
		{"WordNet ids", "tench\ngoldfish\n", []string{"n01440764 n01443537"}, []string{`set0: the 2 classes are called by WordNet ids, such as "n01440764"`, "task.classes: no set"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string) {
				path := filepath.Join(dir, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			classes := filepath.Join(dir, "classes.txt")
			write("classes.txt", tc.task)
			text := strings.Replace(header, `classes: "pool:w/task"`, `classes: "`+classes+`"`, 1) + "tune: mode: \"none\"\n"
			for i, set := range tc.sets {
				name := string(rune('0' + i))
				for _, class := range strings.Fields(set) {
					write("set"+name+"/"+class+"/a.png", class)
				}
				text += "evaluate: e" + name + ": {kind: \"zeroshot\", dataset: \"" + dir + "/set" + name + "\"}\n"
			}
			write("x.cue", text)
			exp, err := spec.Load(filepath.Join(dir, "x.cue"), nil)
			if err != nil {
				t.Fatal(err)
			}
			digest := func(path string) (string, error) { return path, nil }
			p, err := New(exp, Options{Digest: digest})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // said once
				if err := p.CheckInputs(t.Context(), func(int) bool { return true }, digest); err != nil {
					t.Fatal(err)
				}
			}
			if len(p.Warnings) != len(tc.want) {
				t.Fatalf("got %q, want %d", p.Warnings, len(tc.want))
			}
			for i, want := range tc.want {
				want = strings.ReplaceAll(want, "CLASSES", classes)
				if got := p.Warnings[i]; !strings.Contains(got, want) || !strings.HasPrefix(got, filepath.Join(dir, "x.cue")+":") {
					t.Errorf("got %q, want %q with its place", got, want)
				}
			}
		})
	}
}

// TestNamesInTablesOfClasses: what such a table orders or renames is a class of the task, or warned
// of with its place. The lists of files, of benchmarks and of generated pools tell.
func TestNamesInTablesOfClasses(t *testing.T) {
	dir := t.TempDir()
	file, list := filepath.Join(dir, "x.cue"), filepath.Join(dir, "classes.txt")
	if err := os.WriteFile(list, []byte("cat\ndog\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for ref, class := range map[string]string{list: "dog", "benchmark:cifar-10": "dog", "pool:w/others": "red circle"} {
		text := strings.Replace(header, "pool:w/task\", prompts", ref+"\", prompts", 1) + `tune: mode: "none"
tables: main: {rows: ["label", "class"], metrics: ["balance/own"], order: ["` + class + `", "owl"], labels: {"` + class + `": "x", owl: "y", "label": "z"}}
`
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		exp, err := spec.Load(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		digest := func(path string) (string, error) { return path, nil }
		p, err := New(exp, Options{Digest: digest})
		if err == nil {
			err = p.CheckInputs(t.Context(), func(int) bool { return false }, digest)
		}
		if err != nil {
			t.Fatal(err)
		}
		got := strings.ReplaceAll(strings.Join(p.Warnings, "\n"), file, "x.cue")
		want := `x.cue:11:COL: tables.main.order[1]: "owl" is no label of a case, and no value of label, class, and no class
x.cue:11:COL: tables.main.labels."owl": "owl" is no path, metric, label or value of the table, and no class`
		if ref == list {
			want = `x.cue:6:17: task.classes: no set that is tested on has one of its 2 classes: the first is "cat" here ` +
				`and "sorel tamin" in evaluate.task.dataset` + "\n" + want
		}
		if got = regexp.MustCompile(`:11:\d+:`).ReplaceAllString(got, ":11:COL:"); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", ref, got, want)
		}
	}
}
