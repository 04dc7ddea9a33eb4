package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"react/data/words"
	"react/ops/clip"
	"react/ops/clip/graph"
	"react/ops/engine"
	"react/ops/speed"
	"react/runner/cli"
	"react/runner/record"
)

// benchOptions are the flags of bench.
type benchOptions struct {
	arch    string
	works   []string
	measure speed.Options // what all works have in common
	engine  string
	matrix  int
	asJSON  bool
	details bool
}

// benchReport is what bench prints with --json.
type benchReport struct {
	Schema    string            `json:"schema"`
	Arch      string            `json:"arch"`
	Precision string            `json:"precision"`
	Engine    string            `json:"engine"`
	Libraries map[string]string `json:"libraries"`
	System    record.System     `json:"system"`
	Peak      float64           `json:"peak"` // of matrix products, operations a second; 0: not measured
	Results   []benchResult     `json:"results"`
}

// benchResult is a work's figures, or why there are none.
type benchResult struct {
	speed.Result
	Error string `json:"error,omitempty"`
}

func newBench() *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast this machine embeds and tunes with an architecture",
		Long: `bench makes a model of random weights on the spot and times the embedding of
images and the training step of each tuning mode: images a second by the median
round, memory after the rounds, and the share of what the engine reaches in large
matrix products. Modes that lock the text tower get encoded captions, as tuning
gives them. Nothing is read, written or downloaded.

` + cli.ExitHelp,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return cli.Usage(err)
			}
			return o.run(cmd)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.arch, "arch", "ViT-B-32", "the `architecture`: "+strings.Join(clip.Archs(), ", "))
	flags.StringSliceVar(&o.works, "work", speed.Works(), "what to measure: `WORK,...`")
	flags.IntVar(&o.measure.Batch, "batch", 32, "`images` in a batch")
	flags.StringVar(&o.measure.Precision, "precision", clip.F32, "`f32` or bf16, which only xla computes fast")
	flags.IntVar(&o.measure.MicroBatch, "micro-batch", 0, "`pairs` that go through the towers at a time in a step; 0 is the whole batch")
	flags.BoolVar(&o.measure.Recompute, "recompute", false, "make the activations of each block again in the backward pass")
	flags.IntVar(&o.measure.Gates, "gates", 2, "gated `blocks` of gated-image")
	flags.IntVar(&o.measure.Rounds, "rounds", 10, "timed `rounds` of each work, after two that are not")
	flags.DurationVar(&o.measure.Limit, "limit", time.Minute, "begin no round of a work after this `time`; 0 is no limit")
	flags.StringVar(&o.engine, "engine", "auto", "`engine` that computes: "+engine.Choices)
	flags.IntVar(&o.matrix, "matrix", 1024, "`side` of the matrices of the peak, 8192 on a GPU; 0: no peak")
	flags.BoolVar(&o.asJSON, "json", false, "print JSON, with every round")
	flags.BoolVarP(&o.details, "verbose", "v", false, "print the memory after each round")
	return cmd
}

func (o *benchOptions) check() error {
	if !engine.Known(o.engine) {
		return fmt.Errorf("--engine %s: %s", o.engine, engine.Choices)
	}
	if !slices.Contains(clip.Archs(), o.arch) {
		return fmt.Errorf("--arch %s: one of %s", o.arch, strings.Join(clip.Archs(), ", "))
	}
	for _, work := range o.works {
		if !slices.Contains(speed.Works(), work) {
			return fmt.Errorf("--work %s: %s", work, strings.Join(speed.Works(), ", "))
		}
	}
	if !slices.Contains(clip.Precisions, o.measure.Precision) {
		return fmt.Errorf("--precision %s: %s", o.measure.Precision, strings.Join(clip.Precisions, ", "))
	}
	if m := o.measure.MicroBatch; m < 0 || m > o.measure.Batch {
		return fmt.Errorf("--micro-batch %d of a batch of %d", m, o.measure.Batch)
	}
	if o.measure.Batch < 1 || o.measure.Gates < 1 || o.measure.Rounds < 1 || o.matrix < 0 {
		return fmt.Errorf("--batch %d, --gates %d, --rounds %d, --matrix %d: at least 1, 1, 1 and 0", o.measure.Batch, o.measure.Gates, o.measure.Rounds, o.matrix)
	}
	return nil
}

