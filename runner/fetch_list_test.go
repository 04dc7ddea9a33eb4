package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/data/fetch"
)

func TestListItems(t *testing.T) {
	dir := t.TempDir()
	a, b := fetch.Item{URL: "http://a/1", Caption: "one, \"quoted\""}, fetch.Item{URL: "http://a/2"}
	for name, c := range map[string]struct {
		text string
		want []fetch.Item
		err  string
	}{
		"a.txt":       {"\ufeffhttp://a/1\r\n\n  http://a/2  ", []fetch.Item{{URL: "http://a/1"}, b}, ""},
		"a.csv":       {"id,URL,Text\n7,http://a/1,\"one, \"\"quoted\"\"\"\n8,http://a/2,\n9,,none\n", []fetch.Item{a, b}, ""},
		"b.csv":       {"\ufeffurl\nhttp://a/2\n", []fetch.Item{b}, ""},
		"a.tsv":       {"caption\turl\none, \"quoted\"\thttp://a/1\n\thttp://a/2\n", []fetch.Item{a, b}, ""},
		"empty.csv":   {"", nil, "empty.csv: is empty: the first row names the columns url and caption"},
		"link.tsv":    {"link\tname\nx\ty\n", nil, "link.tsv: no column url in the first row (it has link, name)"},
		"short.csv":   {"url,caption\nhttp://a/1\n", nil, "short.csv: record on line 2: wrong number of fields"},
		"long.txt":    {strings.Repeat("x", 2<<20), nil, "long.txt: bufio.Scanner: token too long"},
		"bad.parquet": {"PAR1", nil, "bad.parquet: "},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		items, ok, err := listItems(path)
		if err != nil || !ok {
			t.Fatalf("%s: %v, %v", name, ok, err)
		}
		var got []fetch.Item
		for item, e := range items {
			if err = e; err != nil {
				break
			}
			got = append(got, item)
		}
		if !slices.Equal(got, c.want) || (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: got %q, %v, want %q, %q", name, got, err, c.want, c.err)
		}
	}
	if _, ok, _ := listItems("sweep-of.mine"); ok {
		t.Error("a sweep's name is taken for a list")
	}
}
