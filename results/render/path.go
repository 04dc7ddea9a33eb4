package render

import (
	"fmt"
	"math"
	"strconv"
)

// parsePath reads the commands M L H V and m l h v, half circles by A and a,
// and z.
func parsePath(d string) ([]segment, error) {
	p := pathReader{text: d}
	for p.more() {
		if err := p.step(); err != nil {
			return nil, fmt.Errorf("path %q: at byte %d: %w", d, p.at, err)
		}
	}
	return p.steps, nil
}

type pathReader struct {
	text       string
	at         int
	command    byte
	now, start point
	steps      []segment
}

// more skips what parts numbers and reads the next command, where there is one.
func (p *pathReader) more() bool {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == ',') {
		p.at++
	}
	if p.at == len(p.text) {
		return false
	}
	if c := p.text[p.at]; c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
		p.command = c
		p.at++
	} else if p.command == 'M' { // numbers after those of a move are lines
		p.command = 'L'
	} else if p.command == 'm' {
		p.command = 'l'
	}
	return true
}

func (p *pathReader) step() error {
	base := point{}
	relative := p.command >= 'a'
	if relative {
		base = p.now
	}
	op := p.command
	if relative {
		op -= 'a' - 'A'
	}
	want := map[byte]int{'M': 2, 'L': 2, 'H': 1, 'V': 1, 'A': 7, 'Z': 0}
	count, known := want[op]
	if !known {
		return fmt.Errorf("command %q is not one that drawings use", p.command)
	}
	v := make([]float64, count)
	for i := range v {
		var err error
		if v[i], err = p.number(); err != nil {
			return err
		}
	}
	to := p.now
	switch op {
	case 'M', 'L':
		to = point{base.x + v[0], base.y + v[1]}
	case 'H':
		to.x, op = base.x+v[0], 'L'
	case 'V':
		to.y, op = base.y+v[0], 'L'
	case 'A':
		to = point{base.x + v[5], base.y + v[6]}
		if chord := math.Hypot(to.x-p.now.x, to.y-p.now.y); v[0] != v[1] || math.Abs(chord-2*v[0]) > 1e-6*chord {
			return fmt.Errorf("an arc that is not half a circle")
		}
		p.steps = append(p.steps, halfCircle(p.now, to, v[4] == 1)...)
		p.now = to
		return nil
	case 'Z':
		p.now = p.start
		p.steps = append(p.steps, segment{op: 'Z'})
		return nil
	}
	if op == 'M' {
		p.start = to
	}
	p.now = to
	p.steps = append(p.steps, segment{op, []point{to}})
	return nil
}

// number reads the next number; a sign may begin it without a space before.
func (p *pathReader) number() (float64, error) {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == ',') {
		p.at++
	}
	from := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		if !(c >= '0' && c <= '9' || c == '.' || (c == '-' || c == '+') && p.at == from) {
			break
		}
		p.at++
	}
	return strconv.ParseFloat(p.text[from:p.at], 64)
}

// halfCircle is two quarter circles as cubic curves; sweep is clockwise as seen,
// with y downwards.
func halfCircle(from, to point, sweep bool) []segment {
	const k = 0.5522847498307936 // control points of a quarter circle, off by 0.03 % of its radius at most
	centre := point{(from.x + to.x) / 2, (from.y + to.y) / 2}
	a := point{from.x - centre.x, from.y - centre.y}
	b := point{-a.y, a.x} // a quarter on
	if !sweep {
		b = point{a.y, -a.x}
	}
	at := func(i, j float64) point { return point{centre.x + i*a.x + j*b.x, centre.y + i*a.y + j*b.y} }
	return []segment{
		{'C', []point{at(1, k), at(k, 1), at(0, 1)}},
		{'C', []point{at(-k, 1), at(-1, k), at(-1, 0)}},
	}
}
