package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

func someRows() []Row {
	return []Row{
		{Trial: "a1", Label: "base", Set: "task", Metric: "acc@1", Params: map[string]any{"tune.mode": "none"}, Value: 0.1, N: 480, Engine: "onnx", Key: "k"},
		{Trial: "b2", Set: "task", Metric: "acc@1", Class: "a \"b\" <é>", Params: map[string]any{"tune.lr": 1e-5, "retrieve.k": 4, "x": true, "by": []any{"t2t", "t2i"}}, Seed: Seed(0), Value: math.NaN()},
		{Trial: "b2", Set: "tune", Metric: "loss", Seed: Seed(12), Value: -1e300},
	}
}

// studyRows are the rows of forty trials, which share their params.
func studyRows() []Row {
	var rows []Row
	for trial := range 40 {
		params := map[string]any{"tune.mode": []string{"full", "locked-text"}[trial%2], "retrieve.k": trial / 2, "tune.lr": 1e-5}
		for m, metric := range []string{"acc@1", "acc@5", "agreement"} {
			rows = append(rows, Row{Trial: fmt.Sprint("t", trial), Set: "task", Metric: metric, Params: params, Seed: Seed(trial % 3),
				Value: float64(m+trial) / 50, N: 480, Engine: "onnx", Key: fmt.Sprint("key", trial, m)})
		}
	}
	return rows
}

// sameRows compares with params by their spelling, since numbers change type.
func sameRows(t *testing.T, got, want []Row) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d rows, want %d", len(got), len(want))
	}
	for i := range got {
		g, w := got[i], want[i]
		if math.IsNaN(g.Value) != math.IsNaN(w.Value) || !math.IsNaN(w.Value) && g.Value != w.Value {
			t.Errorf("row %d: got value %v, want %v", i, g.Value, w.Value)
		}
		if len(g.Params) != len(w.Params) {
			t.Errorf("row %d: got params %v, want %v", i, g.Params, w.Params)
		}
		for path, v := range w.Params {
			if spelt(g.Params[path]) != spelt(v) {
				t.Errorf("row %d: %s: got %v, want %v", i, path, g.Params[path], v)
			}
		}
		g.Value, w.Value, g.Params, w.Params = 0, 0, nil, nil
		if !reflect.DeepEqual(g, w) {
			t.Errorf("row %d: got %+v, want %+v", i, g, w)
		}
	}
}

// spelt is a param as rows are written with it.
func spelt(v any) string {
	text, err := json.Marshal(v)
	return fmt.Sprint(string(text), err)
}

func TestRowFiles(t *testing.T) {
	for _, ext := range []string{".jsonl", ".parquet"} {
		for name, rows := range map[string][]Row{"some": someRows(), "none": nil, "study": studyRows()} {
			path := filepath.Join(t.TempDir(), name+ext)
			if err := WriteFile(path, rows); err != nil {
				t.Fatal(err)
			}
			got, err := ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			sameRows(t, got, rows)
			first, _ := os.ReadFile(path)
			if err := WriteFile(path, got); err != nil {
				t.Fatal(err)
			}
			if again, _ := os.ReadFile(path); !bytes.Equal(first, again) {
				t.Errorf("%s: other bytes the second time", path)
			}
		}
	}
}

func TestWholeNumbersKeepTheirDigits(t *testing.T) {
	line := `{"trial":"a","set":"s","metric":"m","value":1,"params":{"seed":18446744073709551615,"id":9007199254740993}}`
	rows, err := readJSONL(strings.NewReader(line), "f")
	if err != nil {
		t.Fatal(err)
	}
	if a, b := fmt.Sprint(rows[0].Params["seed"]), fmt.Sprint(rows[0].Params["id"]); a != "18446744073709551615" || b != "9007199254740993" {
		t.Errorf("got %s and %s", a, b)
	}
}

