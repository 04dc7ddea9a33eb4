package probe

import (
	"math"
	"math/rand/v2"

	"react/ops/blas"
)

// Constants of the toolkit's training.
const (
	batchSize    = 64
	momentum     = 0.9
	normEpsilon  = 1e-5
	normMomentum = 0.1
)

// Data is what a head is trained on: features [images, dim] and each image's classes. Many is a set
// whose images may have several: its loss is binary cross entropy of each class, else it is the
// softmax's cross entropy.
type Data struct {
	X      blas.Matrix
	Labels [][]int
	Many   bool
}

// Subset are some of the images.
func (d Data) Subset(at []int) Data {
	out := Data{X: blas.New(len(at), d.X.Cols), Many: d.Many}
	for i, from := range at {
		copy(out.X.Row(i), d.X.Row(from))
		out.Labels = append(out.Labels, d.Labels[from])
	}
	return out
}

// Settings are a point of the search.
type Settings struct{ LR, WeightDecay float64 }

// Start is where training begins: the head of text embeddings, bias 0 (language-augmented
// initialisation), or, where Head is empty, PyTorch's uniform numbers drawn from Seed.
type Start struct {
	Head    blas.Matrix
	Classes int
	Seed    uint64
}

// SGD trains heads, one for each settings, side by side on the same batches: one pass over memory
// serves all. Features go through a batch normalisation without parameters, as the toolkit's do.
// The learning rate is constant, all parameters decay, momentum is 0.9, and a last batch of one
// image is left out. after, where it is not nil, is called at the end of each epoch with a function
// that scores images by every head.
func SGD(data Data, start Start, settings []Settings, epochs int, after func(epoch int, score func(x blas.Matrix) []blas.Matrix)) {
	s := newSGD(data, start, settings)
	order := make([]int, len(data.Labels))
	for i := range order {
		order[i] = i
	}
	rng := rand.New(rand.NewPCG(start.Seed, 0))
	for epoch := range epochs {
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for at := 0; at < len(order); at += batchSize {
			if batch := order[at:min(at+batchSize, len(order))]; len(batch) > 1 || len(order) == 1 {
				s.step(batch)
			}
		}
		if after != nil {
			after(epoch, s.score)
		}
	}
}

type sgd struct {
	data     Data
	settings []Settings
	classes  int

	w, velocity, gradient blas.Matrix // [heads*classes, dim+1]; the last column is the bias
	mean, variance        []float64   // running
	x, logits             blas.Matrix // of a batch; x ends in a column of ones
}

func newSGD(data Data, start Start, settings []Settings) *sgd {
	rows, cols := len(settings)*start.Classes, data.X.Cols+1
	s := &sgd{data: data, settings: settings, classes: start.Classes, w: blas.New(rows, cols), velocity: blas.New(rows, cols), gradient: blas.New(rows, cols),
		mean: make([]float64, data.X.Cols), variance: make([]float64, data.X.Cols), x: blas.New(batchSize, cols), logits: blas.New(batchSize, rows)}
	for d := range s.variance {
		s.variance[d] = 1
	}
	head := start.Head
	if head.Rows == 0 {
		head = RandomHead(start.Classes, cols, start.Seed)
	}
	for h := range settings {
		for c := range start.Classes {
			copy(s.w.Row(h*start.Classes+c), head.Row(c))
		}
	}
	return s
}

// RandomHead draws weights and bias as torch.nn.Linear does: uniform within 1/√dim.
func RandomHead(classes, cols int, seed uint64) blas.Matrix {
	rng := rand.New(rand.NewPCG(seed, 1))
	head := blas.New(classes, cols)
	bound := 1 / math.Sqrt(float64(cols-1))
	for i := range head.Values {
		head.Values[i] = float32((2*rng.Float64() - 1) * bound)
	}
	return head
}

