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

// compare prints each stage that came out otherwise, then the metrics.
func (r *reproduction) compare(stages []*plan.Stage, entries map[string]store.Entry) error {
	differ, unknown := 0, 0
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
		if in := r.otherInput(then); in != "" {
			differ++
			fmt.Fprintf(r.Stdout, "%s %s: the record contradicts itself: it was made from other bytes of %s than are on record\n", stage.Op, cli.Short(stage.Key), cli.Short(in))
		}
		if differing := r.difference(then, e); differing != "" {
			differ++
			fmt.Fprintf(r.Stdout, "%s %s differs: %s; engine %s then, %s now\n", stage.Op, cli.Short(stage.Key), differing, cmp.Or(then.Engine, "-"), cmp.Or(record.OutputOf(e.Manifest).Engine, "-"))
		}
	}
	if unknown > 0 {
		fmt.Fprintf(r.Stdout, "%s have no digest on record (the sweep did not end)\n", words.Plural(unknown, "stage"))
	}
	changed, err := r.compareMetrics(entries)
	if err != nil {
		return err
	}
	if differ > 0 || changed > 0 {
		return errDiffers
	}
	fmt.Fprintln(r.Stdout, "every output has the bytes on record, every metric its value")
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

// compareMetrics prints the metrics beside those on record.
func (r *reproduction) compareMetrics(entries map[string]store.Entry) (changed int, err error) {
	now, err := record.MetricsOf(r.of.Trial.Stages, func(key string) (store.Entry, bool) { e, ok := entries[key]; return e, ok })
	if err != nil {
		return 0, err
	}
	then, err := record.RecordedMetrics(r.of.Sweep, r.of.Trial)
	if err != nil {
		return 0, err
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
			fmt.Fprintf(r.Stdout, "%s %s, was %s (%.2g off)\n", m.Name(), cli.JSONText(m.Value), cli.JSONText(was), math.Abs(m.Value-was))
		}
	}
	return changed, nil
}
