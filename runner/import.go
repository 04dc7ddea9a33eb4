package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"react/data/emoji"
	"react/runner/cli"
)

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
