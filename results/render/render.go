// Package render turns the drawings of package results, which are SVG, into PDF
// and PNG. One drawing gives all three, so that they show the same.
//
// It reads the part of SVG that those drawings use and nothing else: rect,
// circle, path, text and g with numbers as attributes; an element or attribute
// value that it does not know is an error, never left out. PDF is written by
// go-pdf, PNG by gg, both with Liberation Sans, which has the measures of the
// Helvetica that the SVG asks for; PDF embeds the characters that it shows. The
// same SVG gives the same bytes.
package render

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// drawing is an SVG in its natural size, in CSS pixels (96 to the inch).
type drawing struct {
	title         string
	width, height float64
	shapes        []shape
}

// shape is a path or a text; which of the two, texts tells.
type shape struct {
	path []segment
	text text

	fill, stroke *colour // nil: none
	width        float64 // of the stroke
	dashes       []float64
}

// segment is one step of a path.
type segment struct {
	op     byte // M, L, C or Z
	points []point
}

type point struct{ x, y float64 }

// text stands with the start, middle or end of its baseline at a point.
type text struct {
	value  string
	at     point
	anchor string  // "start", "middle" or "end"
	size   float64 // of the font
	bold   bool
	turned bool // upwards, by a quarter
}

type colour struct{ r, g, b uint8 }

// frame is what an element hands down to those in it.
type frame struct {
	dx, dy float64
	turned bool
	fill   *colour
	size   float64
}

// parse reads a drawing.
func parse(svg []byte) (*drawing, error) {
	d := &drawing{}
	dec := xml.NewDecoder(strings.NewReader(string(svg)))
	frames := []frame{{fill: &colour{}, size: 16}}
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			if d.width <= 0 || d.height <= 0 {
				return nil, errors.New("no drawing: an svg element with its width and height is missing")
			}
			return d, nil
		}
		if err != nil {
			return nil, err
		}
		switch e := token.(type) {
		case xml.StartElement:
			here := element{e, frames[len(frames)-1]}
			if e.Name.Local == "title" || e.Name.Local == "text" {
				err = d.addWords(dec, here) // up to its end
			} else {
				here.frame, err = d.element(here)
				frames = append(frames, here.frame)
			}
			if err != nil {
				return nil, fmt.Errorf("<%s>: %w", e.Name.Local, err)
			}
		case xml.EndElement:
			frames = frames[:len(frames)-1]
		}
	}
}

// element is a start tag with what it inherits.
type element struct {
	xml.StartElement
	frame
}

// element adds what a tag draws, and gives what the tags inside it inherit.
func (d *drawing) element(e element) (frame, error) {
	inner := e.frame
	var err error
	switch e.Name.Local {
	case "svg":
		n := numbers{e: e}
		d.width, d.height, inner.size = n.get("width", 0), n.get("height", 0), n.get("font-size", 16)
		inner.fill, err = e.colour("fill", e.frame.fill)
		return inner, errors.Join(err, n.err)
	case "g":
		inner.dx, inner.dy, inner.turned, err = e.transform()
		return inner, err
	case "rect", "circle", "path":
		err = d.addPath(e)
	default:
		err = errors.New("this element is not one that drawings use")
	}
	return inner, err
}

func (d *drawing) addPath(e element) error {
	s, err := e.paint(e.frame.fill)
	if err != nil {
		return err
	}
	n := numbers{e: e}
	var steps []segment
	switch e.Name.Local {
	case "rect":
		x, y, w, h := n.get("x", 0), n.get("y", 0), n.get("width", 0), n.get("height", 0)
		steps = []segment{{'M', []point{{x, y}}}, {'L', []point{{x + w, y}}}, {'L', []point{{x + w, y + h}}}, {'L', []point{{x, y + h}}}, {op: 'Z'}}
	case "circle":
		x, y, r := n.get("cx", 0), n.get("cy", 0), n.get("r", 0)
		steps = append([]segment{{'M', []point{{x - r, y}}}}, append(halfCircle(point{x - r, y}, point{x + r, y}, true), halfCircle(point{x + r, y}, point{x - r, y}, true)...)...)
		steps = append(steps, segment{op: 'Z'})
	default:
		steps, err = parsePath(e.attr("d"))
	}
	if err = errors.Join(err, n.err); err != nil {
		return err
	}
	dx, dy, turned, err := e.transform()
	if turned {
		err = errors.New("a turned path")
	}
	for i := range steps {
		for j, p := range steps[i].points {
			steps[i].points[j] = point{p.x + dx, p.y + dy}
		}
	}
	s.path = steps
	d.shapes = append(d.shapes, s)
	return err
}

