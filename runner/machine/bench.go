package machine

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"

	"react/data/proc"
	"react/data/words"
	"react/ops/clip"
	"react/ops/clip/graph"
	"react/ops/engine"
	"react/ops/speed"
	"react/runner/child"
	"react/runner/exec"
	"react/runner/record"
)

// BenchOptions say what is measured.
type BenchOptions struct {
	Arch    string
	Works   []string
	Measure speed.Options // what all works have in common
	Engine  string
	Matrix  int // side of the matrices of the peak; 0: no peak
}

// Speeds are the figures of a machine, as --json prints them.
type Speeds struct {
	Schema    string            `json:"schema"`
	Arch      string            `json:"arch"`
	Precision string            `json:"precision"`
	Engine    string            `json:"engine"`
	Libraries map[string]string `json:"libraries"`
	System    record.System     `json:"system"`
	// of matrix products, operations a second; 0: not measured
	Peak    float64     `json:"peak"`
	Results []workSpeed `json:"results"`

	batch, matrix int // as asked
}

// workSpeed is a work's figures, or why there are none.
type workSpeed struct {
	speed.Result
	Peak  int64  `json:"peakBytes,omitempty"` // memory at most, of its process or of the GPU
	Error string `json:"error,omitempty"`
}

// Check says what is wrong with the flags.
func (o *BenchOptions) Check() error {
	if err := exec.CheckEngine(o.Engine); err != nil {
		return err
	}
	if !slices.Contains(clip.Archs(), o.Arch) {
		return fmt.Errorf("--arch %s: one of %s", o.Arch, strings.Join(clip.Archs(), ", "))
	}
	for _, work := range o.Works {
		if !slices.Contains(speed.Works(), work) {
			return fmt.Errorf("--work %s: %s", work, strings.Join(speed.Works(), ", "))
		}
	}
	if !slices.Contains(clip.Precisions, o.Measure.Precision) {
		return fmt.Errorf("--precision %s: %s", o.Measure.Precision, strings.Join(clip.Precisions, ", "))
	}
	for _, of := range []struct {
		flag         string
		given, least int
	}{{"batch", o.Measure.Batch, 1}, {"gates", o.Measure.Gates, 1}, {"rounds", o.Measure.Rounds, 1}, {"matrix", o.Matrix, 0}} {
		if of.given < of.least {
			return fmt.Errorf("--%s %d: at least %d", of.flag, of.given, of.least)
		}
	}
	if o.Measure.Limit < 0 {
		return fmt.Errorf("--limit %v: a time from 0, which is no limit", o.Measure.Limit)
	}
	if m := o.Measure.MicroBatch; m < 0 || m > o.Measure.Batch {
		return fmt.Errorf("--micro-batch %d of a batch of %d", m, o.Measure.Batch)
	}
	return nil
}

// Bench measures one work after the other, each in a process of its own, so that memory is of that
// work alone. One that fails (for memory, say) is a line of the result; the others are measured.
func Bench(ctx context.Context, o BenchOptions, stderr io.Writer) (*Speeds, error) {
	s, err := o.describe(stderr)
	if err != nil {
		return nil, err
	}
	for _, work := range o.Works {
		line := benchQuestion{o.Arch, o.Engine, work, o.Measure}.ask(ctx, stderr)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s.Results = append(s.Results, line)
	}
	return s, nil
}

