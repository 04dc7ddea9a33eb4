package knn

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func saved(t *testing.T, p Params) (path string, hits Hits) {
	t.Helper()
	const dim = 16
	x := build(t, p, units(1, 500, dim), dim)
	path = filepath.Join(t.TempDir(), "image.index")
	if err := x.Save(path); err != nil {
		t.Fatal(err)
	}
	return path, search(t, x, units(2, 30, dim), 7)
}

func TestOpenGivesWhatWasSaved(t *testing.T) {
	for name, p := range kinds {
		if name == "ivf-flat" {
			p.NProbe = 3 // not FAISS's default, and not all
		}
		path, want := saved(t, p)
		x, err := Open(path, Params{})
		if err != nil {
			t.Fatal(err)
		}
		got := search(t, x, units(2, 30, 16), 7)
		if !slices.Equal(got.Rows, want.Rows) || !slices.Equal(got.Scores, want.Scores) {
			t.Errorf("%s: hits differ after Save and Open", name)
		}
		if x.Params() != p || x.Len() != 500 || x.Dim() != 16 {
			t.Errorf("%s: got %d vectors of %d, %+v; want 500 of 16, %+v", name, x.Len(), x.Dim(), x.Params(), p)
		}
		again := filepath.Join(t.TempDir(), "again.index")
		if err := x.Save(again); err != nil {
			t.Fatal(err)
		}
		a, _ := os.ReadFile(path)
		b, _ := os.ReadFile(again)
		if !bytes.Equal(a, b) {
			t.Errorf("%s: another Save wrote other bytes", name)
		}
		x.Close()
	}
}

func TestOpenSetsParametersOfSearch(t *testing.T) {
	path, all := saved(t, kinds["ivf-flat"])
	x, err := Open(path, Params{Kind: "ivf-flat", NProbe: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if got := search(t, x, units(2, 30, 16), 7); slices.Equal(got.Rows, all.Rows) {
		t.Error("one probe finds what eight find: the parameter was not set")
	}
	if _, err := Open(path, Params{Kind: "flat"}); err == nil || !strings.Contains(err.Error(), "index is of kind ivf-flat, not flat") {
		t.Errorf("another kind: got %v", err)
	}
	if _, err := Open(path, Params{NProbe: -1}); err == nil || !strings.Contains(err.Error(), "nprobe -1 is not in") {
		t.Errorf("probes -1: got %v", err)
	}
}

func TestSideFileHasAutofaissKeys(t *testing.T) {
	path, _ := saved(t, kinds["ivf-flat"])
	b, err := os.ReadFile(path + ".json")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"index_key": "IVF8,Flat"`, `"index_param": "nprobe=8"`, `"nb vectors": 500`, `"vectors dimension": 16`, `"trained on": 400`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
}

func TestOpenRefusesDamage(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(path string, content []byte) error
		want   string
	}{
		"truncated":    {func(path string, b []byte) error { return os.WriteFile(path, b[:len(b)/2], 0o644) }, "bytes, but"},
		"empty":        {func(path string, b []byte) error { return os.WriteFile(path, nil, 0o644) }, "0 bytes, but"},
		"one bit":      {func(path string, b []byte) error { b[len(b)/2] ^= 1; return os.WriteFile(path, b, 0o644) }, "its bytes are not those that were written"},
		"garbage":      {func(path string, b []byte) error { return os.WriteFile(path, make([]byte, len(b)), 0o644) }, "its bytes are not those that were written"},
		"missing":      {func(path string, b []byte) error { return os.Remove(path) }, "no such file"},
		"no side file": {func(path string, b []byte) error { return os.Remove(path + ".json") }, "not written here, or not to its end"},
		"bad side file": {func(path string, b []byte) error { return os.WriteFile(path+".json", []byte(`{"index_key": `), 0o644) },
			"image.index.json: unexpected EOF"},
		"empty side file": {func(path string, b []byte) error { return os.WriteFile(path+".json", []byte(`{}`), 0o644) }, "0 vectors of 0"},
	} {
		for kind, p := range kinds {
			path, _ := saved(t, p)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.damage(path, content); err != nil {
				t.Fatal(err)
			}
			x, err := Open(path, Params{})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s %s: got %v, want the path and %q", kind, name, err, c.want)
			}
			if x != nil {
				t.Errorf("%s %s: an index beside the error", kind, name)
			}
		}
	}
}

func TestOpenChecksShape(t *testing.T) {
	path, _ := saved(t, kinds["flat"])
	b, err := os.ReadFile(path + ".json")
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Replace(b, []byte(`"nb vectors": 500`), []byte(`"nb vectors": 499`), 1)
	if err := os.WriteFile(path+".json", b, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Params{}); err == nil || !strings.Contains(err.Error(), "index of 500 vectors of 16, but its side file says 499 of 16") {
		t.Errorf("got %v", err)
	}
}

func TestSaveErrors(t *testing.T) {
	// small: it fits stdio's buffer, so that only the flush fails
	x := build(t, kinds["flat"], units(1, 5, 4), 4)
	for path, want := range map[string]string{
		"/dev/full":                              "No space left on device",
		filepath.Join(t.TempDir(), "no/x.index"): "No such file or directory",
	} {
		err := x.Save(path)
		if err == nil || !strings.Contains(err.Error(), path+": "+want) {
			t.Errorf("got %v, want %q", err, path+": "+want)
		}
	}
}

func FuzzReadSide(f *testing.F) {
	f.Add([]byte(`{"nb vectors": 5, "vectors dimension": 4, "params": {"kind": "flat"}}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "x.index")
		if err := os.WriteFile(sidePath(path), content, 0o644); err != nil {
			t.Fatal(err)
		}
		if x, err := Open(path, Params{}); err == nil || x != nil {
			t.Errorf("opened an index that is not there")
		}
	})
}
