package emoji

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	stdimage "image"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/data/datasets"
	"react/data/datasets/classnames"
	"react/data/image"
	"react/data/laion"
	"react/data/shards"
)

// The emoji of the made-up packages: label, code, group, and which vendors lack it.
var fakes = []struct {
	label, code string
	group       int
	tags        []string
	lacking     string
}{
	{"red heart", "2764-FE0F", 0, []string{"love"}, ""},
	{"waving hand", "1F44B", 1, []string{"bye", "hello", "wave"}, ""},
	{"dog face", "1F436", 3, []string{"pet", "puppy"}, ""},
	{"orca", "1FACD", 3, []string{"sea", "whale"}, "google facebook"},
	{"melon", "1F348", 4, nil, ""},
	{"tent", "26FA", 5, []string{"camping", "holiday"}, "apple"},
	{"harp", "1FA89", 7, []string{"music", "strings"}, ""},
}

// fakePackages writes the packages in their real layout, with 8-pixel drawings: a
// square of a vendor's colour, half transparent at the left, nothing around it.
func fakePackages(t *testing.T, root string) {
	t.Helper()
	var names []map[string]any
	for i, f := range fakes {
		e := map[string]any{"label": f.label, "hexcode": f.code, "group": f.group, "order": i + 1, "tags": f.tags}
		if f.label == "waving hand" {
			e["skins"] = []map[string]any{{"label": "waving hand: dark skin tone", "hexcode": "1F44B-1F3FF", "group": 1, "order": 100}}
		}
		names = append(names, e)
	}
	names = append(names, map[string]any{"label": "regional indicator A", "hexcode": "1F1E6"})
	put(t, filepath.Join(root, "emojibase-data", "en", "data.json"), asJSON(t, names))
	for i, f := range fakes {
		if f.label != "waving hand" { // Fluent lacks one of those that all others have
			put(t, filepath.Join(root, "@lobehub", "fluent-emoji-3d", "assets", strings.ToLower(f.code)+".png"), fakeImage(t, 5, i))
		}
	}
	for v, vendor := range []string{"google", "twitter", "facebook", "apple", "emojione", "blob"} {
		dir := filepath.Join(root, "emoji-datasource-"+vendor)
		if vendor == "blob" {
			vendor = "google" // an older version of its package
		}
		var entries []map[string]any
		for i, f := range fakes {
			file := strings.ToLower(f.code) + ".png"
			e := map[string]any{"unified": strings.ReplaceAll(f.code, "-FE0F", ""), "image": file, "has_img_" + vendor: true}
			if f.label == "waving hand" {
				e["skin_variations"] = map[string]any{"1F3FF": map[string]any{"unified": "1F44B-1F3FF", "image": "1f44b-1f3ff.png"}}
				put(t, filepath.Join(dir, "img", vendor, "64", "1f44b-1f3ff.png"), fakeImage(t, v, 99))
			}
			entries = append(entries, e)
			if !strings.Contains(f.lacking, vendor) {
				put(t, filepath.Join(dir, "img", vendor, "64", file), fakeImage(t, v, i))
			}
		}
		put(t, filepath.Join(dir, "emoji.json"), asJSON(t, entries))
	}
}

func fakeImage(t *testing.T, vendor, i int) []byte {
	t.Helper()
	img := stdimage.NewNRGBA(stdimage.Rect(0, 0, 8, 8))
	for y := 2; y < 6; y++ {
		for x := 2; x < 6; x++ {
			alpha := uint8(255)
			if x < 4 {
				alpha = 128
			}
			img.SetNRGBA(x, y, color.NRGBA{uint8(60 * vendor), uint8(2 * i), 0, alpha})
		}
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, img); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func asJSON(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func put(t *testing.T, path string, raw []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
}

// imported runs Import on the made-up packages and returns the folder it fills.
func imported(t *testing.T, o Options) string {
	t.Helper()
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "emoji")
	fakePackages(t, filepath.Join(from, "node_modules"))
	if err := Import(t.Context(), from, to, o); err != nil {
		t.Fatal(err)
	}
	return to
}

func readPool(t *testing.T, dir string) []laion.Row {
	t.Helper()
	reader, err := laion.Open([]string{filepath.Join(dir, "pool", "00000.parquet")}, laion.Options{Columns: []string{"URL", "TEXT", "WIDTH", "key", "label", "truth"}})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var rows []laion.Row
	for {
		batch, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, batch.Rows...)
	}
}

