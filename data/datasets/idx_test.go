package datasets

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/data/datasets/catalogue"
	"react/data/image"
)

// idxOf is an IDX file of bytes.
func idxOf(dims []int, values ...byte) string {
	b := []byte{0, 0, 8, byte(len(dims))}
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, uint32(d))
	}
	return string(append(b, values...))
}

// packed is a gzip of a text.
func packed(t testing.TB, text string) string {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// idxSet is MNIST's layout with n images of 3×2 pixels, image i full of i, and labels.
func idxSet(t testing.TB, zip bool, labels ...byte) map[string]string {
	var values []byte
	for i := range labels {
		values = append(values, bytes.Repeat([]byte{byte(i)}, 6)...)
	}
	images := idxOf([]int{len(labels), 2, 3}, values...)
	all := idxOf([]int{len(labels)}, labels...)
	if zip {
		return map[string]string{"t10k-images-idx3-ubyte.gz": packed(t, images), "t10k-labels-idx1-ubyte.gz": packed(t, all)}
	}
	return map[string]string{"MNIST/raw/t10k-images.idx3-ubyte": images, "MNIST/raw/t10k-labels.idx1-ubyte": all}
}

func TestIDX(t *testing.T) {
	mnist, err := catalogue.Find("mnist")
	if err != nil {
		t.Fatal(err)
	}
	labels := []byte{3, 1, 0, 2, 4, 5, 6, 7, 8, 9}
	for _, zip := range []bool{false, true} {
		dir := put(t, t.TempDir(), idxSet(t, zip, labels...))
		for _, e := range []*catalogue.Entry{nil, mnist} {
			s, err := OpenSplit(dir, Options{Entry: e})
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Items) != 10 || s.Items[0] != (Item{"0", 3}) || len(s.Classes) != 10 || s.Classes[3] != "3" || s.Layout != "idx" {
				t.Errorf("%v of %q (%s)", s.Items, s.Classes, s.Layout)
			}
			raw, err := s.Read(7)
			if err != nil {
				t.Fatal(err)
			}
			img, err := image.DecodeOnWhite(raw)
			if err != nil || img.W != 3 || img.H != 2 || !slices.Equal(img.Pix, bytes.Repeat([]byte{7}, 18)) {
				t.Errorf("image 7: %+v, %v", img, err)
			}
			if what, _ := s.codes(); (what == "") != (e != nil) {
				t.Errorf("with %v: codes %q", e, what)
			}
			s.Close()
		}
		if _, err := OpenSplit(dir, Options{Split: "train"}); err == nil || !strings.Contains(err.Error(), `no split "train": want train-images-idx3-ubyte`) {
			t.Errorf("train: %v", err)
		}
	}
	files := idxSet(t, true, labels...)
	files["labels.txt"] = "zero\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n"
	s, err := Open(put(t, t.TempDir(), files))
	if err != nil || s.Classes[3] != "three" {
		t.Errorf("a list of names beside: %v", err)
	}
}

