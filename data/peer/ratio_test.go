package peer

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCompare has the figures by hand: the 0.975 quantile of Student's t with
// two degrees of freedom is 4.302653.
func TestCompare(t *testing.T) {
	r := Compare([]float64{1, 1, 1}, []float64{2.2, 1.9, 2.1})
	mean := math.Cbrt(2.2 * 1.9 * 2.1)
	if math.Abs(r.Mean-mean) > 1e-12 || r.Rounds != 3 {
		t.Errorf("%+v, want a mean of %v", r, mean)
	}
	if math.Abs(r.Low-1.712551) > 1e-5 || math.Abs(r.High-2.484774) > 1e-5 {
		t.Errorf("%+v, want [1.712551, 2.484774]", r)
	}
	if r := Compare([]float64{2, 4}, []float64{1, 2}); r.Mean != 0.5 || r.Low != 0.5 || r.High != 0.5 {
		t.Errorf("equal ratios: %+v", r)
	}
	if r := Compare([]float64{2}, []float64{1}); r.Low != 0 || !math.IsInf(r.High, 1) {
		t.Errorf("one round: %+v", r)
	}
}

func TestRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "table.md")
	t.Setenv("PEER_TABLE", path)
	row := Row{Work: "embedding", Us: "onnx", Peer: "PyTorch", Ours: 1234.5, Theirs: 0.51234, Unit: "images/s", Ratio: Compare([]float64{1, 1}, []float64{2, 2})}
	row.Target = AtLeast(row.Ratio.Low, 2.5, "lower end")
	Record(t, row)
	Record(t, row)
	row.Ratio, row.Target = Ratio{}, AtMost(3, 3, "")
	Record(t, row)
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(got)), "\n")
	if len(lines) != 5 || lines[4] != "| embedding | onnx | PyTorch | 1234 | 0.512 | images/s | – | 1 | 3 or less: met |" || lines[2] != lines[3] || lines[3] != "| embedding | onnx | PyTorch | 1234 | 0.512 | images/s | 2.00 [2.00, 2.00] | 2 | lower end 2.5 or more: missed |" {
		t.Errorf("got %q", lines)
	}
}