func TestPool(t *testing.T) {
	dir := imported(t, Options{})
	set, err := shards.Index(t.Context(), []string{filepath.Join(dir, "pool", "00000.tar")}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	rows := readPool(t, dir)
	count := map[string]int{}
	for i, row := range rows {
		count[row.Label]++
		sample, ok := set.Find(row.Key)
		if !ok || sample.Caption != row.Text || row.Truth != row.Label || sample.URL != row.URL {
			t.Errorf("row %d: got %+v, sample %+v", i, row, sample)
		}
	}
	want := map[string]int{"red heart": 15, "waving hand": 12, "dog face": 15, "orca": 9, "melon": 10, "tent": 15, "harp": 15}
	if fmt.Sprint(count) != fmt.Sprint(want) {
		t.Errorf("got rows %v, want %v", count, want)
	}
	raw, err := set.Read(set.Samples()[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	img, err := image.DecodeOnWhite(raw)
	if err != nil || img.W != 8 {
		t.Fatal(img, err)
	}
	at := func(x, y int) []uint8 { return img.Pix[3*(8*y+x) : 3*(8*y+x)+3] }
	if !slices.Equal(at(0, 0), []uint8{255, 255, 255}) || !slices.Equal(at(5, 5), []uint8{0, 0, 0}) || !slices.Equal(at(2, 2), []uint8{127, 127, 127}) {
		t.Errorf("on white: got %v, %v, %v", at(0, 0), at(5, 5), at(2, 2))
	}
}

func TestSkinTonesAndSize(t *testing.T) {
	dir := imported(t, Options{SkinTones: true, Size: 4})
	rows := readPool(t, dir)
	tone := slices.IndexFunc(rows, func(r laion.Row) bool { return r.Label == "waving hand: dark skin tone" })
	if tone < 0 || rows[tone].Width != 4 || len(rows) != 91+4*3 {
		t.Errorf("got variant at %d of %d rows, width %d", tone, len(rows), rows[0].Width)
	}
}

// wantsOneClass: these packages are so small that some sets have a class only, which is refused
// where it is read.
func wantsOneClass(t *testing.T, err error, class string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("one class (%q) leaves nothing to measure", class)) {
		t.Errorf("got %v, want the one class %q refused", err, class)
	}
}

func TestSets(t *testing.T) {
	dir := imported(t, Options{})
	for name, want := range map[string][]string{
		"animals-food":   {"dog face", "melon"},
		"objects-travel": {"harp"},
		"others":         {"red heart", "waving hand"},
	} {
		classes, err := classnames.Read(filepath.Join(dir, name+".json"))
		if err != nil || !slices.Equal(classes, want) {
			t.Errorf("%s.json: got %q, %v, want %q", name, classes, err, want)
		}
		for _, vendor := range []string{"facebook", "apple"} {
			set, err := datasets.OpenSplit(filepath.Join(dir, "test", vendor, name), datasets.Options{})
			if len(want) == 1 {
				wantsOneClass(t, err, want[0])
				continue
			}
			if err != nil || !slices.Equal(set.Classes, want) || len(set.Items) != len(want) {
				t.Errorf("%s/%s: got %+v, %v", vendor, name, set, err)
			}
		}
	}
	if both, err := datasets.OpenSplit(filepath.Join(dir, "test", "both", "animals-food"), datasets.Options{}); err != nil || len(both.Classes) != 2 || len(both.Items) != 4 {
		t.Errorf("test/both/animals-food: got %+v, %v, want two images of each class", both, err)
	}
	_, err := datasets.OpenSplit(filepath.Join(dir, "seen", "fluent", "others"), datasets.Options{})
	wantsOneClass(t, err, "red heart") // the one that is drawn
	if all, err := datasets.OpenSplit(filepath.Join(dir, "seen", "all", "animals-food"), datasets.Options{}); err != nil || len(all.Classes) != 2 || len(all.Items) < 4 || len(all.Items)%2 != 0 {
		t.Errorf("seen/all/animals-food: got %+v, %v, want the images of every vendor that drew both classes", all, err)
	}
	if found, err := datasets.OpenCaptions(filepath.Join(dir, "captions", "apple"), datasets.Options{}); err != nil || len(found.Keys) != 5 || found.NumTexts() < 2*len(found.Keys) {
		t.Errorf("captions/apple: got %+v, %v, want every drawing with two captions or three", found, err)
	}
	var report Report
	raw, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &report); err != nil {
		t.Fatal(err)
	}
	want := Report{91, map[string]int{"google": 6, "twitter": 7, "blob": 6, "emojione": 7, "fluent": 6, "facebook": 5, "apple": 5},
		map[string]int{"animals-food": 2, "objects-travel": 1, "others": 2},
		map[string][]string{"google": {"orca"}, "blob": {"orca"}, "fluent": {"waving hand"}, "facebook": {"orca"}, "apple": {"tent"}}}
	if fmt.Sprint(report) != fmt.Sprint(want) {
		t.Errorf("report:\ngot  %v\nwant %v", report, want)
	}
	if _, err := os.Stat(filepath.Join(dir, "LICENSES.md")); err != nil {
		t.Error(err)
	}
}

func TestSameBytes(t *testing.T) {
	a, b := imported(t, Options{}), imported(t, Options{})
	for _, name := range []string{"pool/00000.tar", "pool/00000.parquet", "test/apple/others/test/0.tar", "report.json"} {
		x, err := os.ReadFile(filepath.Join(a, name))
		if err != nil {
			t.Fatal(err)
		}
		if y, err := os.ReadFile(filepath.Join(b, name)); err != nil || !bytes.Equal(x, y) {
			t.Errorf("%s differs, %v", name, err)
		}
	}
}

func TestImportRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(t *testing.T, root string)
		o      Options
		want   string
	}{
		"no vendor": {func(t *testing.T, root string) { remove(t, root, "emoji-datasource-twitter") }, Options{}, "emoji-datasource-twitter/img/twitter/64: not there; run `make emoji`, or .ci/install-emoji"},
		"no images": {func(t *testing.T, root string) { remove(t, root, "emoji-datasource-apple/img") }, Options{}, "emoji-datasource-apple/img/apple/64: not there; run `make emoji`"},
		"no names":  {func(t *testing.T, root string) { remove(t, root, "emojibase-data") }, Options{}, "emojibase-data/en/data.json: not there; run `make emoji`"},
		"empty names": {func(t *testing.T, root string) {
			put(t, filepath.Join(root, "emojibase-data/en/data.json"), []byte("[]"))
		}, Options{}, "package emojibase-data: en/data.json has no emoji; run `make emoji`"},
		"same label": {func(t *testing.T, root string) {
			put(t, filepath.Join(root, "emojibase-data/en/data.json"), []byte(`[{"label":"a","hexcode":"1","order":1},{"label":"a","hexcode":"2","order":2}]`))
		}, Options{}, `package emojibase-data: emoji 1 and 2 have the same label "a"`},
		"no label": {func(t *testing.T, root string) {
			put(t, filepath.Join(root, "emojibase-data/en/data.json"), []byte(`[{"hexcode":"1","order":1}]`))
		}, Options{}, `package emojibase-data: emoji 1: label "" is none`},
		"cut JSON": {func(t *testing.T, root string) {
			put(t, filepath.Join(root, "emoji-datasource-google/emoji.json"), []byte(`[{"unified":`))
		}, Options{}, "emoji-datasource-google/emoji.json: the file ends inside its JSON"},
		"bad image": {func(t *testing.T, root string) {
			put(t, filepath.Join(root, "emoji-datasource-google/img/google/64/1f436.png"), []byte("\x89PNG\r\n\x1a\n"))
		}, Options{}, "emoji-datasource-google/img/google/64/1f436.png: "},
		"empty group": {func(t *testing.T, root string) {
			remove(t, root, "emoji-datasource-facebook/img/facebook/64/1fa89.png")
		}, Options{}, "group objects-travel: no emoji has an image of every test vendor"},
		"size": {func(*testing.T, string) {}, Options{Size: -1}, "size: -1 is not in 0 to 1024"},
	} {
		t.Run(name, func(t *testing.T) {
			root, parent := t.TempDir(), t.TempDir()
			fakePackages(t, root) // found without node_modules too
			c.damage(t, root)
			err := Import(t.Context(), root, filepath.Join(parent, "emoji"), c.o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func remove(t *testing.T, root, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(root, filepath.FromSlash(name))); err != nil {
		t.Fatal(err)
	}
}

func TestImportKeepsWhatIsThere(t *testing.T) {
	to := t.TempDir()
	put(t, filepath.Join(to, "mine"), nil)
	if err := Import(t.Context(), t.TempDir(), to, Options{}); err == nil || err.Error() != "folder "+to+": is not empty; remove it first" {
		t.Errorf("got %v", err)
	}
}

func TestImportStops(t *testing.T) {
	from := t.TempDir()
	fakePackages(t, from)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Import(ctx, from, filepath.Join(t.TempDir(), "emoji"), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