// run measures one work after the other. A work that fails (for memory, say)
// is a line of the report; the others are measured.
func (o *benchOptions) run(cmd *cobra.Command) error {
	cfg, err := clip.Arch(o.arch)
	if err != nil {
		return err
	}
	e, err := engine.Open(o.engine)
	if err != nil {
		return err
	}
	defer e.Close()
	for _, text := range e.Warnings() {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning:", text)
	}
	r := benchReport{Schema: "runner.bench/v1", Arch: o.arch, Engine: e.Name(), Precision: o.measure.Precision, Libraries: e.Describe(), System: record.ReadSystem()}
	if o.matrix > 0 {
		if r.Peak, err = graph.MatrixPeak(e, o.matrix, o.measure.Precision == clip.BF16); err != nil {
			return err
		}
	}
	failed := 0
	for _, work := range o.works {
		options := o.measure
		options.Config, options.Work, options.InUse = cfg, work, memoryOf(e.Name())
		result, err := speed.Measure(cmd.Context(), e, options)
		if cmd.Context().Err() != nil {
			return cmd.Context().Err()
		}
		line := benchResult{Result: result}
		if err != nil {
			line.Error = err.Error()
			failed++
		}
		r.Results = append(r.Results, line)
	}
	if err := r.print(cmd.OutOrStdout(), o); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%s not measured", words.Plural(failed, "work"))
	}
	return nil
}

func (r *benchReport) print(out io.Writer, o *benchOptions) error {
	if o.asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	fmt.Fprintf(out, "%s, batch %d, %s, %s on %s (%s)\n", r.Arch, o.measure.Batch, r.Precision, r.Engine, r.System.CPU, words.Plural(r.System.Procs, "thread"))
	for _, gpu := range r.System.GPUs {
		fmt.Fprintln(out, "GPU:", gpu)
	}
	if r.Peak > 0 {
		fmt.Fprintf(out, "matrix products of side %d: %.4g GFLOP/s\n", o.matrix, r.Peak/1e9)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "work\timages/s\tms\tGFLOP/s\tof peak\tfirst s\tMiB\t")
	for _, result := range r.Results {
		r.line(w, result)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, result := range r.Results {
		if o.details {
			fmt.Fprintf(out, "%s: MiB after each round: %v\n", result.Work, eachInMiB(result.Memory))
		}
		if result.Error != "" {
			fmt.Fprintln(out, result.Error)
		}
	}
	return nil
}

func (r *benchReport) line(w io.Writer, result benchResult) {
	if result.Error != "" {
		fmt.Fprintf(w, "%s\t–\t–\t–\t–\t–\t–\t\n", result.Work)
		return
	}
	share := "–"
	if r.Peak > 0 {
		share = fmt.Sprintf("%.0f %%", 100*result.FLOPS/r.Peak)
	}
	memory := eachInMiB(result.Memory)
	fmt.Fprintf(w, "%s\t%.4g\t%.4g\t%.4g\t%s\t%.2g\t%d\t\n", result.Work, result.PerSecond,
		float64(speed.Median(result.Rounds).Microseconds())/1e3, result.FLOPS/1e9, share, result.Compile.Seconds(), memory[len(memory)-1])
}

func eachInMiB(bytes []int64) []int64 {
	out := make([]int64, len(bytes))
	for i, b := range bytes {
		out[i] = b >> 20
	}
	return out
}

// memoryOf gives the memory in use: of the GPU for an engine on one, as its
// driver's nvidia-smi says, and of this process otherwise. 0 is unknown.
func memoryOf(engineName string) func() int64 {
	if strings.Contains(engineName, "cuda") {
		return gpuMemory
	}
	return func() int64 {
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			return 0
		}
		return record.Kibibytes(string(status), "VmRSS")
	}
}

func gpuMemory() int64 {
	out, err := exec.Command("nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits").Output()
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	mib, _ := strconv.ParseInt(first, 10, 64)
	return mib << 20
}
