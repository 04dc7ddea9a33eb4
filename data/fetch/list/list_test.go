package list

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/data/columns"
	"react/data/fetch"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	a, b := fetch.Item{URL: "http://a/1", Caption: "one, \"quoted\""}, fetch.Item{URL: "http://a/2"}
	for name, c := range map[string]struct {
		text string
		want []fetch.Item
		left LeftOut
		err  string
	}{
		"a.txt":       {"\ufeffhttp://a/1\r\n\n  http://a/2  ", []fetch.Item{{URL: "http://a/1"}, b}, LeftOut{}, ""},
		"a.csv":       {"id,URL,Text\n7,http://a/1,\"one, \"\"quoted\"\"\"\n8,http://a/2,\n9,,none\n", []fetch.Item{a, b}, LeftOut{NoAddress: 1}, ""},
		"b.csv":       {"\ufeffurl\nhttp://a/2\n", []fetch.Item{b}, LeftOut{}, ""},
		"c.csv":       {"Caption;URL\r\n\"one, \"\"quoted\"\"\";http://a/1\r\n;http://a/2\r\n", []fetch.Item{a, b}, LeftOut{}, ""},
		"a.tsv":       {"caption\turl\none, \"quoted\"\thttp://a/1\n\thttp://a/2\n", []fetch.Item{a, b}, LeftOut{}, ""},
		"quotes.tsv":  {"url\tcaption\nhttp://a/1\t\"one\nhttp://a/2\t\nhttp://a/3\t\"two\" \n", []fetch.Item{{URL: "http://a/1", Caption: "\"one"}, b, {URL: "http://a/3", Caption: "\"two\" "}}, LeftOut{}, ""},
		"latin.tsv":   {"url\tcaption\nhttp://a/1\tcaf\xe9\n", []fetch.Item{{URL: "http://a/1", Caption: "caf\xe9"}}, LeftOut{NotText: 1}, ""},
		"empty.csv":   {"", nil, LeftOut{}, "empty.csv: is empty: the first row names the columns"},
		"link.tsv":    {"link\tname\nx\ty\n", nil, LeftOut{}, "link.tsv: no column url in the first row (it has link, name)"},
		"twice.csv":   {"url,caption,URL\nx,y,z\n", nil, LeftOut{}, `twice.csv: columns "url" and "URL" are both url`},
		"cc.tsv":      {"a dog\thttp://a/1\n", nil, LeftOut{}, "cc.tsv: the first row is no names of columns (cell 2 is an address)"},
		"short.csv":   {"url,caption\nhttp://a/1\n", nil, LeftOut{}, "short.csv: line 2: 1 cell, and the first row has 2"},
		"long.txt":    {strings.Repeat("x", 2<<20), nil, LeftOut{}, "long.txt: line 1: longer than 1048576 bytes"},
		"utf16.txt":   {"\xff\xfeh\x00", nil, LeftOut{}, "utf16.txt: is UTF-16, or no text: save it as UTF-8"},
		"bad.parquet": {"PAR1", nil, LeftOut{}, "bad.parquet: "},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		items, ok, err := Open(path)
		if err != nil || !ok {
			t.Fatalf("%s: %v, %v", name, ok, err)
		}
		var got []fetch.Item
		var left LeftOut
		for item, e := range left.WithAddress(items) {
			if err = e; err != nil {
				break
			}
			got = append(got, item)
		}
		if !slices.Equal(got, c.want) || (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: got %q, %v, want %q, %q", name, got, err, c.want, c.err)
		}
		if left != c.left {
			t.Errorf("%s: left out %+v, want %+v", name, left, c.left)
		}
	}
	items, _, err := Open(filepath.Join(dir, "{a,b}.csv"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range items {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 4 {
		t.Errorf("%d rows of two lists, want 4", n)
	}
	if _, _, err := Open("s3://bucket/{0..3}.parquet"); err == nil || !strings.Contains(err.Error(), "not from s3://") {
		t.Errorf("an address: %v", err)
	}
	if _, ok, _ := Open("sweep-of.mine"); ok {
		t.Error("a sweep's name is taken for a list")
	}
}

// TestNullCaption: a row without a caption has an empty one, as img2dataset has it, and a
// row without an address is counted.
func TestNullCaption(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list.parquet")
	w, err := columns.Create(path, []columns.Column{{Name: "url"}, {Name: "caption"}})
	if err != nil {
		t.Fatal(err)
	}
	urls := &columns.Vector{Strings: []string{"http://a/1", "", "http://a/3"}, Null: []bool{false, true, false}}
	captions := &columns.Vector{Strings: []string{"one", "two", ""}, Null: []bool{false, false, true}}
	if err := errors.Join(w.Append(3, []*columns.Vector{urls, captions}), w.Close()); err != nil {
		t.Fatal(err)
	}
	var got []fetch.Item
	var left LeftOut
	for item, err := range left.WithAddress(parquetItems(path)) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, item)
	}
	want := []fetch.Item{{URL: "http://a/1", Caption: "one"}, {URL: "http://a/3"}}
	if !slices.Equal(got, want) || left.NoAddress != 1 {
		t.Errorf("got %q, %+v, want %q and 1 without an address", got, left, want)
	}
}
