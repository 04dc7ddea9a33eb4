package datasets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKeepTakesWhatAListNames: names with or without folders and endings, in the order of the set,
// and mistakes by line.
func TestKeepTakesWhatAListNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"cat/a.png", "cat/b.png", "dog/c.png", "dog/d.png"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	list := filepath.Join(t.TempDir(), "list.txt")
	for text, want := range map[string]string{
		"c.JPEG\ncat/b\n\n": "",
		"b\nd\r\n":          "",
		"a\nc\nx\n":         `line 3: no image "x"`,
		"a\nc\na.png\n":     `line 3: image "a" is there twice`,
		"a\nb\n":            `class 1 ("dog") has no images`,
	} {
		if err := os.WriteFile(list, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		set, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		err = set.Keep(list)
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "list.txt") {
				t.Errorf("%q: got %v, want %q", text, err, want)
			}
			continue
		}
		if err != nil || len(set.Items) != 2 || set.Items[0].Label != 0 || set.Items[1].Label != 1 {
			t.Errorf("%q: got %+v, %v", text, set.Items, err)
			continue
		}
		for i, item := range set.Items {
			raw, err := set.Read(i)
			if err != nil || !strings.Contains(item.Key, listedName(string(raw))) {
				t.Errorf("%q: item %s reads %q, %v", text, item.Key, raw, err)
			}
		}
	}
}

// TestKeepOfTars: the images of a set in tars are those of the items that are left.
func TestKeepOfTars(t *testing.T) {
	dir, list := filepath.Join(t.TempDir(), "set"), filepath.Join(t.TempDir(), "list.txt")
	create(t, dir, 7)
	if err := os.WriteFile(list, []byte("s0000002\ns0000003\ns0000004\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	set, err := Open(dir)
	if err == nil {
		defer set.Close()
		err = set.Keep(list)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"image 2", "image 3", "image 4"} {
		if got, err := set.Read(i); string(got) != want {
			t.Errorf("item %d, %s: got %q, %v, want %q", i, set.Items[i].Key, got, err, want)
		}
	}
}
