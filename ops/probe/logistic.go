package probe

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/optimize"

	"react/ops/blas"
)

// Logistic is multinomial logistic regression, exactly: the minimum of ½‖w‖² + C·Σ loss over the
// images, as scikit-learn's LogisticRegression defines it. The bias is not penalised.
type Logistic struct {
	C float64
	// of the largest component of the gradient of the mean; 0 is scikit-learn's 1e-4
	Tolerance float64
	MaxSteps  int // of L-BFGS; 0 is 1000, OpenAI's
	Start     []float64
}

// Head is a trained classifier.
type Head struct {
	W    blas.Matrix // [classes, dim]
	Bias []float32
	// Parameters are W and Bias as the optimizer holds them, [classes, dim+1]: a start for another
	// C.
	Parameters []float64
	Steps      int
}

// Fit minimises by L-BFGS. data holds one class an image.
func (l Logistic) Fit(data Data, classes int) (Head, error) {
	f := newObjective(data, classes, l.C)
	start := l.Start
	if start == nil {
		start = make([]float64, classes*f.x.Cols)
	}
	settings := &optimize.Settings{GradientThreshold: l.Tolerance, MajorIterations: l.MaxSteps, Converger: optimize.NeverTerminate{}}
	if settings.GradientThreshold == 0 {
		settings.GradientThreshold = 1e-4
	}
	if settings.MajorIterations == 0 {
		settings.MajorIterations = 1000
	}
	problem := optimize.Problem{Func: f.value, Grad: f.slope}
	result, err := optimize.Minimize(problem, start, settings, &optimize.LBFGS{Store: 10})
	if err != nil && (result == nil || result.Status != optimize.IterationLimit) {
		return Head{}, fmt.Errorf("logistic regression with C %g: %w", l.C, err)
	}
	out := Head{W: blas.New(classes, data.X.Cols), Bias: make([]float32, classes), Parameters: result.X, Steps: result.MajorIterations}
	for c := range classes {
		row := result.X[c*f.x.Cols : (c+1)*f.x.Cols]
		for d := range out.W.Cols {
			out.W.Row(c)[d] = float32(row[d])
		}
		out.Bias[c] = float32(row[out.W.Cols])
	}
	return out, nil
}

// Score gives the logits [images, classes].
func (h Head) Score(x blas.Matrix) blas.Matrix {
	out := blas.New(x.Rows, h.W.Rows)
	for i := range out.Rows {
		copy(out.Row(i), h.Bias)
	}
	blas.Times(out, 1, x, h.W, 1)
	return out
}

// objective is the mean loss with its penalty. Value and slope at a point are computed together,
// once.
type objective struct {
	labels  []int
	classes int
	penalty float64
	x       blas.Wide // [images, dim+1], the last column ones

	at     []float64 // of the last computation
	loss   float64
	slopes []float64

	w, gradient, logits blas.Wide
}

// logisticBlock is the number of images whose logits are held at a time.
const logisticBlock = 4096

func newObjective(data Data, classes int, c float64) *objective {
	n, cols := data.X.Rows, data.X.Cols+1
	f := &objective{classes: classes, penalty: 1 / (c * float64(n)), x: blas.NewWide(n, cols), w: blas.NewWide(classes, cols), gradient: blas.NewWide(classes, cols),
		logits: blas.NewWide(min(n, logisticBlock), classes), slopes: make([]float64, classes*cols)}
	for i, labels := range data.Labels {
		f.labels = append(f.labels, labels[0])
		for d, v := range data.X.Row(i) {
			f.x.Row(i)[d] = float64(v)
		}
		f.x.Row(i)[cols-1] = 1
	}
	return f
}

func (f *objective) value(at []float64) float64 {
	f.compute(at)
	return f.loss
}

func (f *objective) slope(grad, at []float64) {
	f.compute(at)
	copy(grad, f.slopes)
}

func (f *objective) compute(at []float64) {
	if same(f.at, at) {
		return
	}
	f.at = append(f.at[:0], at...)
	copy(f.w.Values, at)
	sum, beta := 0.0, 0.0
	for start := 0; start < f.x.Rows; start += logisticBlock {
		x := f.x.Slice(start, min(start+logisticBlock, f.x.Rows))
		logits := f.logits.Slice(0, x.Rows)
		blas.WideTimes(logits, x, f.w)
		sum += crossEntropy(logits, f.labels[start:start+x.Rows])
		blas.WideGradient(f.gradient, logits, x, beta)
		beta = 1
	}
	n := float64(f.x.Rows)
	f.loss = sum / n
	for i, v := range at {
		f.slopes[i] = f.gradient.Values[i] / n
		if i%f.x.Cols != f.x.Cols-1 {
			f.loss += f.penalty / 2 * v * v
			f.slopes[i] += f.penalty * v
		}
	}
}

func same(a, b []float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i, v := range a {
		if v != b[i] {
			return false
		}
	}
	return true
}

// crossEntropy sums the losses and turns logits into their gradient. Rows are shared among the
// processors.
func crossEntropy(logits blas.Wide, labels []int) float64 {
	losses := make([]float64, len(labels))
	blas.Share(len(labels), func(start, end int) {
		for i := start; i < end; i++ {
			row := logits.Row(i)
			high := row[0]
			for _, v := range row {
				high = max(high, v)
			}
			sum, own := 0.0, row[labels[i]]
			for c, v := range row {
				e := math.Exp(v - high)
				row[c] = e
				sum += e
			}
			for c := range row {
				row[c] /= sum
			}
			row[labels[i]]--
			losses[i] = math.Log(sum) + high - own
		}
	})
	total := 0.0
	for _, l := range losses {
		total += l
	}
	return total
}
