package shards

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

type meta struct {
	URL     string `json:"url"`
	Caption string `json:"caption"`
}

// body is an image for tests of places, not of pixels.
func body(i int) []byte {
	rng := rand.New(rand.NewPCG(uint64(i), 2))
	b := make([]byte, rng.IntN(3000))
	for j := range b {
		b[j] = byte(rng.Uint32())
	}
	return b
}

func build(t testing.TB, path string, from, to int) string {
	t.Helper()
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := from; i < to; i++ {
		caption := fmt.Sprintf("caption <%d> & é", i/2)
		if err := w.Put(fmt.Sprintf("%09d", i), "png", body(i), caption, meta{fmt.Sprintf("u%d", i), caption}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	tars := []string{build(t, filepath.Join(dir, "00001.tar"), 100, 250), build(t, filepath.Join(dir, "00000.tar"), 0, 100)}
	set, err := Index(t.Context(), tars, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if want := []string{tars[1], tars[0]}; !slices.Equal(set.Shards(), want) {
		t.Errorf("shards: got %v, want %v", set.Shards(), want)
	}
	if len(set.Samples()) != 250 {
		t.Fatalf("got %d samples, want 250", len(set.Samples()))
	}
	for i, s := range set.Samples() {
		if want := (Sample{Key: fmt.Sprintf("%09d", i), Shard: i / 100, Ext: "png", URL: fmt.Sprintf("u%d", i), Caption: fmt.Sprintf("caption <%d> & é", i/2), Offset: s.Offset, Size: int64(len(body(i)))}); i < 200 && s != want {
			t.Errorf("sample %d: got %+v, want %+v", i, s, want)
		}
		got, err := set.Read(s, nil)
		if err != nil || !bytes.Equal(got, body(i)) {
			t.Errorf("sample %d: other bytes, %v", i, err)
		}
		if found, ok := set.Find(s.Key); !ok || found != s {
			t.Errorf("key %s: got %+v, %v", s.Key, found, ok)
		}
		if found, ok := set.Match("", s.URL, s.Caption); !ok || found != s {
			t.Errorf("url %s: got %+v, %v", s.URL, found, ok)
		}
	}
	if _, ok := set.Find("none"); ok {
		t.Error("found a key that is not there")
	}
	if key, _, _ := set.Repeated(); key != "" {
		t.Errorf("key %s is said to be there twice", key)
	}
	if _, ok := set.Match("", "none", "none"); ok {
		t.Error("found an address that is not there")
	}
}

func TestWriterIsDeterministic(t *testing.T) {
	a, _ := os.ReadFile(build(t, filepath.Join(t.TempDir(), "a.tar"), 0, 20))
	b, _ := os.ReadFile(build(t, filepath.Join(t.TempDir(), "b.tar"), 0, 20))
	if !bytes.Equal(a, b) {
		t.Error("the same samples give other bytes")
	}
}

// pack writes a tar by hand; names and contents alternate.
func pack(t testing.TB, end bool, files ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: files[i], Size: int64(len(files[i+1])), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, files[i+1])
	}
	w.Flush()
	if end {
		w.Close()
	}
	return buf.Bytes()
}

func TestLayouts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tar")
	os.WriteFile(path, pack(t, true,
		"b.json", `{"url": "ub", "caption": "from json", "width": 3}`, "a.JPG", "AAAA", "README", "no key",
		"b.txt", "from txt", "sub/a.webp", "sub", "b.jpeg", "B", "c.png", "C", "c.json", `{"url": null, "caption": NaN, "similarity": -Infinity}`, "b.cls", "7",
		strings.Repeat("long", 40)+".png", "L"), 0o666)
	set, err := Index(t.Context(), []string{path}, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range set.Samples() {
		raw, err := set.Read(s, make([]byte, 1))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%.6s %s %s %s %s", s.Key, s.Ext, s.URL, s.Caption, raw))
	}
	want := []string{"a jpg   AAAA", "sub/a webp   sub", "b jpeg ub from txt B", "c png   C", "longlo png   L"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFaults(t *testing.T) {
	dir := t.TempDir()
	good := pack(t, true, "a.png", "AAAA", "a.txt", "x", "b.png", "BBBB")
	for _, tc := range []struct {
		name string
		raw  []byte
		want string // of the error where nothing is allowed
		keys []string
		bad  int
	}{
		{"cut in a member", good[:512*4+100], "tar ends early at offset 2148", []string{"a"}, 1},
		{"cut in the contents", pack(t, true, "a.png", "A", "b.png", strings.Repeat("B", 5000))[:4000], "member b.png of 5000 bytes: tar ends early at offset 4000", []string{"a"}, 1},
		{"no end mark", pack(t, false, "a.png", "AAAA"), "tar ends early at offset 1024", []string{"a"}, 1},
		{"damaged header", append(slices.Clone(good[:4*512]), bytes.Repeat([]byte("x"), 1024)...), "not a tar, or damaged (archive/tar: invalid tar header) at offset 2560", []string{"a"}, 1},
		{"two images", pack(t, true, "a.png", "A", "a.jpg", "B"), "key a: has two images, .png and .jpg", []string{"a"}, 1},
		{"a sample twice", pack(t, true, "a.png", "A", "a.txt", "one", "b.png", "B", "a.png", "C", "a.txt", "two"), "key a: is of several samples", []string{"b"}, 1},
		{"no image", pack(t, true, "a.txt", "A", "b.png", "B"), "key a: has no image", []string{"b"}, 1},
		{"bad json", pack(t, true, "a.png", "A", "a.json", "{"), "key a: .json: the file ends inside its JSON", []string{"a"}, 1},
		{"json type", pack(t, true, "a.png", "A", "a.json", `{"url": 1}`), "key a: .json: url: want a string, got 1", []string{"a"}, 1},
		{"caption not UTF-8", pack(t, true, "a.png", "A", "a.txt", "caf\xe9"), "key a: .txt is not UTF-8", []string{"a"}, 1},
		{"large text", pack(t, true, "a.png", "A", "a.txt", strings.Repeat("x", maxText+1)), "key a: .txt of 1048577 bytes is over", []string{"a"}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(dir, strings.ReplaceAll(tc.name, " ", "_")+".tar")
			os.WriteFile(path, tc.raw, 0o666)
			_, err := Index(t.Context(), []string{path}, 0)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want %q and the shard", err, tc.want)
			}
			set, err := Index(t.Context(), []string{path}, 5)
			if err != nil {
				t.Fatal(err)
			}
			var keys []string
			for _, s := range set.Samples() {
				keys = append(keys, s.Key)
			}
			if !slices.Equal(keys, tc.keys) || len(set.Bad()) != tc.bad {
				t.Errorf("skipped: got %v and %v, want %v and %d", keys, set.Bad(), tc.keys, tc.bad)
			}
		})
	}
}

func TestWholeFileErrors(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.tar")
	os.WriteFile(garbage, bytes.Repeat([]byte("garbage "), 500), 0o666)
	empty := filepath.Join(dir, "empty.tar")
	os.WriteFile(empty, nil, 0o666)
	for name, want := range map[string]string{garbage: "not a tar", empty: "ends early at offset 0", filepath.Join(dir, "missing.tar"): "no such file"} {
		if _, err := Index(t.Context(), []string{name}, 100); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	a, b := build(t, filepath.Join(dir, "a.tar"), 0, 3), build(t, filepath.Join(dir, "b.tar"), 2, 4)
	set, err := Index(t.Context(), []string{a, b}, 0)
	if err != nil || len(set.Samples()) != 5 {
		t.Fatalf("key twice: got %v, %v", set, err)
	}
	if key, in, other := set.Repeated(); key != "000000002" || in != a || other != b {
		t.Errorf("key twice: got %s, %s, %s", key, in, other)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Index(ctx, []string{a}, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	os.Truncate(a, 600)
	if _, err := set.Read(set.Samples()[0], nil); err == nil || !strings.Contains(err.Error(), "key 000000000: offset 512") {
		t.Errorf("shard cut after indexing: got %v", err)
	}
}

func TestPutErrors(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "a.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Put("a", "png", nil, "", nil); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, key, ext, caption, want string }{
		{"twice", "a", "png", "", "already in the shard"},
		{"dot", "a.b", "png", "", "not a key"},
		{"empty", "", "png", "", "not a key"},
		{"extension", "b", "exe", "", `extension "exe"`},
		{"caption", "b", "png", "\xff", "caption is not UTF-8"},
	} {
		if err := w.Put(tc.key, tc.ext, nil, tc.caption, nil); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
		}
	}
	if err := w.Put("b", "png", nil, "", func() {}); err == nil {
		t.Error("meta that is no JSON: no error")
	}
}

func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full on this system")
	}
	w, err := Create("/dev/full")
	if err != nil {
		t.Fatal(err)
	}
	err = w.Put("a", "png", make([]byte, 1<<20), "", nil)
	if err = errors.Join(err, w.Close()); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("got %v, want no space left", err)
	}
}

