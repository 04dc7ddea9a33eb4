package plan

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"react/runner/spec"
)

// TestLeaksAreRefused: an image that is in both folders, the same folder, and the same set are
// errors of the plan.
func TestLeaksAreRefused(t *testing.T) {
	dir := t.TempDir()
	write := func(path, text string) {
		path = filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, folder := range []string{"train", "test", "leaky"} {
		write(folder+"/cat/a.png", folder+" a")
		write(folder+"/dog/b.png", folder+" b")
		write(folder+"/labels.txt", "the same in all")
	}
	write("leaky/dog/c.png", "test b")
	for _, c := range []struct{ lines, want string }{
		{`evaluate: e: {kind: "probe", dataset: "DIR/test", train: "DIR/train"}`, ""},
		{`evaluate: e: {kind: "probe", dataset: "DIR/test", train: "DIR/leaky"}`, "evaluate.e.train: files shared with the test images: 1 (DIR/leaky/dog/c.png is DIR/test/dog/b.png)"},
		{`evaluate: e: {kind: "probe", dataset: "pool:w/task", train: "pool:w/task"}`, "evaluate.e.train: the images to learn from are the test images"},
		{`tune: {mode: "prompt", labelled: "DIR/leaky"}` + "\n" + `evaluate: e: {kind: "zeroshot", dataset: "DIR/test"}`, "tune.labelled: files shared with the test images: 1"},
		{`evaluate: e: {kind: "probe", dataset: "pool:w/task"}`, "evaluate.e.train: missing: the sets of a world pool have test images only"},
		{`evaluate: e: {kind: "finetune", dataset: "pool:w/task"}`, "evaluate.e.train: missing: the sets of a world pool have test images only"},
		{`evaluate: e: {kind: "probe", dataset: "pool:w/task", train: "pool:w/choose"}`, "evaluate.e.train: 30 classes (the first \"sable lisk\"), and the test images of pool:w/task have 30"},
		{`pool: w: world: classes: 1`, "x.cue:9:45: evaluate.task.dataset: one class (\"sorel tamin\") leaves nothing to measure (pool.w.world.classes: 2 or more)"},
		{`tune: {mode: "prompt", labelled: "pool:w/task"}`, "tune.labelled: the images to learn from are the test images"},
		{`tune: {mode: "prompt", labelled: "pool:w/choose"}`, ""},
	} {
		text := header + strings.ReplaceAll(c.lines, "DIR", dir)
		if !strings.Contains(c.lines, "mode:") {
			text += "\ntune: mode: \"none\"\n"
		}
		file := filepath.Join(t.TempDir(), "x.cue")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		exp, err := spec.Load(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = New(exp, Options{Digest: func(path string) (string, error) {
			raw, err := os.ReadFile(path)
			return string(raw), err
		}})
		if want := strings.ReplaceAll(c.want, "DIR", dir); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", c.lines, err, want)
		}
	}
}

// TestImageSizeFitsThePatches: a size that the model's patches do not fill is a mistake of the
// file.
func TestImageSizeFitsThePatches(t *testing.T) {
	for size, want := range map[string]string{"64": "", "33": "x.cue:12:22: backbone.imageSize: 33 is not a multiple of the model's patches of "} {
		exp, err := spec.Parse("x.cue", []byte(header+"\ntune: mode: \"none\"\nbackbone: imageSize: "+size+"\n"), spec.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = New(exp, Options{Unseen: true})
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("size %s: got %v, want %q", size, err, want)
		}
	}
}
