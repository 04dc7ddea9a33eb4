package world

import (
	"image"
	"math"
	"math/rand/v2"
)

// rgb is a colour, each part from 0 to 1.
type rgb struct{ r, g, b float64 }

func (c rgb) scale(f float64) rgb { return rgb{c.r * f, c.g * f, c.b * f} }
func (c rgb) add(d rgb) rgb       { return rgb{c.r + d.r, c.g + d.g, c.b + d.b} }
func (c rgb) mul(d rgb) rgb       { return rgb{c.r * d.r, c.g * d.g, c.b * d.b} }

// mix is c where f is 0 and d where it is 1.
func (c rgb) mix(d rgb, f float64) rgb { return c.scale(1 - f).add(d.scale(f)) }

// samples is the side of the grid of points that each pixel is the mean of.
const samples = 3

// scene is a picture with everything that was random in it decided; coordinates
// are in image heights, y down.
type scene struct {
	placed []placed
	ground func(p point) rgb
	light  rgb     // multiplies all
	slope  point   // of the light from the middle on
	blur   float64 // footprint of a pixel in pixels
	noise  float64 // standard deviation
	shift  float64 // brightness added at the end
	rng    *rand.Rand
}

// placed is an object in its place.
type placed struct {
	look
	at        point
	radius    float64
	sin, cos  float64
	tilt      float64 // perspective: how much nearer the right side is
	squeeze   float64 // of the height
	fillColor rgb
	markColor rgb
	edge      rgb     // of the outline
	edgeWidth float64 // relative to the radius; 0 for none
	shadow    bool
}

// render draws a scene of a width and a height in pixels; the height is the unit of coordinates.
func (s *scene) render(width, height int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	step := 1 / float64(height)
	for y := range height {
		for x := range width {
			c := s.pixel(float64(x)*step, float64(y)*step, step)
			i := img.PixOffset(x, y)
			img.Pix[i], img.Pix[i+1], img.Pix[i+2], img.Pix[i+3] = s.finish(c.r), s.finish(c.g), s.finish(c.b), 255
		}
	}
	return img
}

// pixel is the mean colour around the middle of the pixel at x, y.
func (s *scene) pixel(x, y, step float64) rgb {
	var sum rgb
	for j := range samples {
		for i := range samples {
			dx := ((float64(i)+0.5)/samples-0.5)*s.blur + 0.5
			dy := ((float64(j)+0.5)/samples-0.5)*s.blur + 0.5
			sum = sum.add(s.at(point{x + dx*step, y + dy*step}))
		}
	}
	lit := 1 + s.slope.x*(x-0.5) + s.slope.y*(y-0.5)
	return sum.scale(lit / (samples * samples)).mul(s.light)
}

// finish is a channel's byte.
func (s *scene) finish(v float64) uint8 {
	v += s.shift
	if s.noise > 0 {
		v += s.noise * s.rng.NormFloat64()
	}
	return uint8(math.Round(255 * min(max(v, 0), 1)))
}

// at is the colour of a point: of the object in front, or of the ground.
func (s *scene) at(p point) rgb {
	for i := len(s.placed) - 1; i >= 0; i-- {
		if c, hit := s.placed[i].paint(p); hit {
			return c
		}
	}
	c := s.ground(p)
	for i := range s.placed {
		if s.placed[i].shadow && s.placed[i].covers(point{p.x - 0.05, p.y - 0.06}) {
			return c.scale(0.62)
		}
	}
	return c
}

// local is a point of the image in the object's plane.
func (o *placed) local(p point) point {
	x, y := (p.x-o.at.x)/o.radius, (p.y-o.at.y)/o.radius
	x, y = x*o.cos+y*o.sin, (y*o.cos-x*o.sin)/o.squeeze
	depth := max(1+o.tilt*x, 0.45) // farther out the plane would turn back on itself
	return point{x * depth, y * depth}
}

func (o *placed) covers(p point) bool { return insides[o.shape](o.local(p)) }

// paint is the object's colour at a point of the image, if it is there.
func (o *placed) paint(p point) (rgb, bool) {
	q := o.local(p)
	if q.x*q.x+q.y*q.y > 2.2 {
		return rgb{}, false
	}
	if insides[o.shape](q) {
		if o.marked(q) {
			return o.markColor, true
		}
		return o.fillColor, true
	}
	if o.edgeWidth > 0 {
		f := 1 / (1 + o.edgeWidth)
		if insides[o.shape](point{q.x * f, q.y * f}) {
			return o.edge, true
		}
	}
	return rgb{}, false
}