// members writes a tar of headers without contents, and a whole sample behind
// them.
func members(t testing.TB, headers ...*tar.Header) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range headers {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	w.Flush()
	return append(buf.Bytes(), pack(t, true, "z.png", "ZZZZ")...)
}

// hugeMember is a tar whose second member says that it has size bytes, in base
// 256 as GNU tar writes numbers of over eleven octal digits.
func hugeMember(t testing.TB, size int64) []byte {
	t.Helper()
	raw := pack(t, true, "a.png", "AAAA", "b.png", "BBBB")
	header := raw[1024:1536]
	copy(header[124:], []byte{0x80, 0, 0, 0})
	binary.BigEndian.PutUint64(header[128:], uint64(size))
	copy(header[148:], "        ")
	sum := 0
	for _, c := range header {
		sum += int(c)
	}
	copy(header[148:], fmt.Sprintf("%06o\x00 ", sum))
	return raw
}

// sparseMember is a tar with an image as GNU tar --sparse writes it (format 1.0):
// 1 MB long, of which 4 bytes are in the tar behind their map.
func sparseMember(t testing.TB) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	data := append([]byte("1\n0\n4\n"), make([]byte, 506)...)
	data = append(data, "AAAA"...)
	record := func(key, value string) string {
		n := len(key) + len(value) + 3
		n += len(strconv.Itoa(n + len(strconv.Itoa(n))))
		return fmt.Sprintf("%d %s=%s\n", n, key, value)
	}
	pax := record("GNU.sparse.major", "1") + record("GNU.sparse.minor", "0") +
		record("GNU.sparse.name", "s.png") + record("GNU.sparse.realsize", "1000000")
	for _, h := range []struct {
		header tar.Header
		body   []byte
	}{{tar.Header{Name: "pax", Typeflag: 'Z'}, []byte(pax)}, {tar.Header{Name: "s.png", Typeflag: tar.TypeReg}, data}} {
		h.header.Size, h.header.Mode, h.header.Format = int64(len(h.body)), 0o644, tar.FormatUSTAR
		if err := w.WriteHeader(&h.header); err != nil {
			t.Fatal(err)
		}
		w.Write(h.body)
	}
	w.Flush()
	raw := buf.Bytes()
	raw[156], raw[154] = 'x', 0 // the writer refuses to write this type itself
	sum := 8 * int(' ')
	for i, c := range raw[:512] {
		if i < 148 || i > 155 {
			sum += int(c)
		}
	}
	copy(raw[148:], fmt.Sprintf("%06o\x00 ", sum))
	return append(raw, pack(t, true, "z.png", "ZZZZ")...)
}

