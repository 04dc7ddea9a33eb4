// Package starter writes an experiment to begin with: commented, about data that runner draws
// itself or about the user's own.
package starter

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"text/template"

	"react/runner/plan"
	"react/runner/spec"
)

// Options say what the experiment is about; empty fields are what runner makes itself.
type Options struct {
	LAION, Shards    string // the pool
	Weights          string // the base model
	Classes, Dataset string // the task
}

// Check says what is wrong with the flags.
func (o Options) Check() error {
	switch {
	case (o.LAION == "") != (o.Shards == ""):
		return errors.New("--laion and --shards go together: captions and images of one pool")
	case o.LAION != "" && (o.Classes == "" || o.Dataset == ""):
		return errors.New("--laion needs --classes FILE (what to retrieve for) and --dataset FOLDER (labelled images to evaluate on)")
	}
	return nil
}

//go:embed starter.tmpl
var starterText string

// Spec is the text of the file, checked as sweep would check it.
func (o Options) Spec(file string) ([]byte, error) {
	values := map[string]any{"Title": "Tuning modes compared, on a world that runner draws itself: about a minute.", "File": file, "Name": nameOf(file),
		"Pad": strings.Repeat(" ", max(0, len(file)-3)), "LAION": o.LAION, "Shards": o.Shards, "Weights": o.Weights, "Pool": "world",
		"Classes": cmp.Or(o.Classes, "pool:world/task"), "Dataset": cmp.Or(o.Dataset, "pool:world/task"), "Steps": 60, "Batch": 64}
	if o.LAION != "" {
		values["Title"], values["Pool"], values["Steps"], values["Batch"] = "Tuning modes compared.", "mine", 300, 128
	}
	t, err := template.New("starter").Funcs(template.FuncMap{"quote": strconv.Quote}).Parse(starterText)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, values); err != nil {
		return nil, err
	}
	text, err := spec.Format(file, b.Bytes())
	if err != nil {
		return nil, err
	}
	exp, err := spec.Parse(file, text, spec.Options{})
	if err != nil {
		return nil, err
	}
	// The inputs have to be there; what they hold is the sweep's business.
	_, err = plan.New(exp, plan.Options{Digest: func(string) (string, error) { return "", nil }})
	return text, err
}

var notInName = regexp.MustCompile(`[^a-z0-9.-]+`)

// nameOf makes an experiment's name of a file's.
func nameOf(file string) string {
	name := strings.ToLower(strings.TrimSuffix(filepath.Base(file), ".cue"))
	name = strings.Trim(notInName.ReplaceAllString(name, "-"), "-.")
	if name == "" {
		return "experiment"
	}
	return name[:min(len(name), 63)]
}

// Create writes a new file and leaves nothing behind when it cannot.
func Create(file string, data []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(file)
	}
	return err
}
