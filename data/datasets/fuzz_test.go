package datasets

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzIDX: what is taken has as many values as its header says.
func FuzzIDX(f *testing.F) {
	f.Add([]byte(idxOf([]int{2, 2, 3}, make([]byte, 12)...)))
	f.Add([]byte(idxOf([]int{3}, 1, 2, 3)))
	f.Add([]byte("\x00\x00\x08\x04\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p := &pixels{planes: 1}
		if p.takeIDX(raw) != nil || len(p.of) == 0 {
			return
		}
		if got := len(p.of) * p.wide * p.high; got != len(raw)-16 {
			t.Errorf("%d values of %d bytes", got, len(raw))
		}
		if p.wide*p.high <= 1<<16 {
			if _, err := p.read(len(p.of) - 1); err != nil {
				t.Error(err)
			}
		}
	})
}

// FuzzCIFAR: batches of both kinds, and the archive that they come in.
func FuzzCIFAR(f *testing.F) {
	all, each := cifarPixels(1)
	f.Add([]byte(pickled(pickledNumbers("labels", 1), pickledArray("data", 1, cifarBytes, all))))
	f.Add([]byte("\x01" + each[0]))
	f.Add([]byte(packed(f, tarred(f, "a/b", "x"))))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, form := range cifarForms {
			labels, images, err := form.batch(raw)
			if err == nil && len(labels) != len(images) {
				t.Errorf("%d labels for %d images", len(labels), len(images))
			}
			for _, image := range images {
				if len(image) != cifarBytes {
					t.Fatalf("an image of %d bytes", len(image))
				}
			}
			_, _ = form.classes(raw) // must not panic
		}
		if got, err := readMembers(bytes.NewReader(raw), "a", []string{"b"}, 1<<16); err == nil && len(got["b"]) > 1<<16 {
			t.Errorf("%d bytes", len(got["b"]))
		}
	})
}

// FuzzTable: every row of a list has a value for each column.
func FuzzTable(f *testing.F) {
	for _, text := range []string{"path,label\na,b\n", "path;label\r\n\"a;\",b\r\n", "path\tlabel\na\tb\n", `{"file_name": "a", "label": 1}`, "\ufeffa,b\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range []string{"a.csv", "a.tsv", "a.jsonl"} {
			table, err := readTable(name, []byte(text))
			if err != nil {
				continue
			}
			for _, r := range table.rows {
				if len(r.values) != len(table.columns) || r.line < 1 {
					t.Errorf("%s: line %d has %d values of %d", name, r.line, len(r.values), len(table.columns))
				}
			}
			if path, err := table.column(pathColumns); err == nil && path >= 0 {
				_, _ = table.ofSplit(testFolder, path) // must not panic
			}
		}
		if grey, err := greyNumbers(text, 4); err == nil && len(grey) != 4 {
			t.Errorf("%d numbers", len(grey))
		}
	})
}

// FuzzPlace: no path of a list leads out of the set's folder.
func FuzzPlace(f *testing.F) {
	for _, path := range []string{"a.png", "../a", "/etc/passwd", `..\a`, "a/../../b", "/data/set/a.png", "."} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		l := &listed{dir: "/data/set"}
		if within, err := l.place(path); err == nil && (strings.HasPrefix(within, "/") || within == ".." || strings.HasPrefix(within, "../")) {
			t.Errorf("%q is %q", path, within)
		}
	})
}
