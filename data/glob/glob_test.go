package glob

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree makes files, folders where the name ends in a slash, and goes there.
func tree(t *testing.T, names ...string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, name := range names {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			continue
		}
		if err := os.WriteFile(name, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFiles(t *testing.T) {
	tree(t, "d/00000.tar", "d/00001.tar", "d/00002.tar", "d/._00000.tar", "d/.hid/x.tar", "d/more/00003.tar", "d/more/a/00004.tar",
		"d/train/a.tar", "d/val/a.tar", "data[v1]/a.tar", "data[v1]/b.tar", "both[v1]/a.tar", "bothv/a.tar", "a{b}/x.tar", "$x/a.tar", "~y/a.tar", "::/a.tar")
	if err := os.Symlink("../../d", "d/more/up"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../data[v1]", "d/val/link"); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string]string{
		"d/*.tar":                          "d/00000.tar d/00001.tar d/00002.tar",
		"./d//0000[0-1].tar":               "./d/00000.tar ./d/00001.tar",
		here + "/d/0000?.tar":              here + "/d/00000.tar " + here + "/d/00001.tar " + here + "/d/00002.tar",
		"d/0000[!0].tar":                   "d/00001.tar d/00002.tar",
		"d/.*.tar":                         "d/._00000.tar",
		"d/*":                              "d/00000.tar d/00001.tar d/00002.tar d/more d/train d/val",
		"d/*/":                             "d/more/. d/train/. d/val/.",
		"d/*/*.tar":                        "d/more/00003.tar d/train/a.tar d/val/a.tar",
		"d/**/*.tar":                       "d/00000.tar d/00001.tar d/00002.tar d/more/00003.tar d/more/a/00004.tar d/train/a.tar d/val/a.tar d/val/link/a.tar d/val/link/b.tar",
		"d/more/**":                        "d/more/00003.tar d/more/a/00004.tar d/more/up/00000.tar d/more/up/00001.tar d/more/up/00002.tar d/more/up/train/a.tar d/more/up/val/a.tar d/more/up/val/link/a.tar d/more/up/val/link/b.tar",
		"**/00004.tar":                     "d/more/a/00004.tar",
		"d/**/**/a.tar":                    "d/train/a.tar d/val/a.tar d/val/link/a.tar",
		"d/more/../00000.tar":              "d/more/../00000.tar",
		"d/{00000..00002}.tar":             "d/00000.tar d/00001.tar d/00002.tar",
		"d/{00002..00000..2}.tar":          "d/00000.tar d/00002.tar",
		"d/0000{0,2}.tar":                  "d/00000.tar d/00002.tar",
		"d/{train,val}/{a..a}.tar":         "d/train/a.tar d/val/a.tar",
		"d/{0000{0..1},more/*}.tar":        "d/00000.tar d/00001.tar d/more/00003.tar",
		"d/*0.tar::d/train/*::d/00000.tar": "d/00000.tar d/train/a.tar",
		"data[v1]/*.tar":                   "data[v1]/a.tar data[v1]/b.tar",
		`data\[v1\]/a.tar`:                 "data[v1]/a.tar",
		`both\[v1]/*`:                      "both[v1]/a.tar",
		"both[v1]/a.tar":                   "both[v1]/a.tar",
		"a{b}/*":                           "a{b}/x.tar",
		"$x/*.tar":                         "$x/a.tar",
		"~y/*.tar":                         "~y/a.tar",
		"::/a.tar":                         "::/a.tar",
	} {
		got, err := Files(pattern)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: got %s, %v, want %s", pattern, strings.Join(got, " "), err, want)
		}
	}
}

func TestNoMatch(t *testing.T) {
	tree(t, "d/00000.tar", "d/00001.tar", "both[v1]/a.tar", "bothv/a.tar", "d/sub/")
	for pattern, want := range map[string]string{
		"d/*.gz":                      `"d/*.gz" matches no file`,
		"e/*.tar":                     `"e/*.tar" matches no file`,
		"d/00000.tar/*":               `"d/00000.tar/*" matches no file`,
		"d/{00000..00003}.tar":        `"d/{00000..00003}.tar": 2 of its 4 alternatives match no file, the first is d/00002.tar`,
		"d/*.tar::e/*.tar":            `"e/*.tar" matches no file`,
		"~/x/*.tar":                   `"~/x/*.tar": ~ is not expanded here`,
		"$HOME/x/{0..3}.tar":          `"$HOME/x/{0..3}.tar": $HOME is not expanded here: write its value`,
		"${DATA}/x.tar":               `"${DATA}/x.tar": ${DATA} is not expanded here`,
		"s3://bucket/{0..3}.tar":      `"s3://bucket/{0..3}.tar": files are read from disk only, not from s3://: copy them first`,
		"gs://bucket/*.tar":           `not from gs://`,
		"https://a.example/x.tar":     `"https://a.example/x.tar": is an address`,
		"pipe:aws s3 cp x -":          `"pipe:aws s3 cp x -": commands (pipe:) are not run`,
		"pipe:cat d/00000.tar::d/*.x": `"pipe:cat d/00000.tar": commands (pipe:) are not run`,
	} {
		_, err := Files(pattern)
		var none *NoMatch
		if !errors.As(err, &none) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", pattern, err, want)
		}
	}
	for pattern, want := range map[string]string{
		"":                   "the pattern is empty",
		"d/**.tar":           `"d/**.tar": **.tar: ** stands for folders: write **/*.tar`,
		"both[v1]/*":         `both[v1] is there as it is written, and as a pattern it meets bothv: write both\[v1] for the first`,
		"d/[0":               `"d/[0": [0: a [ without its ]`,
		"d/{0..99999999}":    "stand for more than 1048576 names",
		"{0..999}{0..9999}x": "stand for more than 1048576 names",
	} {
		var none *NoMatch
		if _, err := Files(pattern); err == nil || errors.As(err, &none) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", pattern, err, want)
		}
	}
}

