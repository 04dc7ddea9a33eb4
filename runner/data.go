package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"react/data/datasets"
	"react/data/datasets/catalogue"
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
			e, err := catalogue.Find(given[0])
			if err != nil {
				return cli.Usage(err)
			}
			return showEntry(cmd.OutOrStdout(), e)
		},
	}
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
	cmd := &cobra.Command{
		Use:   "check DIR",
		Short: "Check the files of a benchmark, or of a folder of your own, before they are computed with",
		Long: `check reads every split of a folder, compares the counts with the benchmark's,
decodes each image, looks for images that two splits share, and compares archives
as published with their digests. What is wrong is a line each, and the exit code
is 1; what may mean something else than it seems to is a warning. With --as NAME
(see "runner data ls") it also knows the classes.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if as != "" {
				e, err := catalogue.Find(as)
				if err != nil {
					return cli.Usage(err)
				}
				o.Entry = e
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
	wrong := 0
	for _, f := range r.Findings {
		if f.Warning {
			fmt.Fprintf(out, "warning: %s\n", f)
			continue
		}
		fmt.Fprintf(out, "wrong: %s\n", f)
		wrong++
	}
	if wrong > 0 {
		return fmt.Errorf("%s: %s", r.Dir, words.Plural(wrong, "finding"))
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