// TestIDXErrors: headers that lie, files that end early, and labels that are none.
func TestIDXErrors(t *testing.T) {
	two := idxOf([]int{2}, 0, 1)
	huge := "\x00\x00\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
	for _, tc := range []struct{ name, images, labels, want string }{
		{"no IDX", "abcdef", two, `t10k-images-idx3-ubyte.gz: not an IDX file: it starts with "abcd"`},
		{"floats", "\x00\x00\x0d\x03" + huge[4:], two, "IDX values of type 0x0d; unsigned bytes"},
		{"huge", huge, two, "and 0 bytes follow the header"},
		{"short", idxOf([]int{2, 2, 3}, 1, 2, 3), two, "dimensions [2 2 3], and 3 bytes follow the header"},
		{"long", idxOf([]int{1, 1, 1}, 1, 2), two, "dimensions [1 1 1], and 2 bytes follow the header"},
		{"no pixels", idxOf([]int{2, 0, 3}), two, "are not those of images"},
		{"flat", idxOf([]int{2}, 1, 2), two, "are not those of images"},
		{"early", "\x00\x00\x08\x03\x00", two, "header that ends early"},
		{"other labels", idxOf([]int{2, 1, 1}, 1, 2), idxOf([]int{3}, 1, 2, 3), "t10k-labels-idx1-ubyte.gz: labels of dimensions [3] for 2 images"},
		{"no images", idxOf([]int{0, 1, 1}), idxOf([]int{0}), "no images"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := put(t, t.TempDir(), map[string]string{"t10k-images-idx3-ubyte.gz": packed(t, tc.images), "t10k-labels-idx1-ubyte.gz": packed(t, tc.labels)})
			if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
	dir := put(t, t.TempDir(), map[string]string{"t10k-images-idx3-ubyte.gz": packed(t, idxOf([]int{2, 1, 1}, 1, 2))[:20], "t10k-labels-idx1-ubyte.gz": two})
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "t10k-images-idx3-ubyte.gz: unexpected EOF") {
		t.Errorf("a gzip that is cut: %v", err)
	}
}

// TestGzipBomb: what is unpacked is bounded, whatever the file says.
func TestGzipBomb(t *testing.T) {
	bomb := packed(t, strings.Repeat("\x00", 1<<20))
	if _, err := unpack(strings.NewReader(bomb), 1<<10); err == nil || !strings.Contains(err.Error(), "over ") {
		t.Errorf("got %v", err)
	}
	if raw, err := unpack(strings.NewReader(bomb), 1<<20); err != nil || len(raw) != 1<<20 {
		t.Errorf("got %d bytes, %v", len(raw), err)
	}
}

// TestArchivePackedAgain: the same content in another gzip is the published file; other content is
// not.
func TestArchivePackedAgain(t *testing.T) {
	e, err := catalogue.Find("mnist")
	if err != nil {
		t.Fatal(err)
	}
	dir := put(t, t.TempDir(), map[string]string{"a.gz": packed(t, "content"), "a": "content", "b.gz": packed(t, "other"), "b": "other"})
	a := catalogue.Archive{File: "a.gz", MD5: "0", Plain: "9a0364b9e99bb480dd25e1f0284c8555"}
	for name, want := range map[string]string{
		"a.gz": "", "a": "", "b.gz": "file b.gz has MD5 ", "b": "file b has MD5 795f3202b17cb6bc3d4b771d8c6c9eaf, and the published one 9a0364b9e99bb480dd25e1f0284c8555",
	} {
		r := Report{Dir: dir, Entry: e}
		if err := r.checkArchive(context.Background(), filepath.Join(dir, name), a); err != nil {
			t.Fatal(err)
		}
		if len(r.Findings) > 1 || (want == "") != (len(r.Findings) == 0) || want != "" && !strings.Contains(r.Findings[0].What, want) {
			t.Errorf("%s: %v, want %q", name, r.Findings, want)
		}
	}
	if len(e.Archives()) != 4 || e.Archives()[3].Plain == "" {
		t.Errorf("%+v", e.Archives())
	}
}

// TestSetsOfPackages reads MNIST and Fashion-MNIST where the environment says they are (make
// interop).
func TestSetsOfPackages(t *testing.T) {
	root := os.Getenv("INTEROP_SETS")
	if root == "" {
		t.Skip("INTEROP_SETS names no folder of MNIST and Fashion-MNIST (make interop)")
	}
	counts := map[string]map[string][]int{
		"mnist":         {"train": {5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}, "test": {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}},
		"fashion-mnist": {"train": slices.Repeat([]int{6000}, 10), "test": slices.Repeat([]int{1000}, 10)},
	}
	for name, splits := range counts {
		e, err := catalogue.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		for split, want := range splits {
			for _, entry := range []*catalogue.Entry{e, nil} {
				s, err := OpenSplit(filepath.Join(root, name), Options{Split: split, Entry: entry})
				if err != nil {
					t.Fatal(err)
				}
				if got, err := s.Support(); err != nil || !slices.Equal(got, want) || s.Classes[9] != e.Classes[9][0] {
					t.Errorf("%s %s: %v of %q, %v", name, split, got, s.Classes, err)
				}
				s.Close()
			}
		}
		r, err := Check(context.Background(), filepath.Join(root, name), CheckOptions{Entry: e})
		if err != nil || len(r.Findings) > 0 || len(r.Splits) != 2 {
			t.Errorf("%s: %v, %v", name, r.Findings, err)
		}
		for other := range counts {
			o, _ := catalogue.Find(other)
			if _, err := OpenSplit(filepath.Join(root, name), Options{Entry: o}); other != name && (err == nil || !strings.Contains(err.Error(), "the labels are those of "+name+", not of "+other)) {
				t.Errorf("%s as %s: %v", name, other, err)
			}
		}
	}
}

func BenchmarkPixels(b *testing.B) {
	p := &pixels{wide: 28, high: 28, planes: 1, of: [][]byte{make([]byte, 28*28)}}
	for b.Loop() {
		if _, err := p.read(0); err != nil {
			b.Fatal(err)
		}
	}
}
