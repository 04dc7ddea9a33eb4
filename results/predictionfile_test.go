package results

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// TestFoundByStage writes and reads what detection and segmentation keep of pictures.
func TestFoundByStage(t *testing.T) {
	found := map[string][]Found{"b": {{Image: "1.jpg"}}, "a": {
		{Image: "1.jpg", Category: "cow", Group: "novel", Objects: [Areas]int{3, 1, 0, 2},
			Findings: []Finding{{0.25, Bit(3, 9), 0}, {0.125, Bit(0, 0) | Bit(1, 2), Bit(2, 3)}}},
		{Image: "1.jpg", Category: "car", Findings: []Finding{}},
	}}
	found["b"][0].Findings = []Finding{}
	pixels := map[string][]Pixels{"a": {{"1.png", "sky", 3, 4, 5}, {Image: "2.png"}}}
	dir := t.TempDir()
	write := func(name string, to func(*bytes.Buffer) error) string {
		var one, again bytes.Buffer
		if err := to(&one); err != nil {
			t.Fatal(err)
		}
		if err := to(&again); err != nil || !bytes.Equal(one.Bytes(), again.Bytes()) {
			t.Errorf("%s: the same rows give other bytes: %v", name, err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, one.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	path := write("found.parquet", func(b *bytes.Buffer) error { return WriteFoundByStage(b, found) })
	if got, err := ReadFoundByStage(path); err != nil || !reflect.DeepEqual(got, found) {
		t.Errorf("got %v, %v, want %v", got, err, found)
	}
	path = write("pixels.parquet", func(b *bytes.Buffer) error { return WritePixelsByStage(b, pixels) })
	if got, err := ReadPixelsByStage(path); err != nil || !reflect.DeepEqual(got, pixels) {
		t.Errorf("got %v, %v, want %v", got, err, pixels)
	}
	if _, err := ReadFoundByStage(path); err == nil {
		t.Error("a file of pixels is read as one of findings")
	}
}
