package exif

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestJSON holds files of every kind to what img2dataset stores of the orientation.
func TestJSON(t *testing.T) {
	goldens, _ := filepath.Glob("testdata/*.json")
	if len(goldens) != 7 {
		t.Fatalf("%d goldens", len(goldens))
	}
	turned := 0
	for _, golden := range goldens {
		name := strings.TrimSuffix(golden, ".json")
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var got, all map[string]string
		text, err := os.ReadFile(golden)
		if err == nil {
			err = json.Unmarshal(text, &all)
		}
		if err == nil {
			err = json.Unmarshal([]byte(JSON(raw)), &got)
		}
		if err != nil {
			t.Fatal(err)
		}
		const key = "Image Orientation"
		want, known := all[key]
		if got[key] != want || known != (len(got) == 1) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
		if want == "Rotated 90 CW" {
			turned++
		}
	}
	if turned < 3 {
		t.Errorf("%d goldens are of turned images", turned)
	}
}

// TestOrientations: every value in both orders of bytes, and what is none.
func TestOrientations(t *testing.T) {
	for value, want := range map[byte]string{0: none, 1: `{"Image Orientation": "Horizontal (normal)"}`,
		8: `{"Image Orientation": "Rotated 90 CCW"}`, 9: none} {
		for order, file := range map[string]string{
			"little": "II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00" + string([]byte{value, 0, 0, 0}),
			"big":    "MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01" + string([]byte{0, value, 0, 0}),
		} {
			if got := JSON([]byte(file)); got != want {
				t.Errorf("%s, %d: got %s, want %s", order, value, got, want)
			}
			for n := range len(file) {
				if got := JSON([]byte(file[:n])); got != none {
					t.Errorf("%s, %d bytes: got %s", order, n, got)
				}
			}
		}
	}
}

// FuzzJSON: whatever the bytes are, what is written is one of nine texts.
func FuzzJSON(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.[jwt]*")
	for _, name := range files {
		if raw, err := os.ReadFile(name); err == nil {
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if text := JSON(raw); text != none && !strings.HasPrefix(text, `{"Image Orientation": "`) || !json.Valid([]byte(text)) {
			t.Errorf("%q", text)
		}
	})
}
