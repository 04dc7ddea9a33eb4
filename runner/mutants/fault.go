package main

import (
	"bufio"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"react/data/glob"
)

//go:embed faults.txt
var faultsText string

// Fault is one line of the program changed to a wrong one, and the test that must notice.
type Fault struct {
	File string // from the top of the tree, with slashes
	Func string // the function or method that the line stands in; "" where it is the only such line
	Old  string // the line, without the white space around it
	New  string // what it becomes; "" leaves it out
	Pkg  string // folder of the test's package, from the top of the tree
	Test string // a test function, with a subtest after a slash where one is meant
	Why  string // what goes wrong with it, in one sentence
	Line int    // of faults.txt, 1-based
}

func (f Fault) String() string { return fmt.Sprintf("faults.txt:%d: %s", f.Line, f.File) }

// parseFaults reads blocks of the form
//
//	FILE [FUNC] [PACKAGE] TEST
//	# why
//	- old line
//	+ new line
//
// with empty lines between them. PACKAGE begins with "./" and is the file's own folder where it is
// left out; FUNC is written "in Name" or "in Type.Name".
func parseFaults(text string) ([]Fault, error) {
	var out []Fault
	in := bufio.NewScanner(strings.NewReader(text))
	var f *Fault
	for n := 1; in.Scan(); n++ {
		line := in.Text()
		mark, rest, _ := strings.Cut(line, " ")
		switch {
		case strings.TrimSpace(line) == "":
			f = nil
		case f == nil && strings.HasPrefix(line, "#"): // of the file, not of a fault
		case f == nil:
			head, err := parseHead(line)
			if err != nil {
				return nil, fmt.Errorf("faults.txt:%d: %w", n, err)
			}
			head.Line = n
			out = append(out, head)
			f = &out[len(out)-1]
		case mark == "#":
			f.Why = strings.TrimSpace(f.Why + " " + rest)
		case mark == "-":
			f.Old = strings.TrimSpace(rest)
		case mark == "+":
			f.New = strings.TrimSpace(rest)
		default:
			return nil, fmt.Errorf("faults.txt:%d: %q begins with none of #, - and +", n, line)
		}
	}
	for _, f := range out {
		if f.Old == "" || f.Why == "" || f.Old == f.New {
			return nil, fmt.Errorf("%s: want a reason (#), a line (-) and another one (+)", f)
		}
	}
	return out, in.Err()
}

var headForm = regexp.MustCompile(`^(\S+\.go)(?: in (\S+))?(?: \./(\S+))? (Test\S+)$`)

func parseHead(line string) (Fault, error) {
	m := headForm.FindStringSubmatch(line)
	if m == nil {
		return Fault{}, fmt.Errorf("%q is not FILE [in FUNC] [./PACKAGE] TEST", line)
	}
	f := Fault{File: m[1], Func: m[2], Pkg: m[3], Test: m[4]}
	if f.Pkg == "" {
		f.Pkg = filepath.ToSlash(filepath.Dir(f.File))
	}
	return f, nil
}

// apply gives the text of the fault's file with the fault in it; top is the top of the tree.
func (f Fault) apply(top string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(f.File)))
	if err != nil {
		return "", err
	}
	lines := strings.SplitAfter(string(raw), "\n")
	start, end := f.span(lines)
	if start < 0 {
		return "", fmt.Errorf("no function %s", f.Func)
	}
	at := -1
	for i := start; i < end; i++ {
		if strings.TrimSpace(lines[i]) != f.Old {
			continue
		}
		if at >= 0 {
			return "", fmt.Errorf("lines %d and %d are both %q (name the function: in FUNC)", at+1, i+1, f.Old)
		}
		at = i
	}
	if at < 0 {
		return "", fmt.Errorf("no line is %q", f.Old)
	}
	lines[at] = strings.Replace(lines[at], f.Old, f.New, 1)
	return strings.Join(lines, ""), nil
}

// span is where the fault's function stands among the lines; start is -1 where there is none.
func (f Fault) span(lines []string) (start, end int) {
	if f.Func == "" {
		return 0, len(lines)
	}
	receiver, name, method := strings.Cut(f.Func, ".")
	head := `^func ` + regexp.QuoteMeta(f.Func) + `[\[(]`
	if method {
		head = `^func \((?:\w+ )?\*?` + regexp.QuoteMeta(receiver) + `(?:\[[^\]]*\])?\) ` + regexp.QuoteMeta(name) + `[\[(]`
	}
	form := regexp.MustCompile(head)
	for i, line := range lines {
		if !form.MatchString(line) {
			continue
		}
		for end = i; end < len(lines) && strings.TrimRight(lines[end], "\n") != "}"; end++ {
		}
		return i, end
	}
	return -1, -1
}

// testExists says whether the package has the test function.
func (f Fault) testExists(top string) error {
	name, _, _ := strings.Cut(f.Test, "/")
	files, err := glob.In(filepath.Join(top, filepath.FromSlash(f.Pkg)), "*_test.go")
	if err != nil {
		return err
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if strings.Contains(string(raw), "\nfunc "+name+"(t *testing.T)") {
			return nil
		}
	}
	return fmt.Errorf("package %s has no test %s", f.Pkg, name)
}
