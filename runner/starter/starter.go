// Package starter writes experiments for who has none: a commented one to begin with, about data
// that runner draws itself or about the user's own, and one that evaluates a checkpoint.
package starter

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"unicode"

	"github.com/spf13/pflag"

	"react/results/evaluation"
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

// Evaluation is an experiment that evaluates a checkpoint as it is, by the words of a command.
type Evaluation struct {
	Weights      string   // as they were asked for
	Trial        bool     // Weights names a trial
	TrialPrompts []string // of its evaluations
	Checkpoint   string   // the folder or file that they are in
	Datasets     []string // folders or files of images
	Kind         string
	Prompts      []string
	PromptsFile  string
	Benchmark    string // that the datasets are copies of
}

// Kinds are the evaluations of a checkpoint on images alone, each a whole.
func Kinds() (names []string) {
	for _, k := range evaluation.Kinds() {
		if !k.JudgesPairs && !k.Combines && !k.Places {
			names = append(names, k.Name)
		}
	}
	return names
}

// Flags adds what a command may say of it.
func (e *Evaluation) Flags(flags *pflag.FlagSet) {
	flags.StringVar(&e.Kind, "kind", Kinds()[0],
		"`way` of evaluating: "+strings.Join(Kinds(), ", "))
	flags.StringArrayVar(&e.Prompts, "prompt", nil,
		"`template` with {} for the class name, for \""+defaultPrompt+"\", the trial's or the benchmark's; may be repeated")
	flags.StringVar(&e.PromptsFile, "prompts-file", "",
		"JSON `file` of prompts for each class, in place of templates")
	flags.StringVar(&e.Benchmark, "benchmark", "",
		"`name` in runner data ls of what the datasets are, for its metric, class names and prompts")
}

// Check says what is wrong with the flags.
func (e *Evaluation) Check() error {
	if !slices.Contains(Kinds(), e.Kind) {
		return fmt.Errorf("--kind %s: one of %s", e.Kind, strings.Join(Kinds(), ", "))
	}
	return nil
}

// defaultPrompt is the template where nothing else gives one: CLIP's own.
const defaultPrompt = "a photo of a {}."

// Spec is the experiment, with what its values are called by who asked for it.
func (e *Evaluation) Spec() (spec.Text, error) {
	prompts := e.Prompts
	asks := evaluation.Of(e.Kind).Classifies && e.PromptsFile == "" && e.Benchmark == ""
	if asks && len(prompts) == 0 {
		if prompts = e.TrialPrompts; prompts == nil {
			prompts = []string{defaultPrompt}
		}
	}
	words := map[string]string{"backbone.weights": "WEIGHTS " + e.Weights}
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: \"runner/v2\"\nname: %s\n\n", spec.Quote(evaluated))
	fmt.Fprintf(&b, "backbone: weights: %s\n\n", spec.Quote(e.Checkpoint))
	b.WriteString("// Nothing is retrieved, and nothing is tuned.\ntune: mode: \"none\"\n\n")
	b.WriteString("// runner explain evaluate prints what an evaluation may have.\nevaluate: {\n")
	taken := map[string]bool{}
	for _, dataset := range e.Datasets {
		name := setName(dataset, taken)
		at := "evaluate." + name
		words[at] = "DATASET " + dataset
		fields := []string{"kind: " + spec.Quote(e.Kind), "dataset: " + spec.Quote(dataset)}
		for _, f := range []struct{ flag, field, value string }{
			{"--benchmark", "benchmark", e.Benchmark}, {"--prompts-file", "promptsFile", e.PromptsFile}} {
			if f.value != "" {
				fields = append(fields, f.field+": "+spec.Quote(f.value))
				words[at+"."+f.field] = f.flag + " " + f.value
			}
		}
		if len(prompts) > 0 {
			fields = append(fields, "prompts: "+quoteAll(prompts))
			words[at+".prompts"] = "--prompt"
		}
		fmt.Fprintf(&b, "%s: {%s}\n", spec.Label(name), strings.Join(fields, ", "))
	}
	b.WriteString("}\n")
	if e.Trial { // whose folder in the store says nothing in a table
		fmt.Fprintf(&b, "\nsweep: cases: [{label: %s}]\n", spec.Quote(e.Weights))
	}
	text, err := spec.Format(evaluated, []byte(b.String()))
	return spec.Text{Called: evaluated, Source: text, Words: words}, err
}

// evaluated is the name of such an experiment, and what stands for its file's.
const evaluated = "evaluate"

func quoteAll(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = spec.Quote(text)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// splits are folders that say nothing of what is in them; the folder above does.
var splits = []string{"test", "val", "valid", "validation", "train"}

var notInSetName = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// setName makes an evaluation's name of a path, other than those taken.
func setName(dataset string, taken map[string]bool) string {
	dir := filepath.Clean(dataset)
	up := filepath.Dir(dir)
	if slices.Contains(splits, filepath.Base(dir)) && strings.Trim(filepath.Base(up), "./") != "" {
		dir = up
	}
	base := filepath.Base(dir)
	base, _, _ = strings.Cut(strings.TrimLeft(base, "."), ".")
	base = strings.Trim(notInSetName.ReplaceAllString(base, "-"), "-_")
	if base == "" || !unicode.IsLetter(rune(base[0])) || evaluation.IsStage(base) {
		base = strings.TrimRight("set-"+base, "-")
	}
	base = base[:min(len(base), 58)]
	name := base
	for n := 2; taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	taken[name] = true
	return name
}
