package reproduce

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"react/data/words"
	"react/runner/cli"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/store"
)

// errDiffers is the end of a reproduce --verify that found a difference.
var errDiffers = errors.New("what was made differs from the record")

// compare prints each stage that came out otherwise, then the metrics. Where another engine or
// another number of devices computed than on record, other bytes are rounding, and the metrics
// decide.
func (r *reproduction) compare(stages []*plan.Stage, entries map[string]store.Entry) error {
	differ, contradictions, unknown, elsewhere := 0, 0, 0, ""
	for _, stage := range stages {
		e, ok := entries[stage.Key]
		if !ok {
			continue // nothing that ran read it
		}
		then, known := r.outputs[stage.Key]
		if !known {
			unknown++
			continue
		}
		was, is := then.On(), record.OutputOf(e.Manifest).On()
		elsewhere = cmp.Or(elsewhere, otherwise(was, is))
		if in := r.otherInput(then); in != "" {
			contradictions++
			fmt.Fprintf(r.Stdout, "%s %s: the record contradicts itself: it was made from other bytes of %s than are on record\n", stage.Op, cli.Short(stage.Key), cli.Short(in))
		}
		if differing := r.difference(then, e); differing != "" {
			differ++
			fmt.Fprintf(r.Stdout, "%s %s differs: %s; engine %s then, %s now\n", stage.Op, cli.Short(stage.Key), differing, cmp.Or(was, "-"), cmp.Or(is, "-"))
		}
	}
	if unknown > 0 {
		fmt.Fprintf(r.Stdout, "%s have no digest on record (the sweep did not end)\n", words.Plural(unknown, "stage"))
	}
	changed, far, err := r.compareMetrics(entries)
	switch {
	case err != nil:
		return err
	case differ+contradictions+changed == 0:
		fmt.Fprintln(r.Stdout, "every output has the bytes on record, every metric its value")
		return nil
	case contradictions > 0 || elsewhere == "" || far > 0:
		return errDiffers
	}
	fmt.Fprintf(r.Stdout, "%s, which rounds otherwise: no metric is further from the record than rounding explains (0.3 points, or two answers of a small test set)\n", elsewhere)
	return nil
}

// otherInput is an input of which an output on record read other bytes than the
// record has of it, "" for none.
func (r *reproduction) otherInput(then record.Output) string {
	for _, in := range slices.Sorted(maps.Keys(then.Inputs)) {
		if output, known := r.outputs[in]; known && output.SHA256 != then.Inputs[in] {
			return in
		}
	}
	return ""
}

// difference says what differs from the output of then, "" when nothing does.
// File by file it can be told where the record's store still has that output,
// or its manifest; else there is one digest for all.
func (r *reproduction) difference(then record.Output, now store.Entry) string {
	if record.OutputOf(now.Manifest).SHA256 == then.SHA256 {
		return ""
	}
	old, ok, err := r.from.Lookup(now.Key)
	if !ok || err != nil {
		return "which files cannot be told, the output of then is gone"
	}
	return strings.Join(differingOutputs(old, now), ", ")
}

// compareMetrics prints the metrics beside those on record, and counts those that changed, and those
// that changed by more than rounding explains.
func (r *reproduction) compareMetrics(entries map[string]store.Entry) (changed, far int, err error) {
	now, err := record.MetricsOf(r.of.Trial.Stages, func(key string) (store.Entry, bool) { e, ok := entries[key]; return e, ok })
	if err != nil {
		return 0, 0, err
	}
	then, err := record.RecordedMetrics(r.of.Sweep, r.of.Trial)
	if err != nil {
		return 0, 0, err
	}
	of := map[string]float64{}
	for _, m := range then {
		of[m.Name()] = m.Value
	}
	for _, m := range now {
		was, known := of[m.Name()]
		switch {
		case !known:
			fmt.Fprintf(r.Stdout, "%s %s (not on record)\n", m.Name(), cli.JSONText(m.Value))
		case was == m.Value:
			fmt.Fprintf(r.Stdout, "%s %s\n", m.Name(), cli.JSONText(m.Value))
		default:
			changed++
			if !isRounding(was, m.Value, m.N) {
				far++
			}
			fmt.Fprintf(r.Stdout, "%s %s, was %s (%.2g off)\n", m.Name(), cli.JSONText(m.Value), cli.JSONText(was), math.Abs(m.Value-was))
		}
	}
	return changed, far, nil
}
