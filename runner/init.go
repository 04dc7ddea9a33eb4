package main

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/plan"
	"react/runner/spec"
)

// initOptions say what the new experiment is about; empty fields are what runner makes itself.
type initOptions struct {
	laion, shards    string // the pool
	weights          string // the base model
	classes, dataset string // the task
}

func newInit() *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a commented experiment that runs as it stands",
		Long: `init writes an experiment with comments to FILE (experiment.cue where none is
given, stdout for "-"). Without flags it needs no data: runner draws a pool and
trains a small base. With them it is about your pool, model and task; they must be
there. A file that exists is never overwritten.

  runner init first.cue
  runner init birds.cue --laion 'meta/*.parquet' --shards 'shards/*.tar' \
      --weights ViT-B-32 --classes birds.txt --dataset birds/test

` + cli.ExitHelp,
		Args: cli.Args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			file := "experiment.cue"
			if len(given) == 1 {
				file = given[0]
			}
			return o.run(cmd, file)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.laion, "laion", "", "`glob` of parquet files with LAION's columns (needs --shards, --classes and --dataset)")
	flags.StringVar(&o.shards, "shards", "", "`glob` of the webdataset tars with the images")
	flags.StringVar(&o.weights, "weights", "", "`folder` or file of the base model's checkpoint")
	flags.StringVar(&o.classes, "classes", "", "`file` of class names, one a line, or a .json list")
	flags.StringVar(&o.dataset, "dataset", "", "`folder` of labelled images to evaluate on")
	return cmd
}

func (o initOptions) run(cmd *cobra.Command, file string) error {
	if err := o.check(); err != nil {
		return cli.Usage(err)
	}
	text, err := o.spec(file)
	if err != nil {
		return err
	}
	if file == "-" {
		_, err := cmd.OutOrStdout().Write(text)
		return err
	}
	err = createFile(file, text)
	if errors.Is(err, fs.ErrExist) {
		return cli.Usage(fmt.Errorf("%s is there already; give another name, or remove it", file))
	}
	if err == nil {
		fmt.Fprintf(cmd.OutOrStdout(), "%s\nnow: runner plan %s, runner sweep %s\n", file, cli.Quote(file), cli.Quote(file))
	}
	return err
}

func (o initOptions) check() error {
	switch {
	case (o.laion == "") != (o.shards == ""):
		return errors.New("--laion and --shards go together: captions and images of one pool")
	case o.laion != "" && (o.classes == "" || o.dataset == ""):
		return errors.New("--laion needs --classes FILE (what to retrieve for) and --dataset FOLDER (labelled images to evaluate on)")
	}
	return nil
}

//go:embed init.tmpl
var initTemplate string

// spec is the text of the file, checked as sweep would check it.
func (o initOptions) spec(file string) ([]byte, error) {
	values := map[string]any{"Title": "Tuning modes compared, on a world that runner draws itself: about a minute.", "File": file, "Name": nameOf(file),
		"Pad": strings.Repeat(" ", max(0, len(file)-3)), "LAION": o.laion, "Shards": o.shards, "Weights": o.weights, "Pool": "world",
		"Classes": cmp.Or(o.classes, "pool:world/task"), "Dataset": cmp.Or(o.dataset, "pool:world/task"), "Steps": 60, "Batch": 64}
	if o.laion != "" {
		values["Title"], values["Pool"], values["Steps"], values["Batch"] = "Tuning modes compared.", "mine", 300, 128
	}
	t, err := template.New("init").Funcs(template.FuncMap{"quote": strconv.Quote}).Parse(initTemplate)
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

// createFile writes a new file and leaves nothing behind when it cannot.
func createFile(file string, data []byte) error {
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
