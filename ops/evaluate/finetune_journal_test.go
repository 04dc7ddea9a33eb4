package evaluate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"react/ops/blas"
	"react/ops/engine"
	"react/ops/internal/optest"
	"react/ops/op"
)

// TestDamagedJournal: a journal in which one bit has changed, or logits, are not gone on from.
func TestDamagedJournal(t *testing.T) {
	partial := filepath.Join(t.TempDir(), "partial")
	on, err := engine.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	defer on.Close()
	said := ""
	open := func() *fineTuneJournal {
		t.Helper()
		said = ""
		run := &op.Run{Partial: partial, Warn: func(format string, args ...any) { said = fmt.Sprintf(format, args...) }}
		j, err := openJournal(run, on)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	keep := func() {
		t.Helper()
		j := open()
		j.run(finalRun).Scores = map[int]float64{0: 0.25, 3: 0.5}
		for _, value := range []float32{1, 2, 3} {
			err := errors.Join(j.keepLogits(blas.Matrix{Rows: 1, Cols: 2, Values: []float32{value, 0}}), j.save())
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	keep()
	whole := open()
	logits, err := whole.logits()
	if err != nil || said != "" || logits.Values[0] != 3 || whole.run(finalRun).Scores[3] != 0.5 {
		t.Fatalf("whole: %v, %v, said %q", logits, err, said)
	}
	raw, err := os.ReadFile(filepath.Join(partial, journalFile))
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(partial, "*.npy"))
	if len(files) > 2 {
		t.Errorf("logits are not cleared: %v", files)
	}
	for at := range raw {
		keep()
		changed := slices.Clone(raw)
		changed[at] ^= 1
		if err := os.WriteFile(filepath.Join(partial, journalFile), changed, 0o666); err != nil {
			t.Fatal(err)
		}
		if j := open(); len(j.Runs) > 0 && !reflect.DeepEqual(j.Runs, whole.Runs) {
			t.Errorf("byte %d, %q: %+v, said %q", at, raw[at], j.Runs, said)
		}
	}
	keep()
	optest.FlipByte(t, filepath.Join(partial, logitsOf(open().Logits)))
	if j := open(); len(j.Runs) > 0 || !strings.Contains(said, "logits-") {
		t.Errorf("damaged logits: %+v, said %q", j.Runs, said)
	}
}
