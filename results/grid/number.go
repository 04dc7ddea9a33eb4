package grid

import (
	"math"
	"path"
	"strconv"
	"strings"

	"react/results/evaluation"
	"react/results/label"
)

// makeMetrics decides how each metric is shown, but for the decimals.
func (b *builder) makeMetrics() {
	for _, name := range b.spec.Metrics {
		set, metric := splitMetric(name)
		words := label.Metric(set, metric)
		m := Metric{Name: name, Set: set, Shown: words.Short, long: words.Long, Unit: words.Unit}
		if text, ok := b.spec.Labels[name]; ok {
			m.Shown, m.long = text, text
		}
		if unit, ok := b.spec.Units[name]; ok {
			m.Unit = unit
		}
		known, _ := evaluation.MetricOf(set, metric)
		m.Percent = known.Percent || matches(b.spec.Percent, metric)
		if m.Percent || known.Best < 0 { // of plain numbers only a loss has a best
			m.Best = known.Best
		}
		b.grid.Metrics = append(b.grid.Metrics, m)
	}
	b.tellApart()
}

// tellApart puts the set before metrics that would be called the same.
func (b *builder) tellApart() {
	count := map[string]int{}
	for _, m := range b.grid.Metrics {
		count[m.Shown]++
	}
	for i := range b.grid.Metrics {
		m := &b.grid.Metrics[i]
		if _, own := b.spec.Labels[m.Name]; count[m.Shown] > 1 && !own {
			_, metric := splitMetric(m.Name)
			m.Shown = label.InFull(m.Set, metric).Short
		}
	}
}

func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		if ok, err := path.Match(p, name); ok && err == nil {
			return true
		}
	}
	return false
}

// chooseFormat sets the decimals of a metric: the spec's for percent, none for
// counts, else enough for three or four digits of the largest mean.
func (b *builder) chooseFormat(metric int) {
	m := &b.grid.Metrics[metric]
	if d, ok := b.spec.Digits[m.Name]; ok {
		m.Decimals, m.chosen = d, true
		return
	}
	if m.Percent {
		m.Decimals = b.spec.decimals()
		return
	}
	largest, whole := 0.0, true
	for _, line := range b.grid.Lines {
		for _, c := range line.Cells[metric] {
			if math.IsNaN(c.Mean) {
				continue
			}
			largest = math.Max(largest, math.Abs(c.Mean))
			for _, p := range c.Points {
				whole = whole && p.Value == math.Trunc(p.Value)
			}
		}
	}
	switch {
	case whole && largest < 1e15:
		m.Decimals = 0
	case largest >= 1e7 || largest < 1e-3:
		m.general, m.Decimals = true, 4
	default:
		m.Decimals = max(1, 3-int(math.Floor(math.Log10(largest))))
	}
}

// Format writes v as the metric is shown: "46.2", "-0.013", "1.3e-05".
func (m Metric) Format(v float64) string { return m.formatTo(v, m.Decimals) }

// FormatSpread writes a standard deviation: counts get one decimal there.
func (m Metric) FormatSpread(v float64) string {
	if !m.Percent && m.Decimals == 0 && !m.chosen {
		return m.formatTo(v, 1)
	}
	return m.Format(v)
}

// FormatMean writes a mean: that of counts may be no whole number.
func (m Metric) FormatMean(v float64) string {
	if !m.Percent && m.Decimals == 0 && !m.chosen && v != math.Trunc(v) {
		return m.formatTo(v, 1)
	}
	return m.Format(v)
}

func (m Metric) formatTo(v float64, decimals int) string {
	if math.IsNaN(v) {
		return "NaN"
	}
	if m.general {
		return strconv.FormatFloat(v, 'g', decimals, 64)
	}
	if m.Percent {
		v *= 100
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-") // no minus before a zero
	}
	return s
}

// FormatSigned is format with a plus before what is above zero.
func (m Metric) FormatSigned(v float64) string {
	s := m.FormatMean(v)
	if v > 0 && strings.Trim(s, "0.") != "" {
		return "+" + s
	}
	return s
}

// Title is the metric as a column head.
func (m Metric) Title() string {
	switch {
	case m.Percent:
		return m.Shown + " (%)"
	case m.Unit != "":
		return m.Shown + " (" + m.Unit + ")"
	}
	return m.Shown
}

// FormatEnd writes an end of an interval. One that rounds to zero gets more
// decimals, so that an interval that leaves out 0 is seen to.
func (m Metric) FormatEnd(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "+∞"
	case math.IsInf(v, -1):
		return "-∞"
	}
	text := m.FormatSigned(v)
	for more := 1; v != 0 && strings.Trim(text, "+-0.") == "" && more <= 3 && !m.general; more++ {
		text = m.formatTo(v, m.Decimals+more)
		if v > 0 {
			text = "+" + text
		}
	}
	return text
}

// FormatP writes a p value with three decimals: "0.034", "<0.001"; with more
// where a p below 0.05 would read as 0.05.
func FormatP(p float64) string {
	switch {
	case p < 0.001:
		return "<0.001"
	case p > 0.999:
		return "1.000"
	}
	decimals := 3
	for p < significance && math.Round(p*math.Pow10(decimals)) >= significance*math.Pow10(decimals) && decimals < 9 {
		decimals++
	}
	return strconv.FormatFloat(p, 'f', decimals, 64)
}
