package forecast

import (
	"runtime"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"react/ops"
	"react/ops/clip"
	"react/ops/op"
	"react/runner/plan"
	"react/runner/schedule"
)

// priors are the seconds that stages to run may take of which no run tells, or only far smaller
// ones: by what their ops cost, the matrix products of their models, and the speed of this machine.
// They are right within a factor of a few, which the countdown finds out as stages run.
func (f *Forecast) priors(stages []*plan.Stage, works []op.Work, engine string) []float64 {
	out := make([]float64, len(stages))
	machine := speed{}
	for i, stage := range stages {
		if e := f.Stages[i]; f.survey.Status[i] == schedule.ToRun && (e.Far || !e.Seconds.Known()) {
			seconds := prior(stage, works[i], f.past.Pace(stage.Key, stage.Lines), engine, &machine)
			out[i] = seconds * float64(min(f.jobs, runtime.GOMAXPROCS(0))) // they share the machine
		}
	}
	return out
}

// prior is the cost of one stage, of some work.
func prior(stage *plan.Stage, work op.Work, pace op.Pace, engine string, machine *speed) float64 {
	o := ops.All[stage.Op]
	seconds := o.Cost.Seconds + o.Cost.PerWork*pace.Work
	if stage.Model == nil || !o.UsesEngine {
		return seconds / machine.relative()
	}
	flops := work.FLOPs
	if flops == 0 && pace.Model { // of what its time grows with: images, or texts, which are less
		flops = pace.Work * stage.Model.FLOPs().Image
	}
	if clip.Accelerator(engine) {
		return seconds + flops/acceleratorFLOPS
	}
	if engine == "go" {
		flops *= goSlower
	}
	return (seconds + flops/referenceFLOPS) / machine.relative()
}

// What engines do in a second with models of this size, measured on the reference machine: two
// cores that do referenceGemm each in gonum's matrix product.
const (
	referenceFLOPS   = 90e9
	referenceGemm    = 16e9
	goSlower         = 4
	acceleratorFLOPS = 5e12 // small models do not fill a GPU
)

// speed is that of this machine, measured once it is asked for.
type speed struct{ times float64 }

// relative is how many times as fast as the reference machine this one is.
func (s *speed) relative() float64 {
	if s.times == 0 {
		s.times = max(gemmFLOPS()*float64(runtime.GOMAXPROCS(0))/(2*referenceGemm), 0.05)
	}
	return s.times
}

// gemmFLOPS is what one core does in a second in matrix products that fit its cache: the best of
// a few, since others may use the machine. It takes some milliseconds.
func gemmFLOPS() float64 {
	const n = 64 // below gonum's size for several goroutines
	square := func() blas32.General {
		return blas32.General{Rows: n, Cols: n, Stride: n, Data: make([]float32, n*n)}
	}
	a, b, c := square(), square(), square()
	for i := range a.Data {
		a.Data[i], b.Data[i] = 1, 0.5
	}
	best := time.Hour
	for range 20 {
		start := time.Now()
		blas32.Gemm(blas.NoTrans, blas.Trans, 1, a, b, 0, c)
		best = min(best, max(time.Since(start), time.Microsecond))
	}
	return 2 * n * n * n / best.Seconds()
}
