package export

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// clock is a time that goes on by half a second with each look at it.
func clock() func() time.Time {
	at := time.UnixMilli(1_700_000_000_000)
	return func() time.Time {
		at = at.Add(500 * time.Millisecond)
		return at
	}
}

// take adds steps of a training as an attempt does.
func take(t *testing.T, e *Events, now func() time.Time, from, to int) {
	t.Helper()
	err := e.Begin(int64(from))
	for step := from; step <= to && err == nil; step++ {
		err = e.Add(int64(step), now(), Scalar{"tune/loss", 1 / float64(step)}, Scalar{"tune/lr", 1e-3})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestEventsGolden holds the bytes that TensorBoard has been seen to read.
func TestEventsGolden(t *testing.T) {
	dir, now := t.TempDir(), clock()
	e, err := OpenEvents(filepath.Join(dir, "run"), now)
	if err != nil {
		t.Fatal(err)
	}
	take(t, e, now, 1, 3)
	if err := e.HParams(now(), "3de69210", map[string]any{"retrieve.k": 8.0, "tune.mode": "full", "on": true}); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := e.Add(3, now(), Scalar{"task/acc@1", 0.5}); err != nil { // into the same file
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "run", "events.out.tfevents.1700000001.runner"))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "live.golden", got)
	for tag, want := range map[string]int64{"tune/loss": 3, "task/acc@1": 3, HParamsTag: 0, "none": -1} {
		if again, err := OpenEvents(filepath.Join(dir, "run"), now); err != nil || again.Last(tag) != want || e.Last(tag) != want {
			t.Errorf("%s: got %d, read again %d (%v), want %d", tag, e.Last(tag), again.Last(tag), err, want)
		}
	}
}

// seen is an event as the test reads it, by the formats' own rules.
type seen struct {
	at      float64
	step    int64
	start   bool
	scalars map[string]float32
}

// readFile reads the records of a file, and how many bytes are left behind the last whole one.
func readFile(t *testing.T, path string) (events []seen, torn int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for len(data) >= 16 {
		n := int(binary.LittleEndian.Uint64(data))
		if binary.LittleEndian.Uint32(data[8:]) != mask(data[:8]) {
			t.Fatalf("%s: event %d: wrong checksum of the length %d", path, len(events), n)
		}
		if len(data) < 16+n {
			break
		}
		if binary.LittleEndian.Uint32(data[12+n:]) != mask(data[12:12+n]) {
			t.Fatalf("%s: event %d: wrong checksum", path, len(events))
		}
		events = append(events, decode(t, data[12:12+n]))
		data = data[16+n:]
	}
	return events, len(data)
}

func decode(t *testing.T, body []byte) seen {
	t.Helper()
	e := seen{scalars: map[string]float32{}}
	for len(body) > 0 {
		number, kind, n := protowire.ConsumeTag(body)
		value := body[n:]
		switch {
		case number == 1 && kind == protowire.Fixed64Type:
			e.at = math.Float64frombits(binary.LittleEndian.Uint64(value))
		case number == 2 && kind == protowire.VarintType:
			step, _ := protowire.ConsumeVarint(value)
			e.step = int64(step)
		case number == 3 && kind == protowire.BytesType: // the version
		case number == 5 && kind == protowire.BytesType:
			summary, _ := protowire.ConsumeBytes(value)
			for len(summary) > 0 {
				_, _, at := protowire.ConsumeTag(summary)
				one, size := protowire.ConsumeBytes(summary[at:])
				summary = summary[at+size:]
				if one[0] != 1<<3|2 {
					t.Fatalf("a value without a tag: %q", one)
				}
				tag := string(one[2 : 2+one[1]])
				if rest := one[2+one[1]:]; rest[0] == 2<<3|5 && len(rest) == 5 {
					e.scalars[tag] = math.Float32frombits(binary.LittleEndian.Uint32(rest[1:]))
				}
			}
		case number == 7 && kind == protowire.BytesType:
			log, _ := protowire.ConsumeBytes(value)
			e.start = string(log) == "\x08\x01"
		default:
			t.Fatalf("field %d of kind %d", number, kind)
		}
		body = value[protowire.ConsumeFieldValue(number, kind, value):]
	}
	return e
}

