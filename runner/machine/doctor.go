// Package machine says what this machine is to a sweep: which engines it has and what is missing
// (runner doctor), and how fast it embeds and tunes (runner bench).
package machine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"

	"react/data/image"
	"react/ops/engine"
	"react/ops/knn"
	"react/runner/cli"
	"react/runner/record"
)

// Report is what doctor found, and what its --json prints.
type Report struct {
	// in the order in which auto tries them, then xla:cpu
	Engines   []engine.Status   `json:"engines"`
	Auto      string            `json:"auto"` // the engine that auto takes; "" when none opens
	Why       string            `json:"why"`
	System    record.System     `json:"system"`
	Libraries map[string]string `json:"libraries"` // linked into the program
}

// Examine loads each engine's library in a process of its own, and reads what the machine is.
func Examine() Report {
	r := Report{
		Engines: engine.Survey(),
		System:  record.ReadSystem(),
		Libraries: map[string]string{
			"faiss":        knn.Describe(),
			"libturbojpeg": image.Describe(),
			"go":           runtime.Version(),
			"simd":         onOff(engine.SIMD),
		},
	}
	r.Auto, r.Why = engine.Auto(r.Engines)
	return r
}

// UsableEngines are the engines that open here with their libraries' versions, in one line.
func UsableEngines() string {
	var names []string
	for _, s := range engine.Survey() {
		if s.Usable {
			names = append(names, s.Engine+" "+versionOf(s))
		}
	}
	return cmp.Or(strings.Join(names, ", "), "none")
}

// FixAuto stands for the engines that this machine could use and lacks.
const FixAuto = "auto"

// FixList are commands that install engines which do not open here.
type FixList []engine.Status

// Fixes are the commands for some engines; FixAuto among the names adds those for ONNX Runtime and,
// where there is a GPU, for the CUDA plugin.
func Fixes(names []string) (FixList, error) {
	survey, gpu := engine.Survey(), len(record.ReadSystem().GPUs) > 0
	var fixes FixList
	for _, name := range names {
		known := name == FixAuto
		for _, s := range survey {
			wanted := s.Engine == name || name == FixAuto && (s.Engine == "onnx" || s.Engine == "xla:cuda" && gpu)
			known = known || s.Engine == name
			if wanted && !s.Usable && s.Install != "" {
				fixes = append(fixes, s)
			}
		}
		if !known {
			return nil, cli.Usage(fmt.Errorf("--fix=%s: onnx, xla:cuda or xla:cpu", name))
		}
	}
	return fixes, nil
}

// Print writes the commands, a line each, fit for a shell.
func (l FixList) Print(w io.Writer) error {
	if len(l) == 0 {
		_, err := fmt.Fprintln(w, nothingToFix)
		return err
	}
	for _, s := range l {
		if _, err := fmt.Fprintln(w, s.Install); err != nil {
			return err
		}
	}
	return nil
}

const nothingToFix = "# nothing is missing that a command could install"

// Run prints and runs the commands one after the other, with their output on w, up to the first
// that fails.
func (l FixList) Run(ctx context.Context, w io.Writer) error {
	if len(l) == 0 {
		fmt.Fprintln(w, nothingToFix)
	}
	for _, s := range l {
		fmt.Fprintln(w, "+ "+s.Install)
		cmd := exec.CommandContext(ctx, "sh", "-c", s.Install)
		cmd.Stdout, cmd.Stderr = w, w
		if err := cmd.Run(); err != nil { // not wrapped: its exit code is not ours
			return cmp.Or(ctx.Err(), fmt.Errorf("installing engine %s: %v", s.Engine, err))
		}
	}
	return nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// Print writes the report for people, or as JSON.
func (r Report) Print(w io.Writer, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	var b strings.Builder
	for _, s := range r.Engines {
		printEngine(&b, s)
	}
	if r.Auto != "" {
		fmt.Fprintf(&b, "\n--engine auto takes %s: %s\n\n", r.Auto, r.Why)
	}
	s := r.System
	fmt.Fprintf(&b, "cpu      %s, %d of %d threads, %s\n", s.CPU, s.Procs, s.Threads, strings.Join(s.Features, " "))
	fmt.Fprintf(&b, "memory   %s, %s available\n", gibibytes(s.MemoryBytes), gibibytes(s.AvailableBytes))
	fmt.Fprintf(&b, "gpu      %s\n", cmp.Or(strings.Join(s.GPUs, ", "), "none"))
	fmt.Fprintf(&b, "inside   %s; libturbojpeg: %s; %s, simd %s\n", r.Libraries["faiss"], r.Libraries["libturbojpeg"], r.Libraries["go"], r.Libraries["simd"])
	_, err := io.WriteString(w, b.String())
	return err
}

// printEngine writes an engine's line and, below it, where its library is, what
// is wrong and what would mend it.
func printEngine(b *strings.Builder, s engine.Status) {
	state := "no "
	if s.Usable {
		state = "yes"
	}
	line := fmt.Sprintf("%-8s %s  %s", s.Engine, state, versionOf(s))
	fmt.Fprintln(b, strings.TrimRight(line, " "))
	where := s.Path
	if s.Wheel != "" {
		where += " (" + s.Wheel + ")"
	}
	for _, detail := range []struct{ name, text string }{
		{"library", where}, {"devices", strings.Join(s.Devices, ", ")}, {"problem", s.Problem}, {"searched", strings.Join(s.Searched, ", ")},
		{"install", s.Install},
	} {
		if detail.text != "" {
			fmt.Fprintf(b, "         %s: %s\n", detail.name, detail.text)
		}
	}
}

// versionOf is the version of an engine's library, a plugin's by its interface.
func versionOf(s engine.Status) string {
	if strings.HasPrefix(s.Engine, "xla:") && s.Version != "" {
		return "PJRT API " + s.Version
	}
	return s.Version
}

func gibibytes(n int64) string {
	if n == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}
