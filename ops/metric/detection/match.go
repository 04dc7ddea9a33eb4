package detection

import (
	"math"

	"react/data/coco"
	"react/data/coco/rle"
	"react/results"
	"react/results/dense"
)

// matcher matches the findings of one cell with its objects. It keeps its memory between cells.
type matcher struct {
	masks, zeroIsNone bool

	objects   []object
	trueMasks []rle.Mask
	findings  []*coco.Detection // scores downwards
	forgive   bool              // objects may be missing, so that wrong findings are neutral

	overlaps []float64 // [findings, objects]
	best     []float64 // of each finding
	order    []int     // of objects: neutral ones last
	neutral  []bool    // of objects, in one range of areas
	taken    []bool
}

// object is a true object.
type object struct {
	box     coco.Box
	area    float64
	crowd   bool // of many objects: may be found again and again
	neutral bool
	id      int64
}

// areas are the ranges of areas in pixels: all, small, medium, large. Both ends are in.
var areas = [results.Areas][2]float64{{0, 1e10}, {0, 32 * 32}, {32 * 32, 96 * 96}, {96 * 96, 1e10}}

// overlapAt is from which overlap on a finding is a hit.
var overlapAt = func() (at [results.Thresholds]float64) {
	for t := range at {
		at[t] = math.Min(dense.Overlap(t), 1-1e-10)
	}
	return at
}()

func (m *matcher) reset() {
	m.objects, m.trueMasks, m.findings = m.objects[:0], m.trueMasks[:0], m.findings[:0]
}

// match sets the row's objects and the bits of its findings.
func (m *matcher) match(row *results.Found) {
	m.compare()
	for area, limits := range areas {
		row.Objects[area] = m.sort(limits)
		for i, d := range m.findings {
			if m.best[i] < overlapAt[0] { // it hits nothing at any threshold
				if m.missIsNeutral(d, limits) {
					row.Findings[i].Neutral |= (results.Bit(0, results.Thresholds) - 1) << (area * results.Thresholds)
				}
			}
		}
		for threshold, least := range overlapAt {
			clear(m.taken)
			for i, d := range m.findings {
				if m.best[i] >= overlapAt[0] {
					m.one(&row.Findings[i], i, least, results.Bit(area, threshold), m.missIsNeutral(d, limits))
				}
			}
		}
	}
}

// compare fills overlaps.
func (m *matcher) compare() {
	n := len(m.objects)
	if m.masks && n > 0 && len(m.findings) > 0 {
		crowd := make([]bool, n)
		for i, o := range m.objects {
			crowd[i] = o.crowd
		}
		m.overlaps = rle.IoU(masksOf(m.findings), m.trueMasks, crowd)
	} else {
		m.overlaps = m.overlaps[:0]
		for _, d := range m.findings {
			for j := range m.objects {
				m.overlaps = append(m.overlaps, rle.BoxIoU(d.Box, m.objects[j].box, m.objects[j].crowd))
			}
		}
	}
	m.best = m.best[:0]
	for i := range m.findings {
		best := 0.0
		for _, v := range m.overlaps[i*n : (i+1)*n] {
			best = max(best, v)
		}
		m.best = append(m.best, best)
	}
}

// sort puts objects that are neutral in a range of areas after the others, whose number it returns.
func (m *matcher) sort(limits [2]float64) (count int) {
	m.order, m.neutral, m.taken = m.order[:0], m.neutral[:0], m.taken[:0]
	for i, o := range m.objects {
		neutral := o.neutral || outside(o.area, limits)
		m.neutral, m.taken = append(m.neutral, neutral), append(m.taken, false)
		if !neutral {
			m.order = append(m.order, i)
		}
	}
	count = len(m.order)
	for i, neutral := range m.neutral {
		if neutral {
			m.order = append(m.order, i)
		}
	}
	return count
}

func outside(area float64, limits [2]float64) bool { return area < limits[0] || area > limits[1] }

// missIsNeutral says whether a finding without an object is neutral.
func (m *matcher) missIsNeutral(d *coco.Detection, limits [2]float64) bool {
	return m.forgive || outside(d.Area, limits)
}

// one gives a finding the object that it overlaps most, of equal ones the last; an object that
// counts goes before any neutral one. A crowd is never taken.
func (m *matcher) one(f *results.Finding, at int, least float64, bit uint64, missIsNeutral bool) {
	hit := -1
	overlaps := m.overlaps[at*len(m.objects) : (at+1)*len(m.objects)]
	for _, o := range m.order {
		if m.taken[o] && !m.objects[o].crowd {
			continue
		}
		if hit >= 0 && !m.neutral[hit] && m.neutral[o] {
			break
		}
		if overlaps[o] >= least {
			hit, least = o, overlaps[o]
		}
	}
	if hit >= 0 {
		m.taken[hit] = true
	}
	switch none := hit >= 0 && m.zeroIsNone && m.objects[hit].id == 0; {
	case hit >= 0 && m.neutral[hit], (hit < 0 || none) && missIsNeutral:
		f.Neutral |= bit
	case hit >= 0 && !none:
		f.Hits |= bit
	}
}
