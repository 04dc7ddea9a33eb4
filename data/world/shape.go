package world

import "math"

// point is a place in an object's own plane: the object fits the unit circle.
type point struct{ x, y float64 }

// insides says for each of shapes whether a point is in it.
var insides = []func(p point) bool{
	func(p point) bool { return p.x*p.x+p.y*p.y < 0.81 },
	func(p point) bool { return max(math.Abs(p.x), math.Abs(p.y)) < 0.78 },
	polygon(regular(3, 1, 1, 0.12)...),
	polygon(regular(5, 1.05, 0.46, 0)...),
	polygon(regular(6, 0.95, 0.95, 0)...),
	func(p point) bool {
		x, y := math.Abs(p.x), math.Abs(p.y)
		return max(x, y) < 0.92 && min(x, y) < 0.32
	},
	func(p point) bool {
		x, y := p.x*1.2, -p.y*1.2+0.1
		r := x*x + y*y - 1
		return r*r*r < x*x*y*y*y
	},
	func(p point) bool { r := p.x*p.x + p.y*p.y; return 0.2 < r && r < 0.86 },
	func(p point) bool { return math.Abs(p.x)/0.68+math.Abs(p.y) < 1 },
	func(p point) bool {
		dx := p.x - 0.45
		return p.x*p.x+p.y*p.y < 0.86 && dx*dx+p.y*p.y > 0.42
	},
	polygon(point{-0.95, -0.3}, point{0.1, -0.3}, point{0.1, -0.8}, point{0.98, 0}, point{0.1, 0.8}, point{0.1, 0.3}, point{-0.95, 0.3}),
	func(p point) bool {
		a, b := p.x-0.55, p.x+0.55
		y := p.y * p.y
		return a*a+y < 1.28 && b*b+y < 1.28
	},
}

// regular is the corners of a polygon or a star: n tips at radius outer, the corners
// between at inner (none where they are equal), moved down by dy.
func regular(n int, outer, inner, dy float64) []point {
	var corners []point
	for i := range 2 * n {
		r := outer
		if i%2 == 1 {
			if inner == outer {
				continue
			}
			r = inner
		}
		a := math.Pi * float64(i) / float64(n)
		corners = append(corners, point{r * math.Sin(a), dy - r*math.Cos(a)})
	}
	return corners
}

// polygon is the even-odd rule.
func polygon(corners ...point) func(p point) bool {
	return func(p point) bool {
		in := false
		for i, j := 0, len(corners)-1; i < len(corners); j, i = i, i+1 {
			a, b := corners[i], corners[j]
			if (a.y > p.y) != (b.y > p.y) && p.x < (b.x-a.x)*(p.y-a.y)/(b.y-a.y)+a.x {
				in = !in
			}
		}
		return in
	}
}

// marked says whether a point of an object has the mark's colour, not the fill's.
func (l look) marked(p point) bool {
	switch l.texture {
	case striped:
		return odd((p.x + p.y) * 2.4)
	case dotted:
		x, y := frac(p.x*1.7+0.5)-0.5, frac(p.y*1.7+0.5)-0.5
		return x*x+y*y < 0.095
	case checkered:
		return odd(p.x*1.9) != odd(p.y*1.9)
	case halved:
		return p.x > 0
	case edged:
		return !insides[l.shape](point{p.x * 1.5, p.y * 1.5})
	case banded:
		return math.Abs(p.y) < 0.24
	}
	return false
}

func frac(v float64) float64 { return v - math.Floor(v) }

// odd says whether v is in an odd cell of unit length.
func odd(v float64) bool { return int(math.Floor(v))&1 != 0 }
