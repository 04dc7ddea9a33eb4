package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"react/runner/cli"
	"react/runner/spec/contract"
)

func newExplain() *cobra.Command {
	return &cobra.Command{
		Use:   "explain [PATH]",
		Short: "Print what a field of an experiment means: its bounds, its default, an example",
		Long: `explain prints the schema's documentation of a path such as tune.gamma, of a
section such as tune with all its fields, or, without a path, of a whole file.
Names of pools, evaluations and tables may be left out: pool.maxBad.

` + cli.ExitHelp,
		Args: cli.Args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			path := strings.Join(given, "")
			e, err := contract.Explain(path)
			if err != nil {
				return cli.Usage(err)
			}
			printExplanation(&page{w: cmd.OutOrStdout(), width: pageWidth(cmd.OutOrStdout())}, e)
			return nil
		},
	}
}

// pageWidth is how wide running text may be: the terminal's width up to 100, 80 where there is
// none.
func pageWidth(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return min(max(width, 40), 100)
		}
	}
	return 80
}

func printExplanation(p *page, e contract.Explanation) {
	if e.Path != "" && e.Source == "" {
		p.line(e.Path)
		p.line("")
	}
	if e.Source != "" {
		p.line(e.Source)
		return
	}
	p.text("", e.Doc)
	if len(e.Fields) > 0 && e.Default != "" {
		p.line("")
		p.text("default  ", e.Default)
	}
	if len(e.Fields) == 0 {
		p.line("")
		p.facts(e)
		return
	}
	for _, f := range e.Fields {
		p.line("")
		p.line(f.Path)
		if head := headOf(f); head != "" {
			p.text("    ", head)
		}
		p.text("    ", f.Doc)
	}
}

// headOf is what is right for a field and what it is when it is left out, in one line.
func headOf(f contract.Explanation) string {
	parts := []string{f.Value}
	if f.Default != "" {
		parts = append(parts, "default "+f.Default)
	}
	if f.Needed != "" {
		parts = append(parts, "needed "+f.Needed)
	}
	return strings.Trim(strings.Join(parts, "; "), "; ")
}

func (p *page) facts(e contract.Explanation) {
	for _, fact := range [][2]string{{"value", e.Value}, {"default", cmp.Or(e.Default, "none")}, {"family", e.Family}, {"needed", e.Needed}} {
		if fact[1] != "" && e.Value != "" {
			p.text(fmt.Sprintf("%-9s", fact[0]), fact[1])
		}
	}
	word := "example"
	for _, x := range e.Examples {
		p.line(fmt.Sprintf("%-9s%s", word, x))
		word = ""
	}
	if e.Set != "" {
		p.line("         --set " + cli.Quote(e.Set))
	}
}

// page writes running text of a width.
type page struct {
	w     io.Writer
	width int
}

func (p *page) line(s string) { fmt.Fprintln(p.w, strings.TrimRight(s, " ")) }

// text writes paragraphs, each of which ends with a newline, behind what the first line begins
// with; the others are indented as far.
func (p *page) text(before, s string) {
	indent := strings.Repeat(" ", len(before))
	line, started := before, false
	for _, word := range strings.Fields(s) {
		if started && len([]rune(line))+1+len([]rune(word)) > p.width {
			p.line(line)
			line, started = indent, false
		}
		if started {
			line += " "
		}
		line, started = line+word, true
	}
	if started {
		p.line(line)
	}
}
