package world

import (
	"math"
	"math/rand/v2"
)

// stage decides everything that is random in a picture.
func (pic *picture) stage() *scene {
	rng := rand.New(rand.NewPCG(pic.seed, 0))
	s := &scene{light: rgb{1, 1, 1}, blur: 1, rng: rng}
	if pic.content >= gradient {
		s.ground = irrelevantGround(pic, rng)
	} else {
		s.ground = plainGround(jitter(colors[pic.ground].rgb, 0.04, rng), pic.ground, rng)
		pic.place(s, rng)
	}
	switch pic.style {
	case noisy:
		s.noise = 0.05 + 0.07*rng.Float64()
	case photo:
		pic.photograph(s, rng)
	}
	if pic.nudge != 0 { // a copy that was scaled or saved again
		small := rand.New(rand.NewPCG(pic.nudge, 1))
		s.shift, s.blur, s.noise = 0.06*(small.Float64()-0.5), s.blur*1.3, s.noise+0.01
	}
	return s
}

func jitter(c rgb, by float64, rng *rand.Rand) rgb {
	n := func() float64 { return 2 * by * (rng.Float64() - 0.5) }
	return rgb{c.r + n(), c.g + n(), c.b + n()}
}

// plainGround is one colour, pale unless it is black or white, at times a gradient.
func plainGround(c rgb, of color, rng *rand.Rand) func(point) rgb {
	if of < 10 {
		c = c.mix(rgb{1, 1, 1}, 0.6)
	}
	if rng.IntN(4) > 0 {
		return func(point) rgb { return c }
	}
	end := jitter(c, 0.15, rng)
	return func(p point) rgb { return c.mix(end, p.y) }
}

// place puts the objects: a kind large, the plain thing beside it small; a scene's
// objects side by side.
func (pic *picture) place(s *scene, rng *rand.Rand) {
	n := len(pic.objects)
	spin := 0.25
	if pic.style == photo {
		spin = 0.9
	}
	for i, l := range pic.objects {
		o := placed{look: l, squeeze: 1}
		if pic.spread {
			o.at, o.radius = apart(s.placed, rng)
		} else {
			o.at, o.radius = pic.spot(i, n, rng)
		}
		angle := spin * (2*rng.Float64() - 1)
		o.sin, o.cos = math.Sin(angle), math.Cos(angle)
		o.fillColor = jitter(colors[l.fill].rgb, 0.06, rng)
		o.markColor = jitter(colors[l.mark].rgb, 0.06, rng)
		if pic.content == plainScene || i < n-1 && !pic.spread { // plain things are tone on tone
			o.markColor = o.fillColor.mix(rgb{1, 1, 1}, 0.55)
		}
		pic.outline(&o, rng)
		s.placed = append(s.placed, o)
	}
}

// spot is where object i of n goes, and its radius.
func (pic *picture) spot(i, n int, rng *rand.Rand) (point, float64) {
	near := func(v, by float64) float64 { return v + by*(2*rng.Float64()-1) }
	if pic.content == named || n == 1 {
		if i < n-1 {
			corner := rng.IntN(4)
			return point{near(0.14+0.72*float64(corner&1), 0.04), near(0.14+0.72*float64(corner>>1), 0.04)}, near(0.13, 0.02)
		}
		return point{near(0.5, 0.07), near(0.5, 0.07)}, near(0.36, 0.07)
	}
	places := [][]point{2: {{0.27, 0.5}, {0.73, 0.5}}, 3: {{0.5, 0.26}, {0.26, 0.72}, {0.74, 0.72}}, 4: {{0.26, 0.26}, {0.74, 0.26}, {0.26, 0.74}, {0.74, 0.74}}}
	at := places[n][i]
	return point{near(at.x, 0.04), near(at.y, 0.04)}, near(0.2, 0.025)
}

func (pic *picture) outline(o *placed, rng *rand.Rand) {
	switch pic.style {
	case outlined:
		o.edge, o.edgeWidth = rgb{0.1, 0.1, 0.12}, 0.14
	case thick:
		o.edge, o.edgeWidth = jitter(rgb{0.2, 0.2, 0.25}, 0.2, rng), 0.32
	case dark:
		o.edge, o.edgeWidth = rgb{0.85, 0.85, 0.8}, 0.1
	}
}

