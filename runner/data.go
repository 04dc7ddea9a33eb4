package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"react/data/datasets"
	"react/data/datasets/catalogue"
	"react/data/datasets/dense"
	"react/data/emoji"
	"react/data/words"
	"react/runner/cli"
)

func newData() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "data",
		Short: "Known benchmarks: list them, show one, check a folder",
		Long: `data knows the published benchmarks: their class names, prompts, splits and counts,
and how their files lie in a folder. It fetches nothing.

` + cli.ExitHelp,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			return cli.Usage(fmt.Errorf("data what? There is: runner data ls, show NAME, check DIR"))
		},
	}
	cmd.AddCommand(newDataList(), newDataShow(), newDataCheck())
	return cmd
}

func newDataList() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List the catalogue",
		Args:  cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "name\tsuite\tclasses\ttrain\tval\ttest\tmetric\ttitle")
			for _, e := range catalogue.All() {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.Name, strings.Join(e.Suites, ","), cli.OrDash(e.NumClasses), cli.OrDash(e.Splits["train"].Images),
					cli.OrDash(e.Splits["val"].Images), cli.OrDash(e.Splits["test"].Images), e.Metric, e.Title)
			}
			for _, e := range catalogue.AllDense() {
				fmt.Fprintf(w, "%s\t-\t%s\t%s\t%s\t%s\t%s\t%s\n", e.Name, cli.OrDash(len(e.Classes)), cli.OrDash(e.Splits["train"].Images),
					cli.OrDash(e.Splits["val"].Images), cli.OrDash(e.Splits["test"].Images), e.Metric(), e.Title)
			}
			return w.Flush()
		},
	}
}

func newDataShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Print what is known of a benchmark and how to get it",
		Args:  cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			e, boxes, err := find(given[0])
			if boxes != nil {
				return showDense(cmd.OutOrStdout(), boxes)
			}
			if err != nil {
				return cli.Usage(err)
			}
			return showEntry(cmd.OutOrStdout(), e)
		},
	}
}

// find is a benchmark of whole images, or one of boxes or label maps.
func find(name string) (*catalogue.Entry, *catalogue.Dense, error) {
	e, err := catalogue.Find(name)
	if err == nil {
		return e, nil, nil
	}
	if boxes, other := catalogue.FindDense(name); other == nil {
		return nil, boxes, nil
	}
	var names []string
	for _, e := range catalogue.AllDense() {
		names = append(names, e.Name)
	}
	return nil, nil, fmt.Errorf("%w, and of boxes and label maps %s", err, strings.Join(names, ", "))
}

func showDense(out io.Writer, e *catalogue.Dense) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, text string) { fmt.Fprintf(w, "%s\t%s\n", name, text) }
	row("name", strings.Join(append([]string{e.Name}, e.Aliases...), ", "))
	row("title", e.Title)
	row("kind", e.Kind+", scored by "+e.Metric())
	for _, split := range []string{"train", "val", "test"} {
		if s, ok := e.Splits[split]; ok {
			row(split, fmt.Sprintf("%d images", s.Images))
		}
	}
	row("licence", e.Licence)
	for _, way := range e.Get {
		row("get", way)
	}
	row("source", e.Source)
	for _, t := range e.Templates() {
		row("prompt", t)
	}
	names := e.ClassNames()
	for i, c := range e.Classes {
		text := fmt.Sprintf("%d %s", i, c)
		if names[i] != c {
			text += " (in prompts: " + names[i] + ")"
		}
		switch {
		case slices.Contains(e.Base, c):
			text += ", base"
		case slices.Contains(e.Novel, c):
			text += ", novel"
		}
		row("class", text)
	}
	return w.Flush()
}

func showEntry(out io.Writer, e *catalogue.Entry) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	row("name", "%s", strings.Join(append([]string{e.Name}, e.Aliases...), ", "))
	row("title", "%s", e.Title)
	row("kind", "%s, scored by %s", e.Kind, e.Metric)
	for _, split := range []string{"train", "val", "test"} {
		s, ok := e.Splits[split]
		if !ok {
			continue
		}
		text := fmt.Sprintf("%d images", s.Images)
		if s.Captions > 0 {
			text += fmt.Sprintf(", %d captions", s.Captions)
		}
		if s.Index != "" {
			text += ", listed in " + s.Index
		}
		row(split, "%s", text)
	}
	if names := e.FolderNames(); names != "" {
		row("folders", "named by %s", names)
	}
	row("as published", "%s", e.AsPublished())
	row("read as", "%s", readAs(e))
	row("licence", "%s", e.Licence)
	for _, way := range e.Get {
		row("get", "%s", way)
	}
	for _, a := range e.Archives() {
		row("file", "%s, MD5 %s", a.File, a.MD5)
	}
	row("source", "%s", e.Source)
	for _, t := range e.Templates {
		row("prompt", "%s", t)
	}
	for i, c := range e.Classes {
		row("class", "%d %s", i, strings.Join(c, " | "))
	}
	return w.Flush()
}

// readAs says how the files of a benchmark may lie in its folder.
func readAs(e *catalogue.Entry) string {
	if e.Kind == "captions" {
		return "Karpathy's JSON beside the images; webdataset tars with KEY.txt"
	}
	return "a folder for each class in train/, val/, test/; SPLIT.csv, .tsv or .jsonl, metadata.csv, or SPLIT.txt with labels.txt, images in folders or zips; webdataset tars; the Hugging Face hub's parquet"
}

