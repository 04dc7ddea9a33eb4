package pairs

import (
	"maps"
	"slices"

	"react/data/lost"
	"react/ops/op"
)

// PairsReport is report.json: what came of retrieval, for each class too.
type PairsReport struct {
	counts
	Unique    int          `json:"unique"`    // pairs
	PoolRows  int64        `json:"poolRows"`  // rows of the embeddings folder
	Share     float64      `json:"share"`     // Unique / PoolRows
	Found     int          `json:"found"`     // hits kept, before the union
	Collision int          `json:"collision"` // pairs found for more than one class
	Labelled  bool         `json:"labelled"`  // the pool knows labels, so precision means something
	Precision float64      `json:"precision"` // pairs whose label is a class they were found for
	Relevant  float64      `json:"relevant"`  // pairs whose label is any class of the task
	Classes   []classPairs `json:"classes"`
}

// classPairs is the report of one class.
type classPairs struct {
	Class     string  `json:"class"`
	Pairs     int     `json:"pairs"`     // found for it
	Precision float64 `json:"precision"` // of them, with its label
}

func (m *maker) report(list []Pair) PairsReport {
	m.counts.Bad = int(m.images.lost.By[lost.Undecodable])
	m.counts.NoImage = m.images.numLost() - m.counts.Bad
	r := PairsReport{counts: m.counts, Unique: len(list), PoolRows: m.poolRows()}
	r.Share = float64(r.Unique) / float64(r.PoolRows)
	class := map[string]int{}
	r.Classes = make([]classPairs, len(m.classes))
	for i, name := range m.classes {
		class[name] = i
		r.Classes[i].Class = name
	}
	right, relevant := 0, 0
	hits := make([]int, len(m.classes))
	for _, pair := range list {
		r.Labelled = r.Labelled || pair.Label != ""
		if _, ok := class[pair.Label]; ok {
			relevant++
		}
		found := map[string]bool{}
		for _, f := range pair.Found {
			found[f.Class] = true
		}
		for _, name := range slices.Sorted(maps.Keys(found)) {
			c := class[name]
			r.Classes[c].Pairs++
			if pair.Label == name {
				hits[c]++
			}
		}
		r.Found += len(pair.Found)
		if len(found) > 1 {
			r.Collision++
		}
		if found[pair.Label] {
			right++
		}
	}
	r.Precision = float64(right) / float64(len(list))
	r.Relevant = float64(relevant) / float64(len(list))
	for i := range r.Classes {
		if r.Classes[i].Pairs > 0 {
			r.Classes[i].Precision = float64(hits[i]) / float64(r.Classes[i].Pairs)
		}
	}
	return r
}

// poolRows is the number of rows that pairs could come from.
func (m *maker) poolRows() int64 {
	if m.alive != nil {
		return m.alive.Count()
	}
	return m.folder.Rows()
}

// rows are what tables can show; precision only where labels are known, and where rows were found
// for classes.
func (r PairsReport) rows() []op.MetricRow {
	rows := []op.MetricRow{
		{Metric: "unique", Value: float64(r.Unique), N: r.Unique},
		{Metric: "share", Value: r.Share, N: int(r.PoolRows)},
		{Metric: "shortfall", Value: float64(r.Shortfall), N: r.Wanted},
	}
	if r.Labelled && len(r.Classes) > 0 {
		if r.Found > 0 {
			rows = append(rows, op.MetricRow{Metric: "precision", Value: r.Precision, N: r.Unique})
		}
		rows = append(rows, op.MetricRow{Metric: "relevant", Value: r.Relevant, N: r.Unique})
	}
	for _, c := range r.Classes {
		rows = append(rows, op.MetricRow{Metric: "pairs", Value: float64(c.Pairs), N: r.Unique, Class: c.Class})
	}
	return rows
}
