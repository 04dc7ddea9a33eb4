package label

import (
	"strconv"
	"strings"

	"react/results/evaluation"
)

// Metric is the label of a figure of a set: of an evaluation with its title before it, of a stage
// and of an evaluation of pairs without, since those figures say themselves what they are of.
func Metric(set, name string) Label {
	if evaluation.IsStage(set) || set == "*" || evaluation.JudgesPairs(name) {
		return labelOf(set, name).after("")
	}
	return InFull(set, name)
}

// InFull is the label with the set before it, whatever that is.
func InFull(set, name string) Label { return labelOf(set, name).after(Title(set)) }

// labelOf is made of a metric's words, or of its name where nothing in package evaluation has it.
func labelOf(set, name string) Label {
	m, ok := evaluation.MetricOf(set, name)
	if !ok {
		m, ok = evaluation.Any(name)
	}
	if !ok {
		return Label{Short: name}
	}
	l := Label{m.Short, m.Long, m.Unit}
	if strings.Contains(m.Name, "K") {
		k := strconv.Itoa(m.K(name))
		l.Short, l.Long = strings.Replace(l.Short, "K", k, 1), strings.Replace(l.Long, "K", k, 1)
	}
	return l
}