// step is one update of all heads.
func (s *sgd) step(batch []int) {
	n := len(batch)
	x, logits := s.x.Slice(0, n), s.logits.Slice(0, n)
	s.normalizeBatch(batch, x)
	blas.Times(logits, 1, x, s.w, 0)
	for i, image := range batch {
		for h := range s.settings {
			s.lossGradient(logits.Row(i)[h*s.classes:(h+1)*s.classes], s.data.Labels[image], n)
		}
	}
	blas.Gradient(s.gradient, 1, logits, x, 0)
	for h, set := range s.settings {
		lr, decay := float32(set.LR), float32(set.WeightDecay)
		from, to := h*s.classes*s.w.Cols, (h+1)*s.classes*s.w.Cols
		w, v, g := s.w.Values[from:to], s.velocity.Values[from:to], s.gradient.Values[from:to]
		for i := range w {
			v[i] = momentum*v[i] + g[i] + decay*w[i]
			w[i] -= lr * v[i]
		}
	}
}

// normalizeBatch fills x with the batch's features less their mean over their deviation, and a one.
func (s *sgd) normalizeBatch(batch []int, x blas.Matrix) {
	dim, n := s.data.X.Cols, float64(len(batch))
	mean, square := make([]float64, dim), make([]float64, dim)
	for _, image := range batch {
		for d, v := range s.data.X.Row(image) {
			mean[d] += float64(v)
		}
	}
	for d := range mean {
		mean[d] /= n
	}
	for _, image := range batch {
		for d, v := range s.data.X.Row(image) {
			square[d] += (float64(v) - mean[d]) * (float64(v) - mean[d])
		}
	}
	for d := range mean {
		s.mean[d] += normMomentum * (mean[d] - s.mean[d])
		s.variance[d] += normMomentum * (square[d]/max(n-1, 1) - s.variance[d])
		square[d] = 1 / math.Sqrt(square[d]/n+normEpsilon)
	}
	for i, image := range batch {
		row := x.Row(i)
		for d, v := range s.data.X.Row(image) {
			row[d] = float32((float64(v) - mean[d]) * square[d])
		}
		row[dim] = 1
	}
}

// lossGradient turns logits into the gradient of the mean loss by them.
func (s *sgd) lossGradient(logits []float32, labels []int, n int) {
	scale := 1 / float64(n)
	if s.data.Many { // the mean is over classes too
		scale /= float64(len(logits))
		for c, v := range logits {
			logits[c] = float32(scale / (1 + math.Exp(-float64(v))))
		}
		for _, c := range labels {
			logits[c] -= float32(scale)
		}
		return
	}
	softmax(logits, scale)
	for _, c := range labels {
		logits[c] -= float32(scale)
	}
}

// softmax replaces a row by its probabilities times a scale.
func softmax(row []float32, scale float64) {
	high := row[0]
	for _, v := range row {
		high = max(high, v)
	}
	sum := 0.0
	for i, v := range row {
		e := math.Exp(float64(v - high))
		row[i] = float32(e)
		sum += e
	}
	for i := range row {
		row[i] = float32(float64(row[i]) * scale / sum)
	}
}

// score gives the logits [images, classes] of each head, with the running statistics.
func (s *sgd) score(x blas.Matrix) []blas.Matrix {
	out := make([]blas.Matrix, len(s.settings))
	for h := range out {
		out[h] = blas.New(x.Rows, s.classes)
	}
	const block = 1024
	scaled := blas.New(min(block, x.Rows), s.w.Cols)
	all := blas.New(min(block, x.Rows), s.w.Rows)
	deviation := make([]float64, len(s.variance))
	for d, v := range s.variance {
		deviation[d] = 1 / math.Sqrt(v+normEpsilon)
	}
	for at := 0; at < x.Rows; at += block {
		n := min(block, x.Rows-at)
		for i := range n {
			row := scaled.Row(i)
			for d, v := range x.Row(at + i) {
				row[d] = float32((float64(v) - s.mean[d]) * deviation[d])
			}
			row[len(row)-1] = 1
		}
		blas.Times(all.Slice(0, n), 1, scaled.Slice(0, n), s.w, 0)
		for i := range n {
			for h := range out {
				copy(out[h].Row(at+i), all.Row(i)[h*s.classes:(h+1)*s.classes])
			}
		}
	}
	return out
}