// addWords reads a title or a text, up to its end tag.
func (d *drawing) addWords(dec *xml.Decoder, e element) error {
	var words struct {
		Text string `xml:",chardata"`
	}
	if err := dec.DecodeElement(&words, &e.StartElement); err != nil {
		return err
	}
	if e.Name.Local == "title" {
		d.title = words.Text
		return nil
	}
	s, err := e.paint(e.frame.fill)
	n := numbers{e: e}
	dx, dy, turned, bad := e.transform()
	s.text = text{value: words.Text, at: point{n.get("x", 0) + dx, n.get("y", 0) + dy}, anchor: cmp.Or(e.attr("text-anchor"), "start"),
		size: n.get("font-size", e.size), bold: e.attr("font-weight") == "bold", turned: turned}
	d.shapes = append(d.shapes, s)
	return errors.Join(err, bad, n.err)
}

// paint reads fill and stroke.
func (e element) paint(fill *colour) (s shape, err error) {
	n := numbers{e: e}
	s.width = n.get("stroke-width", 1)
	if s.fill, err = e.colour("fill", fill); err == nil {
		s.stroke, err = e.colour("stroke", nil)
	}
	for _, word := range strings.FieldsFunc(e.attr("stroke-dasharray"), isBetween) {
		v, bad := strconv.ParseFloat(word, 64)
		s.dashes, err = append(s.dashes, v), errors.Join(err, bad)
	}
	return s, errors.Join(err, n.err)
}

func isBetween(r rune) bool { return r == ' ' || r == ',' }

func (e element) attr(name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// colour reads #rgb, #rrggbb or none.
func (e element) colour(name string, inherited *colour) (*colour, error) {
	value := e.attr(name)
	switch {
	case value == "":
		return inherited, nil
	case value == "none":
		return nil, nil
	case len(value) == 4:
		value = "#" + strings.Repeat(value[1:2], 2) + strings.Repeat(value[2:3], 2) + strings.Repeat(value[3:4], 2)
	}
	rgb, err := strconv.ParseUint(strings.TrimPrefix(value, "#"), 16, 24)
	if err != nil || len(value) != 7 {
		return nil, fmt.Errorf("%s: %q is not a colour such as #0072b2", name, value)
	}
	return &colour{uint8(rgb >> 16), uint8(rgb >> 8), uint8(rgb)}, nil
}

// transform reads "translate(x y)", alone or with "rotate(-90)", on top of what
// is inherited.
func (e element) transform() (dx, dy float64, turned bool, err error) {
	value := e.attr("transform")
	if value == "" {
		return e.dx, e.dy, e.frame.turned, nil
	}
	if e.frame.turned {
		return 0, 0, false, errors.New("transform: inside what is turned")
	}
	move, turned := strings.CutSuffix(value, " rotate(-90)")
	if _, err = fmt.Sscanf(move, "translate(%g %g)", &dx, &dy); err != nil {
		err = fmt.Errorf("transform: %q is not translate(x y), alone or with rotate(-90)", value)
	}
	return e.dx + dx, e.dy + dy, turned, err
}

// numbers reads attributes and keeps the first error.
type numbers struct {
	e   element
	err error
}

func (n *numbers) get(name string, absent float64) float64 {
	value := n.e.attr(name)
	if value == "" {
		return absent
	}
	v, err := strconv.ParseFloat(value, 64)
	if (err != nil || math.IsInf(v, 0) || math.IsNaN(v)) && n.err == nil {
		n.err = fmt.Errorf("%s: %q is not a number", name, value)
	}
	return v
}