func newDataCheck() *cobra.Command {
	var as string
	var o datasets.CheckOptions
	var of dense.Options
	var boxes bool
	cmd := &cobra.Command{
		Use:   "check DIR|FILE",
		Short: "Check the files of a benchmark, or of a folder of your own, before they are computed with",
		Long: `check reads every split of a folder, compares the counts with the benchmark's,
decodes each image, looks for images that two splits share, and compares archives
as published with their digests. What is wrong is a line each, and the exit code
is 1; what may mean something else than it seems to is a warning. With --as NAME
(see "runner data ls") it also knows the classes.

Of boxes (--boxes, or --as coco-detection and the like) the argument is the JSON of
COCO or LVIS, or Pascal VOC's folder, and --results is a file of COCO results or
proposals to be checked with it. Of label maps (--as coco-stuff and the like) it is
the folder of PNGs. --images is the folder of their pictures.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if as != "" {
				var err error
				if o.Entry, of.Entry, err = find(as); err != nil {
					return cli.Usage(err)
				}
			}
			if boxes || of.Entry != nil {
				of.Quick = o.Quick
				return checkDense(cmd, given[0], of)
			}
			for _, flag := range []string{"images", "results", "scores"} {
				if cmd.Flags().Changed(flag) {
					return cli.Usage(fmt.Errorf("--%s is of boxes and label maps: say --boxes, or --as with such a benchmark", flag))
				}
			}
			r, err := datasets.Check(cmd.Context(), given[0], o)
			if err != nil {
				return err
			}
			return printCheck(cmd.OutOrStdout(), r, o.Quick)
		},
	}
	cmd.Flags().StringVar(&as, "as", "", "the `name` of the benchmark that the folder holds")
	cmd.Flags().BoolVar(&o.Captions, "captions", false, "images with captions, not with labels")
	cmd.Flags().BoolVar(&boxes, "boxes", false, "a JSON file of boxes, as COCO and LVIS have it")
	cmd.Flags().StringVar(&of.Images, "images", "", "the `folder` of the pictures of boxes or label maps")
	cmd.Flags().StringVar(&of.Results, "results", "", "a `file` of COCO results or proposals")
	cmd.Flags().StringVar(&of.Scores, "scores", "none", "what the results' scores `are`: sigmoid (probabilities), raw (logits) or none")
	cmd.Flags().BoolVar(&o.Quick, "quick", false, "lists and counts only; open no image")
	return cmd
}

func printCheck(out io.Writer, r datasets.Report, quick bool) error {
	for _, s := range r.Splits {
		fmt.Fprintf(out, "%s: %d images", s.Split, s.Images)
		if s.Classes > 0 {
			fmt.Fprintf(out, " of %d classes", s.Classes)
		}
		if s.Captions > 0 {
			fmt.Fprintf(out, " with %d captions", s.Captions)
		}
		fmt.Fprintf(out, " (%s)", s.Layout)
		if !quick {
			fmt.Fprintf(out, ", %d decode", s.Images-s.Unreadable)
		}
		fmt.Fprintln(out)
	}
	return printFindings(out, r.Dir, r.Findings)
}

// checkDense checks boxes or label maps.
func checkDense(cmd *cobra.Command, path string, o dense.Options) error {
	if !slices.Contains([]string{"sigmoid", "raw", "none"}, o.Scores) {
		return cli.Usage(fmt.Errorf("--scores %s: want sigmoid, raw or none", o.Scores))
	}
	check := dense.Boxes
	switch info, err := os.Stat(path); {
	case err != nil:
		return err
	case o.Entry != nil && o.Entry.Kind == "segmentation":
		check = dense.LabelMaps
	case info.IsDir() && o.Entry != nil && len(o.Entry.Classes) > 0:
		check = dense.VOC
	case info.IsDir():
		return cli.Usage(fmt.Errorf("%s is a folder: want the JSON file of the boxes", path))
	}
	r, err := check(cmd.Context(), path, o)
	if err != nil {
		return err
	}
	for _, line := range r.Summary {
		fmt.Fprintln(cmd.OutOrStdout(), line)
	}
	return printFindings(cmd.OutOrStdout(), path, r.Findings)
}

// printFindings prints a line for each finding; one that is no warning is an error in the end.
func printFindings(out io.Writer, path string, findings []datasets.Finding) error {
	wrong := 0
	for _, f := range findings {
		if f.Warning {
			fmt.Fprintf(out, "warning: %s\n", f)
			continue
		}
		fmt.Fprintf(out, "wrong: %s\n", f)
		wrong++
	}
	if wrong > 0 {
		return fmt.Errorf("%s: %s", path, words.Plural(wrong, "finding"))
	}
	return nil
}

func newImport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Turn a dataset's folder into a pool and evaluation sets",
		Args:  cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cli.Usage(fmt.Errorf("import what? There is: runner import emoji"))
		},
	}
	cmd.AddCommand(newImportEmoji())
	return cmd
}

func newImportEmoji() *cobra.Command {
	var from, to string
	var o emoji.Options
	cmd := &cobra.Command{
		Use:   "emoji --from DIR --to DIR",
		Short: "Make a pool and test sets of emoji images",
		Long: `import emoji reads npm packages with emoji as "make emoji" fetches them, and writes
LAION-format parquet and webdataset tars of five drawing styles (the pool),
evaluation sets of two others, Facebook's and Apple's, by groups, and class lists.
Nothing is fetched by this command.

` + cli.ExitHelp,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" || to == "" {
				return cli.Usage(fmt.Errorf("import emoji needs --from and --to"))
			}
			return emoji.Import(cmd.Context(), from, to, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&from, "from", "", "`directory` with the packages")
	flags.StringVar(&to, "to", "", "`directory` to fill")
	flags.BoolVar(&o.SkinTones, "skin-tones", false, "take the skin-tone variants too")
	flags.IntVar(&o.Size, "size", 0, "resize images to this many `pixels`; 0 keeps them as they are")
	return cmd
}