func TestReadErrors(t *testing.T) {
	good := `{"trial":"a","set":"s","metric":"m","value":1}`
	tests := []struct{ name, in, want string }{
		{"not JSON", good + "\n{", "file f: line 2: unexpected end of JSON input"},
		{"no trial", `{"set":"s","metric":"m","value":1}`, "file f: line 1: trial is empty"},
		{"no set", "\n\n" + `{"trial":"a","metric":"m","value":1}`, "file f: line 3: set is empty (trial a)"},
		{"no metric", `{"trial":"a","set":"s","value":1}`, "file f: line 1: metric is empty (trial a)"},
		{"no value", `{"trial":"a","set":"s","metric":"m"}`, "file f: line 1: value is missing"},
		{"odd value", `{"trial":"a","set":"s","metric":"m","value":"x"}`, "file f: line 1: value: json: cannot unmarshal string into Go value of type float64"},
	}
	for _, tt := range tests {
		if _, err := readJSONL(strings.NewReader(tt.in), "f"); err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
	rows, err := readJSONL(strings.NewReader(good+"\r\n\n"+strings.Replace(good, "value", `later":[1],"value`, 1)), "f")
	if err != nil || len(rows) != 2 {
		t.Errorf("unknown fields and empty lines: got %d rows, %v", len(rows), err)
	}
	if _, err := ReadFile(filepath.Join(t.TempDir(), "none.jsonl")); !os.IsNotExist(err) {
		t.Errorf("no file: got %v", err)
	}
}

func TestDamagedParquet(t *testing.T) {
	var b bytes.Buffer
	if err := WriteParquet(&b, studyRows()); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	for _, n := range []int{0, 4, 100, len(whole) / 2, len(whole) - 1} {
		if _, err := readRows(bytes.NewReader(whole[:n]), int64(n), "f"); err == nil || !strings.HasPrefix(err.Error(), "file f: ") {
			t.Errorf("cut to %d bytes: got %v", n, err)
		}
	}
	b.Reset()
	type odd struct {
		Trial string `parquet:"trial"`
	}
	if err := parquet.Write(&b, []odd{{"a"}}); err != nil {
		t.Fatal(err)
	}
	_, err := readRows(bytes.NewReader(b.Bytes()), int64(b.Len()), "f")
	if want := `file f: column "set" is missing`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Flipped bytes give an error or other rows, never a panic, nor a buffer that
// grows until memory is gone.
func TestFlippedBytes(t *testing.T) {
	var b bytes.Buffer
	if err := WriteParquet(&b, someRows()); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	files := 1000
	if testing.Short() {
		files = 100
	}
	for range files {
		damaged := bytes.Clone(b.Bytes())
		for range 1 + rng.IntN(3) {
			damaged[rng.IntN(len(damaged))] = byte(rng.IntN(256))
		}
		if _, err := readRows(bytes.NewReader(damaged), int64(len(damaged)), "f"); err != nil && !strings.HasPrefix(err.Error(), "file f: ") {
			t.Errorf("got %v", err)
		}
	}
}

func FuzzReadJSONL(f *testing.F) {
	var b bytes.Buffer
	if err := writeJSONL(&b, someRows()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"trial":"a","set":"s","metric":"m","value":null,"params":{"a":{"b":[1,{}]}}}`))
	f.Add([]byte("{}\n\n[]"))
	f.Fuzz(func(t *testing.T, in []byte) {
		rows, err := readJSONL(bytes.NewReader(in), "f")
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := writeJSONL(&out, rows); err != nil {
			t.Fatal(err)
		}
		again, err := readJSONL(&out, "f")
		if err != nil {
			t.Fatal(err)
		}
		sameRows(t, again, rows)
	})
}

func FuzzReadParquet(f *testing.F) {
	var b bytes.Buffer
	if err := WriteParquet(&b, someRows()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:b.Len()/2])
	f.Add([]byte("PAR1PAR1"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, err := readRows(bytes.NewReader(in), int64(len(in)), "f"); err != nil && !strings.HasPrefix(err.Error(), "file f: ") {
			t.Errorf("got %v", err)
		}
	})
}