// TestHugeMember: a size that no tar can have is an error that names the tar; it
// once overflowed and ended the process.
func TestHugeMember(t *testing.T) {
	dir := t.TempDir()
	for size, broken := range map[int64]bool{
		math.MaxInt64: true, math.MaxInt64 - 511: true, math.MaxInt64 - 2048: true, maxMember + 1: true,
		1 << 40: false, -1: false, -512: false, math.MinInt64: false,
	} {
		path := filepath.Join(dir, fmt.Sprint(size)+".tar")
		os.WriteFile(path, hugeMember(t, size), 0o666)
		_, err := Index(t.Context(), []string{path}, 0)
		if err == nil || !strings.Contains(err.Error(), path) ||
			!strings.Contains(err.Error(), "tar ends early") && !strings.Contains(err.Error(), "damaged") && !strings.Contains(err.Error(), "the tar is broken") {
			t.Errorf("size %d: got %v, want a tar that is broken", size, err)
		}
		if broken {
			if _, err := Index(t.Context(), []string{path}, 100); err == nil {
				t.Errorf("size %d: no error where faults are allowed", size)
			}
			continue
		}
		set, err := Index(t.Context(), []string{path}, 1)
		if err != nil || len(set.Samples()) != 1 || len(set.Bad()) != 1 {
			t.Errorf("size %d: got %v, %v, want the sample before it and one fault", size, set, err)
		}
	}
}

