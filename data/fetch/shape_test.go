package fetch

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"path/filepath"
	"strings"
	"testing"

	"react/data/image"
	"react/data/shards"
)

// stored fetches items and gives rows and images by the address's path.
func stored(t *testing.T, h *host, shape Shape, paths ...string) (map[string]answer, map[string][]byte) {
	t.Helper()
	var items []Item
	for _, path := range paths {
		items = append(items, Item{h.URL + "/" + path, ""})
	}
	opts := fast(t.TempDir())
	opts.Shape = shape
	if _, err := Run(t.Context(), list(items...), opts); err != nil {
		t.Fatal(err)
	}
	byPath, images := map[string]answer{}, map[string][]byte{}
	set, err := shards.Index(t.Context(), []string{filepath.Join(opts.Dir, "00000.tar")}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	for _, a := range rows(t, opts.Dir) {
		path := strings.TrimPrefix(a.URL, h.URL+"/")
		byPath[path] = a
		if s, ok := set.Find(a.Key); ok {
			if images[path], err = set.Read(s, nil); err != nil {
				t.Fatal(err)
			}
			if s.Ext != shape.WithDefaults().Format {
				t.Errorf("%s is stored as %s", path, s.Ext)
			}
		}
	}
	return byPath, images
}

// TestEXIF: how an image was turned is in its row, also where the image was encoded anew, and after
// a shard was opened again.
func TestEXIF(t *testing.T) {
	const want = `{"Image Orientation": "Rotated 90 CW"}`
	h := serve(t)
	opts := fast(t.TempDir())
	opts.Retries = -1
	items := []Item{{h.URL + "/exif/1", "a"}, {h.URL + "/ok/1", "b"}, {h.URL + "/healing/1", "c"}}
	for _, retry := range []string{"", "all", "all", "all"} {
		opts.RetryFailed = retry
		if _, err := Run(t.Context(), list(items...), opts); err != nil {
			t.Fatal(err)
		}
		got := rows(t, opts.Dir)
		if a := got[h.URL+"/exif/1 a"]; a.EXIF != want {
			t.Fatalf("retry %q: got %q", retry, a.EXIF)
		}
		if a, b := got[h.URL+"/ok/1 b"], got[h.URL+"/healing/1 c"]; a.EXIF != "{}" || b.EXIF != map[bool]string{true: "{}"}[b.Status == success] {
			t.Fatalf("retry %q: %+v, %+v", retry, a, b)
		}
	}
}

// TestFormats: images are stored as what is asked for, and bytes are kept where img2dataset keeps
// them.
func TestFormats(t *testing.T) {
	h := serve(t)
	keep := Shape{Fit: image.Fit{Mode: "no"}, SkipReencode: true}
	_, images := stored(t, h, keep, "exif/1", "opaque/1")
	if !bytes.Equal(images["exif/1"], cameraJPEG) {
		t.Error("a JPEG that is not resized has other bytes")
	}
	if !bytes.HasPrefix(images["opaque/1"], []byte("\xff\xd8")) {
		t.Error("a PNG was kept where JPEG is asked for")
	}
	keep.Format = "png"
	_, images = stored(t, h, keep, "exif/1", "opaque/1", "alpha/1")
	for path, image := range images {
		if !bytes.HasPrefix(image, []byte("\x89PNG")) {
			t.Errorf("%s: starts with %q", path, image[:4])
		}
	}
	if bytes.Equal(images["alpha/1"], images["opaque/1"]) || pngAlpha(images["alpha/1"][8:]) {
		t.Error("alpha was kept")
	}
	again := Shape{Fit: image.Fit{Mode: "keep_ratio", Size: 20, OnlyIfBigger: true}, SkipReencode: true, Format: "png"}
	if _, bigger := stored(t, h, again, "opaque/1"); !bytes.Equal(bigger["opaque/1"], images["opaque/1"]) {
		t.Error("an image that is not bigger has other bytes")
	}
	again.OnlyIfBigger = false
	if _, same := stored(t, h, again, "opaque/1"); len(same["opaque/1"]) == 0 {
		t.Error("no image")
	}
	for raw, want := range map[string]string{"\xff\xd8\xff\xe0\x00\x10JFIF\x00": "jpg", "\xff\xd8\xff\xe1\x00\x10Exif\x00": "jpg", "\xff\xd8\xff\xdb\x00\x43\x00\x08\x06\x06\x07": "jpg",
		"\xff\xd8\xff\xee\x00\x0eAdobe": "", "\xff\xd8": "", "": "", "GIF89a": ""} {
		if got := formatOf([]byte(raw)); got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
}

// TestLimits: sizes that are not wanted fail, in img2dataset's words.
func TestLimits(t *testing.T) {
	h := serve(t)
	for want, shape := range map[string]Shape{"image too small": {MinSize: 21}, "image area too large": {MaxArea: 599}, "aspect ratio too large": {MaxAspect: 1.4}, "": {MinSize: 20, MaxArea: 600, MaxAspect: 1.5}} {
		shape.Mode = "no"
		got, _ := stored(t, h, shape, "opaque/1") // 30 x 20
		if a := got["opaque/1"]; a.Error != want || (a.Status == failedResize) != (want != "") || a.OriginalWidth != 30 {
			t.Errorf("%+v: got %+v, want %q", shape, a, want)
		}
	}
}

// TestLimitsBeforePixels: sizes are looked at in the header, before memory is taken for the
// pixels: this one has none, so that decoding it would fail otherwise.
func TestLimitsBeforePixels(t *testing.T) {
	chunk := func(kind string, data []byte) []byte {
		out := append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), kind...)
		out = append(out, data...)
		return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
	}
	size := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 14_000), 14_000)
	bomb := append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(size, 8, 2, 0, 0, 0))...)
	bomb = append(bomb, chunk("IDAT", nil)...)
	var a answer
	if _, err := a.shape(bomb, Shape{MaxArea: 1 << 20}.WithDefaults()); err == nil || err.Error() != "image area too large" || a.OriginalWidth != 14_000 {
		t.Errorf("got %v, %+v", err, a)
	}
}

func TestShapeErrors(t *testing.T) {
	fit := image.Fit{Mode: "no"}
	for want, shape := range map[string]Shape{`format "webp" is none of jpg, png; webp is read, but there is no encoder here`: {Fit: fit, Format: "webp"}, `format "tga" is none of jpg, png`: {Fit: fit, Format: "tga"},
		"quality 101 is not in 1 to 100 of jpg": {Fit: fit, Quality: 101}, "quality 95 is not in 1 to 9 of png": {Fit: fit, Format: "png", Quality: 95},
		"largest aspect ratio 0.5: not less than 0, a ratio not less than 1": {Fit: fit, MaxAspect: 0.5}, "least side -1": {Fit: fit, MinSize: -1}, "is none of no, border": {Fit: image.Fit{Mode: "x"}}} {
		if err := shape.WithDefaults().Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", shape, err, want)
		}
	}
	if got, want := (Shape{Fit: image.Fit{Mode: "border", Size: 8, OnlyIfBigger: true}, SkipReencode: true, Format: "png", Quality: 9, MinSize: 1, MaxArea: 2, MaxAspect: 3}).String(),
		"resize border to 8, png of quality 9, only if bigger, bytes kept where nothing is resized, sides of 1 and more, 2 pixels and less, aspect ratio 3 and less"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