// describe opens the engine for what all works have in common, and closes it.
func (o BenchOptions) describe(stderr io.Writer) (*Speeds, error) {
	e, err := engine.Open(o.Engine)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	for _, text := range e.Warnings() {
		fmt.Fprintln(stderr, "warning:", text)
	}
	s := &Speeds{Schema: "runner.bench/v1", Arch: o.Arch, Engine: e.Name(), Precision: o.Measure.Precision,
		Libraries: e.Describe(), System: record.ReadSystem(), batch: o.Measure.Batch, matrix: o.Matrix}
	if o.Matrix > 0 {
		if s.Peak, err = graph.MatrixPeak(e, o.Matrix, o.Measure.Precision == clip.BF16); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// benchEnv, when set, makes the program measure one work and end.
const benchEnv = "RUNNER_BENCH_WORK"

func init() {
	if !child.Asked(benchEnv) {
		return
	}
	var q benchQuestion
	answers, err := child.Question(&q, os.Interrupt)
	if err == nil {
		err = json.NewEncoder(answers).Encode(q.measure())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// benchQuestion is what a process of its own measures.
type benchQuestion struct {
	Arch, Engine, Work string
	Measure            speed.Options
}

// ask has a process measure, and says how it ended where it does not answer.
func (q benchQuestion) ask(ctx context.Context, stderr io.Writer) workSpeed {
	line := workSpeed{}
	c, err := child.Start(ctx, benchEnv, q, func(cmd *osexec.Cmd) { cmd.Stderr = stderr })
	if err == nil {
		err = json.NewDecoder(c.Answers).Decode(&line)
		if ended := c.Wait(); ended != nil {
			err = fmt.Errorf("%s: its process ended: %v", q.Work, c.State())
		}
		if c.Signal() == syscall.SIGKILL {
			err = fmt.Errorf("%w (by the system, for memory, where nobody did)", err)
		}
	}
	line.Work = q.Work
	if err != nil {
		line.Error = err.Error()
	}
	return line
}

// measure is what the process does.
func (q benchQuestion) measure() (line workSpeed) {
	o := q.Measure
	e, err := engine.Open(q.Engine)
	if err == nil {
		defer e.Close()
		o.Work, o.InUse = q.Work, memoryOf(e.Name())
		o.Config, err = clip.Arch(q.Arch)
	}
	if err == nil {
		line.Result, err = speed.Measure(context.Background(), e, o)
	}
	switch {
	case err != nil:
		line.Error = err.Error()
	case isCUDA(e.Name()):
		line.Peak = slices.Max(line.Memory)
	default:
		line.Peak = proc.Peak()
	}
	return line
}

// Err says how many works were not measured.
func (s *Speeds) Err() error {
	failed := 0
	for _, result := range s.Results {
		if result.Error != "" {
			failed++
		}
	}
	if failed == 0 {
		return nil
	}
	return fmt.Errorf("%s not measured", words.Plural(failed, "work"))
}

// Print writes a table, with details also the memory after each round.
func (s *Speeds) Print(out io.Writer, details bool) error {
	fmt.Fprintf(out, "%s, batch %d, %s, %s on %s (%s)\n", s.Arch, s.batch, s.Precision, s.Engine, s.System.CPU, words.Plural(s.System.Procs, "thread"))
	for _, gpu := range s.System.GPUs {
		fmt.Fprintln(out, "GPU:", gpu)
	}
	if s.Peak > 0 {
		fmt.Fprintf(out, "matrix products of side %d: %.4g GFLOP/s\n", s.matrix, s.Peak/1e9)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "work\timages/s\tms\tGFLOP/s\tof peak\tfirst s\tMiB\t")
	for _, result := range s.Results {
		s.line(w, result)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, result := range s.Results {
		if details {
			fmt.Fprintf(out, "%s: MiB after each round: %v\n", result.Work, inMiB(result.Memory))
		}
		if result.Error != "" {
			fmt.Fprintln(out, result.Error)
		}
	}
	return nil
}

func (s *Speeds) line(w io.Writer, result workSpeed) {
	if result.Error != "" {
		fmt.Fprintf(w, "%s\t–\t–\t–\t–\t–\t–\t\n", result.Work)
		return
	}
	share := "–"
	if s.Peak > 0 {
		share = fmt.Sprintf("%.0f %%", 100*result.FLOPS/s.Peak)
	}
	fmt.Fprintf(w, "%s\t%.4g\t%.4g\t%.4g\t%s\t%.2g\t%d\t\n", result.Work, result.PerSecond,
		float64(speed.Median(result.Rounds).Microseconds())/1e3, result.FLOPS/1e9, share, result.Compile.Seconds(), result.Peak>>20)
}

func inMiB(bytes []int64) []int64 {
	out := make([]int64, len(bytes))
	for i, b := range bytes {
		out[i] = b >> 20
	}
	return out
}

// memoryOf gives the memory in use: of the GPU for an engine on one, as its
// driver's nvidia-smi says, and of this process otherwise. 0 is unknown.
func memoryOf(engineName string) func() int64 {
	if isCUDA(engineName) {
		return gpuMemory
	}
	return proc.Resident
}

func isCUDA(engineName string) bool { return strings.Contains(engineName, "cuda") }

func gpuMemory() int64 {
	out, err := osexec.Command("nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits").Output()
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	mib, _ := strconv.ParseInt(first, 10, 64)
	return mib << 20
}