// TestMembersThatAreNoFiles: what only has the name of an image is none, and is
// counted; what comes behind it is read.
func TestMembersThatAreNoFiles(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct {
		name, want string
		raw        []byte
	}{
		{"symbolic", `key a: .png is a symbolic link to "/etc/hostname"`, members(t, &tar.Header{Name: "a.png", Typeflag: tar.TypeSymlink, Linkname: "/etc/hostname"})},
		{"link", `key a: .png is a link to member "z.png"`, members(t, &tar.Header{Name: "a.png", Typeflag: tar.TypeLink, Linkname: "z.png"})},
		{"char", "key a: .png is a device", members(t, &tar.Header{Name: "a.png", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 5})},
		{"block", "key a: .png is a device", members(t, &tar.Header{Name: "a.png", Typeflag: tar.TypeBlock, Devmajor: 8})},
		{"pipe", "key a: .png is a device or the like", members(t, &tar.Header{Name: "a.png", Typeflag: tar.TypeFifo})},
		{"text", `key a: .txt is a symbolic link`, members(t, &tar.Header{Name: "a.txt", Typeflag: tar.TypeSymlink, Linkname: "z.txt"})},
		{"sparse", "key s: .png is a sparse file", sparseMember(t)},
		{"above", "key ../../a: .png has a name that leads out of the tar", append(pack(t, false, "../../a.png", "A"), pack(t, true, "z.png", "ZZZZ")...)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(dir, tc.name+".tar")
			os.WriteFile(path, tc.raw, 0o666)
			if _, err := Index(t.Context(), []string{path}, 0); err == nil || !strings.Contains(err.Error(), "shard "+path+": "+tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			set, err := Index(t.Context(), []string{path}, 2)
			if err != nil || len(set.Samples()) != 1 || set.Samples()[0].Key != "z" {
				t.Fatalf("got %v, %v, want the sample behind it", set, err)
			}
			if raw, err := set.Read(set.Samples()[0], nil); err != nil || string(raw) != "ZZZZ" {
				t.Errorf("the sample behind it: %q, %v", raw, err)
			}
		})
	}
}

// TestAnImageHasABound: an image is read whole, so one of gigabytes is none.
func TestAnImageHasABound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tar")
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	w.WriteHeader(&tar.Header{Name: "a.png", Size: maxImage + 1, Mode: 0o644})
	os.WriteFile(path, buf.Bytes(), 0o666)
	if err := os.Truncate(path, 512+maxImage+4096); err != nil { // a hole: nothing is written
		t.Fatal(err)
	}
	_, err := Index(t.Context(), []string{path}, 0)
	if want := "key a: .png of 268435457 bytes is over 268435456"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add(pack(f, true, "a.png", "AAAA", "a.txt", "x", "a.json", `{"url": "u"}`, "b.png", "B"))
	f.Add(pack(f, false, "a.png", "AAAA"))
	f.Add(members(f, &tar.Header{Name: "a.png", Typeflag: tar.TypeSymlink, Linkname: "/dev/zero"}))
	f.Add(hugeMember(f, math.MaxInt64))
	f.Add(sparseMember(f))
	f.Add(pack(f, true, strings.Repeat("long", 40)+".png", "L")[:1500])
	f.Fuzz(func(t *testing.T, raw []byte) {
		x := shardIndex{name: "fuzz"}
		err := x.collect(1000, func(fn func(Member, io.Reader) error) error {
			return WalkIn(t.Context(), bytes.NewReader(raw), int64(len(raw)), fn)
		})
		if err != nil {
			return
		}
		size := int64(len(raw))
		for _, s := range x.samples { // no sum: it could overflow as the reader's could
			if s.Key == "" || s.Offset < 512 || s.Offset > size || s.Size < 0 || s.Size > size-s.Offset {
				t.Errorf("sample %+v of %d bytes", s, len(raw))
			}
		}
	})
}