// TestUnreadable: a folder that cannot be looked into is no empty one.
func TestUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads every folder")
	}
	tree(t, "d/shut/a.tar", "d/b.tar")
	if err := os.Chmod("d/shut", 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod("d/shut", 0o777)
	for _, pattern := range []string{"d/**/*.tar", "d/*/*.tar"} {
		if got, err := Files(pattern); !errors.Is(err, os.ErrPermission) {
			t.Errorf("%s: got %v, %v", pattern, got, err)
		}
	}
}

// TestIn: the folder's own name is no pattern.
func TestIn(t *testing.T) {
	tree(t, "a[b]*/x.json", "a[b]*/y.json", "a[b]*/.z.json", "ab/x.json")
	got, err := In("a[b]*", "*.json")
	if want := []string{"a[b]*/x.json", "a[b]*/y.json"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if got, err := In("gone", "*"); err != nil || len(got) > 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestExpand(t *testing.T) {
	for pattern, want := range map[string]string{
		"a": "a", "{a": "{a", "a}": "a}", "{}": `\{}`, "{a}": `\{a}`, `\{a,b\}`: `\{a,b\}`, "{8..11}": "8 9 10 11", "{08..11}": "08 09 10 11",
		"{-1..1}": "-1 0 1", "{3..1}": "3 2 1", "{0..9..4}": "0 4 8", "{a..e..2}": "a c e", "{a,}b": "ab b", "x{a,{b,c}d}y": "xay xbdy xcdy",
		"{x{a,b}}": `\{xa} \{xb}`, "{1..b}": `\{1..b}`, "{a,b}{0..1}": "a0 a1 b0 b1",
	} {
		got, err := expand(pattern)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, %v, want %s", pattern, got, err, want)
		}
	}
}

// FuzzFiles holds that no pattern panics or runs on.
func FuzzFiles(f *testing.F) {
	f.Add("d/{0..2}*[!a]?.tar::**/x")
	f.Fuzz(func(t *testing.T, pattern string) {
		if strings.HasPrefix(pattern, "/") || strings.Contains(pattern, "..") || strings.Contains(pattern, "::/") {
			return // not the whole disk
		}
		_, _ = Files(pattern) // either is right
	})
}
