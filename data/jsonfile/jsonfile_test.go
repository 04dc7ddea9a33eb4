package jsonfile

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type image struct {
	File  string     `json:"filename"`
	Size  [2]int     `json:"size"`
	Mean  [3]float32 `json:"mean"`
	Score *float64   `json:"score"`
	Small int8       `json:"small"`
	Ok    bool       `json:"ok"`
	Tags  []string   `json:"tags"`
	Of    own        `json:"of"`
}

type list struct {
	Images []image             `json:"images"`
	Names  map[string][]string `json:"names"`
	Deep   map[string]image    `json:"deep"`
	Split  string              `json:"split"`
}

// own is a type that reads itself, so that encoding/json's offset is of its own text.
type own []string

func (o *own) UnmarshalJSON(raw []byte) error { return json.Unmarshal(raw, (*[]string)(o)) }

func TestUnmarshal(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"fine":          {`{"images": [{"filename": "a", "small": 3}]}`, ""},
		"byte order":    {"\ufeff{}", ""},
		"another form":  {`[{"file": "a"}]`, `want {"images": [...], "names": {...}, "deep": {...}, ...}, got a list`},
		"text at top":   {`"a"`, `want {"images": [...], "names": {...}, "deep": {...}, ...}, got "a"`},
		"list for text": {"{\n\"images\": [{}, {\"filename\": [\"a\"]}]}", `line 2: images[1].filename: want a string, got a list`},
		"text for list": {`{"images": "none"}`, `images: want a list of objects {"filename": ..., "size": [...], "mean": [...], ...}, got "none"`},
		"object":        {`{"images": [{"filename": {"a": 1}}]}`, `images[0].filename: want a string, got an object`},
		"number":        {`{"images": [{"filename": 7}]}`, `images[0].filename: want a string, got 7`},
		"fraction":      {`{"images": [{"small": 1.5}]}`, `images[0].small: want a whole number, got 1.5`},
		"too large":     {`{"images": [{"small": 300}]}`, `images[0].small: want a whole number that fits 8 bits, got 300`},
		"text for bool": {`{"images": [{"ok": "yes"}]}`, `images[0].ok: want true or false, got "yes"`},
		"bool":          {`{"images": [{"mean": true}]}`, `images[0].mean: want a list of 3 numbers, got true`},
		"mean":          {`{"images": [{"mean": 0.5}]}`, `images[0].mean: want a list of 3 numbers, got 0.5`},
		"in a list":     {`{"images": [{"mean": [0, "a", 0]}]}`, `images[0].mean[1]: want a number, got "a"`},
		"pointer":       {`{"images": [{"score": "high"}]}`, `images[0].score: want a number, got "high"`},
		"in a map":      {`{"names": {"a": ["b"], "c": "d"}}`, `names.c: want a list of strings, got "d"`},
		"deep":          {`{"deep": {"x.y": {"tags": [1]}}}`, `deep.x.y.tags[0]: want a string, got 1`},
		"own type":      {`{"images": [{"of": "a"}]}`, `images.of: want a list of strings, got a string`},
		"map of what":   {`{"names": ["a"]}`, `names: want an object of names and lists of strings, got a list`},
		"cut":           {"{\"images\": [\n{\"filename\":", `line 2: the file ends inside its JSON`},
		"no JSON":       {"{\n'images': 1}", `line 2: not JSON: invalid character '\'' looking for beginning of object key string`},
		"NaN":           {"{\"deep\":\n NaN}", `line 2: NaN is no number of JSON`},
		"-Infinity":     {`{"deep": -Infinity}`, `-Infinity is no number of JSON`},
		"more":          {`{} {}`, `not JSON: invalid character '{' after top-level value`},
		"empty":         {" \n", `is empty, want JSON`},
		"UTF-16":        {"\xff\xfe{\x00}\x00", `is UTF-16: save it as UTF-8`},
		"long text":     {`{"images": "` + strings.Repeat("é", 99) + `"}`, `, got "` + strings.Repeat("é", 56) + `...`},
	} {
		err := Unmarshal([]byte(c.text), new(list))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasSuffix(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "Go ") {
			t.Errorf("%s: %v speaks of Go", name, err)
		}
	}
}

func TestStrict(t *testing.T) {
	for text, want := range map[string]string{
		`{"split": "a"}`: "",
		`{"splits": 1}`:  `field "splits" is not known`,
		`{"split": 1}`:   `split: want a string, got 1`,
		"{}\n{}":         `line 2: something follows the JSON`,
		`{"split": `:     `the file ends inside its JSON`,
	} {
		err := Strict([]byte(text), new(list))
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// TestRecord reads what Python's json writes of a row with missing values.
func TestRecord(t *testing.T) {
	var row struct {
		Caption *string `json:"caption"`
		URL     string  `json:"url"`
	}
	text := `{"caption": NaN, "url": "of NaN \" and \\", "score": [-Infinity, Infinity, NaN, 1]}`
	if err := Record([]byte(text), &row); err != nil || row.Caption != nil || row.URL != `of NaN " and \` {
		t.Errorf("got %+v, %v", row, err)
	}
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.json")
	if err := os.WriteFile(path, []byte(`{"split": 1}`), 0o666); err != nil {
		t.Fatal(err)
	}
	err := Read(path, new(list))
	if want := "file " + path + ": split: want a string, got 1"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	var typed *json.UnmarshalTypeError
	if !errors.As(err, &typed) {
		t.Error("the error of encoding/json is gone")
	}
	if err := Read(path+"x", new(list)); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// FuzzPlain holds that no text makes the search for the place panic or run on.
func FuzzPlain(f *testing.F) {
	f.Add(`{"images": [{"filename": ["a"]}], "names": {"a": {"b": [1, "\u00e9"]}}}`)
	f.Add(`[[[[1`)
	f.Fuzz(func(t *testing.T, text string) {
		if err := Unmarshal([]byte(text), new(list)); err != nil && strings.Contains(err.Error(), "Go value") {
			t.Error(err)
		}
	})
}