// TestJoin: what becomes of each row where keys start again in each tar, rows and
// shards are not all there, and addresses or captions are known or not.
func TestJoin(t *testing.T) {
	dir := t.TempDir()
	put := func(path string, samples ...[4]string) string { // key, image, address, caption
		var files []string
		for _, s := range samples {
			files = append(files, s[0]+".png", s[1])
			if s[2] != "" {
				files = append(files, s[0]+".json", fmt.Sprintf(`{"url": %q}`, s[2]))
			}
			if s[3] != "" {
				files = append(files, s[0]+".txt", s[3])
			}
		}
		path = filepath.Join(dir, path)
		os.MkdirAll(filepath.Dir(path), 0o777)
		os.WriteFile(path, pack(t, true, files...), 0o666)
		return path
	}
	set, err := Index(t.Context(), []string{
		put("run1/00000.tar", [4]string{"000000000", "A", "u0", "red"}, [4]string{"000000001", "B", "", "green"}, [4]string{"000000002", "C", "", ""}),
		put("run2/00000.tar", [4]string{"000000000", "D", "u1", "blue"}, [4]string{"000000001", "E", "", "grey"}, [4]string{"000000005", "F", "u0", "pink"}),
		put("run2/00002.tar", [4]string{"000020000", "G", "", "white  sky\n"}, [4]string{"000020001", "H", "u9", "black"}),
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	for _, c := range []struct {
		name string
		row  Row
		want string // image, or why there is none
	}{
		{"repeated key, its address", Row{"000000000", "u0", "red", ""}, "A"},
		{"repeated key, the other address", Row{"000000000", "u1", "blue", ""}, "D"},
		{"repeated key, no address", Row{"000000000", "", "red", ""}, "repeated"},
		{"repeated key, no address in the tars", Row{"000000001", "u3", "green", ""}, "repeated"},
		{"an address that is of two samples", Row{"", "u0", "another", ""}, "no sample"},
		{"an address that is of two samples, and its caption", Row{"", "u0", "pink", ""}, "F"},
		{"key, and nothing else known", Row{"000000002", "u7", "any", ""}, "C"},
		{"key, and the caption is another", Row{"000020000", "u7", "night", ""}, "another caption"},
		{"key, and the caption but for space", Row{"000020000", "u7", "white sky", ""}, "G"},
		{"key, and the address is another", Row{"000020001", "u8", "black", ""}, "no sample"},
		{"key and address, and the caption is another", Row{"000020001", "u9", "anything", ""}, "H"},
		{"key of a shard that is not there", Row{"000010000", "u5", "x", ""}, "no shard"},
		{"key that is not in its shard", Row{"000020007", "u5", "x", ""}, "no sample"},
		{"metadata beside no shard", Row{"000020007", "u5", "x", filepath.Join(dir, "run1", "00002.parquet")}, "no shard"},
		{"metadata beside a shard", Row{"000010007", "u5", "x", filepath.Join(dir, "run2", "00002.parquet")}, "no sample"},
		{"metadata elsewhere, no shard of that number", Row{"", "u5", "x", "meta/00001.parquet"}, "no shard"},
		{"metadata elsewhere, a shard of that number", Row{"", "u5", "x", "meta/00002.parquet"}, "no sample"},
		{"metadata of another name", Row{"", "u5", "x", "meta/all.parquet"}, "no sample"},
	} {
		sample, miss := set.Join(c.row)
		got := string(miss)
		if miss == "" {
			raw, err := set.Read(sample, nil)
			if got = string(raw); err != nil {
				t.Fatal(err)
			}
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	set.Disown("000000002")
	if _, miss := set.Join(Row{Key: "000000002"}); miss != Repeated {
		t.Errorf("a key that several rows claim: %q", miss)
	}
}

func TestLacking(t *testing.T) {
	for _, c := range []struct{ metadata, shards, want string }{
		{"p/00000.parquet p/00001.parquet", "p/00000.tar p/00001.tar", ""},
		{"p/00000.parquet p/00001.parquet", "p/00000.tar", "p/00001.parquet"},
		{"a/00000.parquet b/00000.parquet", "a/00000.tar", ""},
		{"a/00000.parquet b/00000.parquet b/00001.parquet", "a/00000.tar b/00001.tar", "b/00000.parquet"},
		{"m/00000.parquet m/00003.parquet", "t/00000.tar", ""},
		{"p/meta.parquet", "p/00000.tar", ""},
		{"p/00000.parquet p/00001.parquet", "p/images.tar", ""},
		{"p/00000.parquet p/00001.parquet", "p/00000/000000000.jpg p/00000/000000000.txt", "p/00001.parquet"},
	} {
		got := strings.Join(Lacking(strings.Fields(c.metadata), strings.Fields(c.shards)), " ")
		if got != c.want {
			t.Errorf("%s with %s: got %q, want %q", c.metadata, c.shards, got, c.want)
		}
	}
}

// TestMatch: a key that stands for another image, as in shards that were fetched
// anew, gives way to address and caption.
func TestMatch(t *testing.T) {
	dir := t.TempDir()
	set, err := Index(t.Context(), []string{build(t, filepath.Join(dir, "00000.tar"), 0, 10)}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	caption := set.Samples()[4].Caption
	for _, c := range []struct{ key, url, caption, want string }{
		{"000000004", "u4", "any", "000000004"},
		{"000000004", "", "", "000000004"},
		{"000000007", "u4", caption, "000000004"},
		{"", "u4", caption, "000000004"},
		{"unknown", "u4", caption, "000000004"},
		{"000000007", "u4", "another", "000000004"}, // no other sample has that address
		{"000000007", "", "another", ""},
		{"000000004", "u99", caption, ""},
		{"unknown", "", "", ""},
		{"", "", caption, ""},
	} {
		if got, ok := set.Match(c.key, c.url, c.caption); got.Key != c.want || ok != (c.want != "") {
			t.Errorf("%+v: got %q, %v", c, got.Key, ok)
		}
	}
}
