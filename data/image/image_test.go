package image

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"react/data/npy"
)

// fixtures is the folder of the reference outputs: FIXTURES/preprocess, or the
// part of it that is committed.
func fixtures(t testing.TB) string {
	for _, dir := range []string{os.Getenv("FIXTURES"), "../../../shared/fixtures"} {
		if _, err := os.Stat(filepath.Join(dir, "preprocess", "cases.json")); dir != "" && err == nil {
			return filepath.Join(dir, "preprocess")
		}
	}
	if os.Getenv("FIXTURES") != "" {
		t.Fatal("FIXTURES has no preprocess/cases.json")
	}
	return filepath.Join("testdata", "preprocess")
}

// TestPreprocessEqualsPillow holds decoding, resizing and cropping to Pillow's
// output, to the bit. Sizes that a folder lacks are not tested.
func TestPreprocessEqualsPillow(t *testing.T) {
	for _, dir := range []string{filepath.Join("testdata", "preprocess"), fixtures(t)} {
		raw, err := os.ReadFile(filepath.Join(dir, "cases.json"))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		if err := json.Unmarshal(raw, &names); err != nil || len(names) == 0 {
			t.Fatalf("cases: %v, %v", names, err)
		}
		for _, name := range names {
			body, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			img, err := Decode(body)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			for size, suffix := range map[int]string{224: "224", 32: "32"} {
				golden := filepath.Join(dir, name[:2]+"_expected_"+suffix+".npy")
				if _, err := os.Stat(golden); os.IsNotExist(err) && size == 224 {
					continue
				}
				shape, want, err := npy.ReadInts(golden)
				if err != nil {
					t.Fatal(err)
				}
				got := Preprocess(img, size)
				if len(want) != len(got.Pix) {
					t.Fatalf("%s: shape %v, got %d values", name, shape, len(got.Pix))
				}
				for i, v := range want {
					if int(got.Pix[i]) != v {
						t.Errorf("%s at %d: value %d: got %d, want %d", name, size, i, got.Pix[i], v)
						break
					}
				}
			}
		}
	}
}
