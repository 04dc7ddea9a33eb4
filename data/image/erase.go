package image

import (
	"math"
	"math/rand/v2"
)

// erase is random erasing as timm does it in pixel mode with one box: a share p
// of views gets a box of 2 % to a third of the area, its height over its width
// 0.3 to 3.3, of noise N(0, 1). t is the normalised view [3, size, size].
func erase(t []float32, size int, p float64, rng *rand.Rand) {
	if p <= 0 || rng.Float64() >= p {
		return
	}
	for range 10 {
		area := float64(size*size) * uniform(rng, 0.02, 1.0/3)
		ratio := math.Exp(uniform(rng, math.Log(0.3), -math.Log(0.3)))
		h := int(math.RoundToEven(math.Sqrt(area * ratio)))
		w := int(math.RoundToEven(math.Sqrt(area / ratio)))
		if w >= size || h >= size {
			continue
		}
		y, x := rng.IntN(size-h+1), rng.IntN(size-w+1)
		for c := range 3 {
			for r := y; r < y+h; r++ {
				row := t[(c*size+r)*size+x:][:w]
				for i := range row {
					row[i] = float32(rng.NormFloat64())
				}
			}
		}
		return
	}
}
