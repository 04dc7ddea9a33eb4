package exif

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestJSON holds files of every kind to what img2dataset stores, byte for byte.
func TestJSON(t *testing.T) {
	goldens, _ := filepath.Glob("testdata/*.json")
	if len(goldens) != 7 {
		t.Fatalf("%d goldens", len(goldens))
	}
	for _, golden := range goldens {
		name := strings.TrimSuffix(golden, ".json")
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got := JSON(raw); got != string(want) {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}

// TestTags: names come once and keep their place.
func TestTags(t *testing.T) {
	raw, err := os.ReadFile("testdata/little.jpg")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, tag := range Tags(raw) {
		if _, ok := seen[tag.Name]; ok {
			t.Errorf("%s comes twice", tag.Name)
		}
		seen[tag.Name] = tag.Value
	}
	for name, want := range map[string]string{"Image Orientation": "Rotated 90 CW", "EXIF ExposureTime": "1/60", "GPS GPSLatitude": "[39, 30, 617/50]", "EXIF ExifVersion": "0220",
		"Interoperability InteroperabilityIndex": "R98", "Thumbnail Compression": "JPEG (old-style)"} {
		if seen[name] != want {
			t.Errorf("%s: got %q, want %q", name, seen[name], want)
		}
	}
	if _, ok := seen["EXIF MakerNote"]; ok {
		t.Error("a maker note was read")
	}
}

// FuzzJSON: no bytes take more than their share, and what is written is ASCII.
func FuzzJSON(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.[jwt]*")
	for _, name := range files {
		if raw, err := os.ReadFile(name); err == nil {
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		text := JSON(raw)
		if !strings.HasPrefix(text, "{") || !strings.HasSuffix(text, "}") || bytes.ContainsFunc([]byte(text), func(r rune) bool { return r > '~' || r < ' ' }) {
			t.Errorf("%q", text)
		}
		if len(Tags(raw)) > maxTags {
			t.Errorf("%d tags", len(Tags(raw)))
		}
	})
}
