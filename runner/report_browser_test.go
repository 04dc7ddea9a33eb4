package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/runner/internal/browsertest"
)

// TestReportInBrowser uses every control of committed pages, at three widths
// (heads of tables, of which the study has many, on the quickstart's).
// With SCREENSHOTS=DIR it leaves pictures there, for people to look at.
func TestReportInBrowser(t *testing.T) {
	p := browsertest.Open(t)
	// together they have every part and control
	for _, name := range []string{"quickstart", "emoji"} {
		p.Load("../results/reports/" + name + "/index.html")
		p.Want("document.title", name)
		for _, width := range []int{360, 800, 1400} {
			p.Size(width, 900)
			// only what has a bar of its own is wider
			p.Want("document.documentElement.scrollWidth <= innerWidth", "true")
			for _, scheme := range []string{"light", "dark"} {
				p.Scheme(scheme)
				leave(p, fmt.Sprintf("%s-%d-%s.png", name, width, scheme))
			}
		}
		p.Scheme("light")
		if name == "quickstart" {
			sortEveryColumn(t, p)
		}
		useTheFilter(t, p)
		useTheTheme(p)
		useTheCopyButton(p)
		followTheLinks(t, p)
	}
}

// leave writes a picture where SCREENSHOTS asks for them.
func leave(p *browsertest.Page, name string) {
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		p.Screenshot(filepath.Join(dir, name))
	}
}

// order is the text of a table's column, from top to bottom.
const order = `(t, c) => [...document.querySelectorAll("table.sortable")[t].tBodies[0].rows].map(r => { const cell = cellAt(r, c); return cell.dataset.sort ?? cell.textContent; })`

// sortEveryColumn clicks each head three times, the last time by the keyboard:
// both orders and back.
func sortEveryColumn(t *testing.T, p *browsertest.Page) {
	t.Helper()
	tables := browsertest.Eval[int](p, `document.querySelectorAll("table.sortable").length`)
	for i := range tables {
		heads := browsertest.Eval[int](p, fmt.Sprintf(`document.querySelectorAll("table.sortable")[%d].querySelectorAll("th.key").length`, i))
		for h := range heads {
			p.Eval(fmt.Sprintf(`document.querySelectorAll("[data-used]").forEach(e => delete e.dataset.used); document.querySelectorAll("table.sortable")[%d].querySelectorAll("th.key")[%d].dataset.used = ""`, i, h))
			column := browsertest.Eval[int](p, `columnOf(document.querySelector("[data-used]").closest("table"), document.querySelector("[data-used]"))`)
			own := browsertest.Eval[[]string](p, fmt.Sprintf("(%s)(%d, %d)", order, i, column))
			number := browsertest.Eval[bool](p, `document.querySelector("[data-used]").classList.contains("number")`)
			for turn, want := range map[bool][]string{true: {"descending", "ascending"}, false: {"ascending", "descending"}}[number] {
				p.Click("[data-used]")
				p.Want(`document.querySelector("[data-used]").getAttribute("aria-sort")`, want)
				got := browsertest.Eval[[]string](p, fmt.Sprintf("(%s)(%d, %d)", order, i, column))
				if number {
					inOrder(t, fmt.Sprintf("table %d, head %d, turn %d", i, h, turn), got, want)
				}
			}
			p.Type("[data-used]", "\r")
			if got := browsertest.Eval[[]string](p, fmt.Sprintf("(%s)(%d, %d)", order, i, column)); !slices.Equal(got, own) {
				t.Errorf("table %d, head %d: the third time gives %q, not its own order %q", i, h, got, own)
			}
		}
	}
	if tables < 5 {
		t.Errorf("only %d tables sort", tables)
	}
}

// inOrder holds numbers to an order, with what has none last.
func inOrder(t *testing.T, what string, values []string, want string) {
	t.Helper()
	var last float64
	for i, text := range values {
		if text == "" {
			if slices.ContainsFunc(values[i:], func(s string) bool { return s != "" }) {
				t.Errorf("%s: what has no number is not last in %q", what, values)
			}
			return
		}
		var v float64
		if _, err := fmt.Sscan(text, &v); err != nil {
			t.Fatalf("%s: %q is not a number", what, text)
		}
		if i > 0 && (want == "ascending" && v < last || want == "descending" && v > last) {
			t.Errorf("%s: %q is not %s", what, values, want)
			return
		}
		last = v
	}
}

// useTheFilter types a class's name and takes it away again.
func useTheFilter(t *testing.T, p *browsertest.Page) {
	t.Helper()
	const shown = `[...document.querySelectorAll("#changes tbody tr")].filter(r => r.offsetParent).length`
	all := browsertest.Eval[int](p, shown)
	name := p.Text(`document.querySelector("#changes tbody th").textContent`)
	p.Type("input[type=search]", strings.ToUpper(name))
	if some := browsertest.Eval[int](p, shown); some == 0 || some >= all {
		t.Errorf("the filter %q shows %d of %d classes", name, some, all)
	}
	p.Eval(`const i = document.querySelector("input[type=search]"); i.value = ""; i.dispatchEvent(new Event("input"))`)
	p.Want(shown, fmt.Sprint(all))
}

// useTheTheme switches between light and dark, against what the system prefers.
func useTheTheme(p *browsertest.Page) {
	const paper = "getComputedStyle(document.body).backgroundColor"
	p.Want(paper, "rgb(255, 255, 255)")
	p.Click("#theme")
	p.Want(paper, "rgb(21, 23, 26)")
	p.Scheme("dark")
	p.Click("#theme")
	p.Want(paper, "rgb(255, 255, 255)")
	p.Scheme("light")
}

func useTheCopyButton(p *browsertest.Page) {
	p.Click("#copy")
	p.Wait(`document.getElementById("copy").textContent === "copied"`)
	p.Want("getSelection().toString()", p.Text(`document.getElementById("command").textContent`))
}

// followTheLinks clicks each link of the navigation.
func followTheLinks(t *testing.T, p *browsertest.Page) {
	t.Helper()
	links := browsertest.Eval[[]string](p, `[...document.querySelectorAll("nav a")].map(a => a.getAttribute("href"))`)
	for _, link := range links {
		p.Click(`nav a[href="` + link + `"]`)
		p.Want("location.hash", link)
		p.Want(fmt.Sprintf(`Math.abs(document.querySelector(%q).getBoundingClientRect().top) < 2 || innerHeight + scrollY >= document.documentElement.scrollHeight - 2`, link), "true")
		p.Eval("scrollTo(0, 0)")
	}
	if len(links) < 6 {
		t.Errorf("only %d links: %q", len(links), links)
	}
}
