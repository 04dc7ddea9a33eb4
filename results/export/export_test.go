package export

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"react/results"
)

var update = flag.Bool("update", false, "rewrite testdata")

// sample are runs with what is odd: text that formats would read as their own,
// numbers that are none, a run without times.
func sample() []Run {
	start := time.UnixMilli(1_700_000_000_123).UTC()
	loss := Series{Name: "tune/loss"}
	for i := range 5 {
		loss.Points = append(loss.Points, Point{int64(i + 1), 1 / float64(i+3), start.Add(time.Duration(i) * time.Second)})
	}
	return []Run{
		{ID: "3de69210-s0", Name: `γ "off": {a: 1} # 'x'`, Params: map[string]string{"tune.mode": "full", "retrieve.by": `["t2t","t2i"]`, "text": "two\nlines"}, Started: start, Ended: start.Add(time.Minute),
			Series: []Series{loss, {"task/acc@1", []Point{{5, 0.4567891234, start.Add(time.Minute)}}}, {"tune/nan", []Point{{1, math.NaN(), start}, {2, 0.25, start}}}}},
		{ID: "base", Name: "base", Failed: true, Series: []Series{{"task/acc@1", []Point{{0, 1e-7, time.Time{}}}}}},
	}
}

// TestGoldens holds the bytes that `make interop` has seen read by the programs
// themselves.
func TestGoldens(t *testing.T) {
	dir := t.TempDir()
	if err := TensorBoard(dir, sample()); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "3de69210-s0", "events.out.tfevents.1700000000.runner"))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "events.golden", got)
	if err := MLflow(filepath.Join(dir, "ml"), "x: 'y'", sample()); err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	err = filepath.WalkDir(filepath.Join(dir, "ml"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		fmt.Fprintf(&all, "-- %s --\n%s\n", name, strings.ReplaceAll(string(data), dir, "DIR"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "mlflow.golden", all.Bytes())
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: other bytes (%v):\n%q", name, err, got)
	}
}

// TestRecords reads events by the formats' own rules.
func TestRecords(t *testing.T) {
	data := events(sample()[0])
	var values []float64
	for count := 0; len(data) > 0; count++ {
		n := binary.LittleEndian.Uint64(data)
		if binary.LittleEndian.Uint32(data[8:]) != mask(data[:8]) || binary.LittleEndian.Uint32(data[12+n:]) != mask(data[12:12+n]) {
			t.Fatalf("record %d: wrong checksum", count)
		}
		body := data[12 : 12+n]
		data = data[16+n:]
		for len(body) > 0 {
			number, kind, at := protowire.ConsumeTag(body)
			if number == eventSummary {
				inner, _ := protowire.ConsumeBytes(body[at:])
				bits := binary.LittleEndian.Uint32(inner[len(inner)-4:])
				values = append(values, float64(math.Float32frombits(bits)))
			}
			body = body[at+protowire.ConsumeFieldValue(number, kind, body[at:]):]
		}
		if count == 0 && !bytes.Contains(events(sample()[0])[12:12+n], []byte("brain.Event:2")) {
			t.Error("the first record lacks the version")
		}
	}
	if len(values) != 8 || values[0] != float64(float32(1.0/3)) || !math.IsNaN(values[1]) {
		t.Errorf("got %v", values)
	}
}

func mask(data []byte) uint32 {
	sum := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	return (sum>>15 | sum<<17) + 0xa282ead8
}

func TestErrors(t *testing.T) {
	for want, runs := range map[string][]Run{
		"is there twice":        {{ID: "a"}, {ID: "a"}},
		"no name of a folder":   {{ID: "../a"}},
		"no name that a file":   {{ID: "a", Series: []Series{{Name: "../../x"}}}},
		"series x is there twi": {{ID: "a", Series: []Series{{Name: "x"}, {Name: "x"}}}},
	} {
		for _, err := range []error{TensorBoard(t.TempDir(), runs), MLflow(t.TempDir(), "x", runs)} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		}
	}
}

// TestInterop reads what is written with TensorBoard, MLflow, DuckDB and pandas,
// in the Python that INTEROP_PYTHON names (make interop).
func TestInterop(t *testing.T) {
	python := os.Getenv("INTEROP_PYTHON")
	if python == "" {
		t.Skip("INTEROP_PYTHON names no Python with tensorboard, mlflow, duckdb and pandas (make interop installs one)")
	}
	dir := t.TempDir()
	if err := TensorBoard(filepath.Join(dir, "tensorboard"), sample()); err != nil {
		t.Fatal(err)
	}
	if err := MLflow(filepath.Join(dir, "mlflow"), "x: 'y'", sample()); err != nil {
		t.Fatal(err)
	}
	seed := 3
	rows := []results.Row{
		{Trial: "a", Set: "task", Metric: "acc@1", Params: map[string]any{"tune.mode": "γ", "retrieve.k": 4}, Seed: &seed, Value: 0.1, N: 10},
		{Trial: "b", Set: "task", Metric: "acc@1", Class: "a 'b'", Value: math.NaN()},
	}
	if err := results.WriteFile(filepath.Join(dir, "rows.parquet"), rows); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "testdata/read.py", dir)
	cmd.Env = append(os.Environ(), "MLFLOW_ALLOW_FILE_STORE=true", "MLFLOW_DISABLE_TELEMETRY=true")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, err.(*exec.ExitError).Stderr)
	}
	var got, want any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	raw, err := os.ReadFile("testdata/read.json")
	if *update {
		raw, err = out, os.WriteFile("testdata/read.json", out, 0o666)
	}
	if err != nil || json.Unmarshal(raw, &want) != nil {
		t.Fatal("testdata/read.json", err)
	}
	if a, b := fmt.Sprint(got), fmt.Sprint(want); a != b {
		t.Errorf("the programs read\n%s\nwant\n%s", a, b)
	}
}