// photograph is the style of the task's sets.
func (pic *picture) photograph(s *scene, rng *rand.Rand) {
	for i := range s.placed {
		o := &s.placed[i]
		o.tilt = 0.35 * (2*rng.Float64() - 1)
		o.squeeze = 0.65 + 0.35*rng.Float64()
		o.shadow = true
		o.fillColor, o.markColor = o.fillColor.scale(0.9), o.markColor.scale(0.9)
	}
	s.ground = patterned(s.ground, rng)
	s.light = rgb{0.72 + 0.33*rng.Float64(), 0.72 + 0.33*rng.Float64(), 0.72 + 0.33*rng.Float64()}
	s.slope = point{1.3 * (rng.Float64() - 0.5), 1.3 * (rng.Float64() - 0.5)}
	s.blur = 1.2 + 0.9*rng.Float64()
	s.noise = 0.03
}

// patterned is cloth or boards of a muddy colour near the ground's.
func patterned(ground func(point) rgb, rng *rand.Rand) func(point) rgb {
	base := jitter(rgb{0.55, 0.5, 0.42}, 0.2, rng)
	fx, fy, cross := 2+5*rng.Float64(), 2+5*rng.Float64(), rng.IntN(2) == 0
	phase := 6 * rng.Float64()
	return func(p point) rgb {
		v := math.Sin(2*math.Pi*fx*p.x+phase+3*math.Sin(fy*p.y)) * 0.12
		if cross {
			v += math.Sin(2*math.Pi*fy*p.y) * 0.12
		}
		return ground(p).mix(base, 0.65).scale(1 + v)
	}
}

// irrelevantGround is the whole of a picture without objects.
func irrelevantGround(pic *picture, rng *rand.Rand) func(point) rgb {
	a := jitter(colors[pic.ground].rgb, 0.1, rng)
	b := jitter(colors[rng.IntN(len(colors))].rgb, 0.1, rng)
	switch pic.content {
	case gradient:
		dx, dy := rng.Float64()*2-1, rng.Float64()*2-1
		return func(p point) rgb { return a.mix(b, min(max(0.5+dx*(p.x-0.5)+dy*(p.y-0.5), 0), 1)) }
	case blobs:
		return blobGround(a, b, rng)
	case horizon:
		line, wave := 0.35+0.4*rng.Float64(), 0.1*rng.Float64()
		return func(p point) rgb {
			if p.y < line+wave*math.Sin(7*p.x) {
				return a.mix(rgb{1, 1, 1}, 0.4+0.4*p.y)
			}
			return b.scale(0.6 + 0.5*p.y)
		}
	}
	return writingGround(a, rng)
}

func blobGround(a, b rgb, rng *rand.Rand) func(point) rgb {
	centers := make([]point, 3+rng.IntN(6))
	sizes := make([]float64, len(centers))
	for i := range centers {
		centers[i], sizes[i] = point{rng.Float64(), rng.Float64()}, 0.003+0.03*rng.Float64()
	}
	return func(p point) rgb {
		f := 0.0
		for i, c := range centers {
			dx, dy := p.x-c.x, p.y-c.y
			f += math.Exp(-(dx*dx + dy*dy) / sizes[i])
		}
		return a.mix(b, min(f, 1))
	}
}

// writingGround is rows of strokes, dark on pale.
func writingGround(ink rgb, rng *rand.Rand) func(point) rgb {
	const rows, cells = 6, 14
	var strokes [rows][cells]uint8
	for r := range strokes {
		for c := range 4 + rng.IntN(cells-4) {
			strokes[r][c] = uint8(rng.Uint32())
		}
	}
	paper := rgb{0.93, 0.93, 0.9}
	ink = ink.scale(0.5)
	return func(p point) rgb {
		x, y := min(max(p.x, 0), 0.999)*cells, min(max(p.y, 0), 0.999)*rows
		stroke := strokes[int(y)][int(x)]
		u, v := frac(x), frac(y)
		if v < 0.2 || v > 0.8 || u > 0.75 || stroke>>(2*int((v-0.2)*5)+int(u*2.6))&1 == 0 {
			return paper
		}
		return ink
	}
}