// curve is what TensorBoard shows of a value: it reads the files by their names, and every start
// but the first of a run voids what is there of its step and of later ones.
func curve(t *testing.T, dir, tag string) (steps []int64, values []float32) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	started := false
	for _, f := range files {
		events, _ := readFile(t, filepath.Join(dir, f.Name()))
		for _, e := range events {
			for e.start && started && len(steps) > 0 && steps[len(steps)-1] >= e.step {
				steps, values = steps[:len(steps)-1], values[:len(values)-1]
			}
			started = started || e.start
			if v, ok := e.scalars[tag]; ok {
				steps, values = append(steps, e.step), append(values, v)
			}
		}
	}
	return steps, values
}

// TestEventsGoOn: after a kill in the middle of a record, the next process goes on in a file of its
// own, whatever the clock says; steps that were taken again are there once.
func TestEventsGoOn(t *testing.T) {
	dir, now := t.TempDir(), clock()
	first, err := OpenEvents(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	take(t, first, now, 1, 6)
	path := first.path
	info, err := os.Stat(path)
	if err != nil || os.Truncate(path, info.Size()-5) != nil {
		t.Fatal(err)
	}
	if events, torn := readFile(t, path); len(events) != 7 || torn == 0 {
		t.Fatalf("%d events, %d bytes torn: not what a kill leaves", len(events), torn)
	}
	for attempt, from := range []int{4, 4, 8} { // state was saved after steps 3 and 7
		e, err := OpenEvents(dir, func() time.Time { return time.UnixMilli(1_600_000_000_000) })
		if err != nil {
			t.Fatal(err)
		}
		if want := []int64{5, 7, 7}[attempt]; e.Last("tune/loss") != want {
			t.Errorf("attempt %d finds step %d, want %d", attempt, e.Last("tune/loss"), want)
		}
		take(t, e, now, from, []int{7, 7, 10}[attempt])
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	steps, values := curve(t, dir, "tune/loss")
	if fmt.Sprint(steps) != "[1 2 3 4 5 6 7 8 9 10]" || values[9] != float32(1)/10 {
		t.Errorf("got steps %v, values %v", steps, values)
	}
	files, _ := os.ReadDir(dir)
	if len(files) != 4 || filepath.Join(dir, files[0].Name()) != path {
		t.Errorf("got files %v, of which the first is not %s", files, path)
	}
}

// TestEventsDamaged: whatever byte of a file is damaged, what comes before it is found.
func TestEventsDamaged(t *testing.T) {
	dir, now := t.TempDir(), clock()
	e, err := OpenEvents(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	take(t, e, now, 1, 2)
	data, err := os.ReadFile(e.path)
	if err != nil {
		t.Fatal(err)
	}
	var whole int
	for rest, ok := data, true; ok; whole++ {
		_, rest, ok = readRecord(rest)
	}
	if whole -= 1; whole != 4 { // version, start, two steps
		t.Fatalf("%d records", whole)
	}
	for at := range data {
		damaged := slices.Clone(data)
		damaged[at] ^= 0x10
		if err := os.WriteFile(e.path, damaged, 0o666); err != nil {
			t.Fatal(err)
		}
		again, err := OpenEvents(dir, now)
		if err != nil {
			t.Fatal(err)
		}
		if last := again.Last("tune/loss"); last > 1 || last == 1 && at < len(data)/2 {
			t.Errorf("byte %d of %d damaged: found step %d", at, len(data), last)
		}
	}
}

// TestEventsFolder: what is no folder is an error, and nothing is made before the first record.
func TestEventsFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	e, err := OpenEvents(filepath.Join(dir, "run"), clock())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder is there before anything is in it")
	}
	if err := os.WriteFile(dir, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := e.Begin(1); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("got %v", err)
	}
	if _, err := OpenEvents(dir, clock()); err == nil {
		t.Error("a file was taken for a folder")
	}
}

// FuzzEvents: a file of any bytes is read.
func FuzzEvents(f *testing.F) {
	f.Add(events(sample()[0]))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "events.out.tfevents.0000000007.runner"), data, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenEvents(dir, time.Now); err != nil {
			t.Error(err)
		}
		e := &Events{last: map[string]int64{}}
		e.note(data)
	})
}
