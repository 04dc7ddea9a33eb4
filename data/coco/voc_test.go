package coco

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// bird is an annotation as VOC has them: fields in another order, a part with a box of its own, a
// fraction, an object that is difficult.
const bird = `<annotation>
	<folder>VOC2012</folder>
	<filename>2008_000002.jpg</filename>
	<size><width>500</width><height>375</height><depth>3</depth></size>
	<object>
		<name>person</name>
		<bndbox><xmax>48.5</xmax><ymin>1</ymin><xmin>8</xmin><ymax>375</ymax></bndbox>
		<part><name>head</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></part>
	</object>
	<object>
		<name>bird</name><difficult>1</difficult>
		<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>1</xmax><ymax>1</ymax></bndbox>
	</object>
</annotation>`

func TestDecodeVOC(t *testing.T) {
	image, objects, err := DecodeVOC(strings.NewReader(bird), []string{"bird", "person"})
	if err != nil {
		t.Fatal(err)
	}
	if want := (Image{File: "2008_000002.jpg", Width: 500, Height: 375}); !reflect.DeepEqual(image, want) {
		t.Errorf("got %+v, want %+v", image, want)
	}
	want := []Annotation{
		{Category: 2, Box: Box{7, 0, 41.5, 375}, Area: 41.5 * 375},
		{Category: 1, Box: Box{0, 0, 1, 1}, Area: 1, Difficult: true},
	}
	if !reflect.DeepEqual(objects, want) {
		t.Errorf("got %+v, want %+v", objects, want)
	}
}

func TestReadVOC(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("2008_000002.xml", bird)
	write("2008_000007.xml", `<annotation><size><width>4</width><height>3</height></size></annotation>`)
	write("cat.xml", `<annotation/>`)
	set, err := ReadVOC(dir, write("val.txt", "2008_000002  1\n2008_000007 -1\n\n"), []string{"bird", "person"})
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Categories) != 2 || set.Categories[1] != (Category{ID: 2, Name: "person"}) {
		t.Errorf("got %+v", set.Categories)
	}
	if set.Images[0].ID != 2008000002 || set.Images[1].ID != 2008000007 || set.Images[1].File != "2008_000007.jpg" {
		t.Errorf("got %+v", set.Images)
	}
	if a := set.Annotations[1]; len(set.Annotations) != 2 || a.ID != 2 || a.Image != 2008000002 || set.check() != nil {
		t.Errorf("got %+v", set.Annotations)
	}
	set, err = ReadVOC(dir, write("val.txt", "2008_000007\ncat"), []string{"bird", "person"})
	if err != nil || set.Images[0].ID != 1 || set.Images[1].ID != 2 {
		t.Errorf("names without digits: %+v, %v", set, err)
	}
	for text, want := range map[string]string{
		"":         "lists no picture",
		"../a":     `"../a" is no name of a picture`,
		"2008_001": "no such file",
	} {
		if _, err := ReadVOC(dir, write("val.txt", text), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestBadVOC(t *testing.T) {
	object := func(box string) string {
		return `<annotation><object><name>cat</name>` + box + `</object></annotation>`
	}
	for name, c := range map[string]struct{ text, want string }{
		"empty":   {"", "the file ends before its XML does"},
		"another": {"<html/>", "expected element type <annotation> but have <html>"},
		"class":   {strings.ReplaceAll(object(""), "cat", "dog"), "object 1 (dog): no class of the set"},
		"no box":  {object(""), "object 1 (cat): has no bndbox"},
		"swapped": {object("<bndbox><xmin>9</xmin><ymin>1</ymin><xmax>3</xmax><ymax>4</ymax></bndbox>"),
			"object 1 (cat): bndbox from (9, 1) to (3, 4) holds no pixel"},
		"text": {object("<bndbox><xmin>a</xmin></bndbox>"), `strconv.ParseFloat: parsing "a": invalid syntax`},
		"far":  {object("<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>1e9</xmax><ymax>4</ymax></bndbox>"), "object 1 (cat): bbox: 1e+09 is no coordinate of a picture"},
	} {
		if _, _, err := DecodeVOC(strings.NewReader(c.text), []string{"cat"}); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

// FuzzVOC: no text makes the reader panic, and boxes that are read hold pixels.
func FuzzVOC(f *testing.F) {
	f.Add(bird)
	f.Add(`<annotation><object><name>bird</name><bndbox><xmin>NaN</xmin><ymin>1</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object></annotation>`)
	f.Fuzz(func(t *testing.T, text string) {
		_, objects, err := DecodeVOC(strings.NewReader(text), []string{"bird", "person"})
		if err != nil {
			return
		}
		for _, a := range objects {
			if !(a.Area > 0) || a.Category < 1 || a.Category > 2 {
				t.Errorf("got %+v", a)
			}
		}
	})
}
