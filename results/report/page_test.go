package report

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"react/results"
	"react/results/figures"
	"react/results/grid"
)

// nasty is text that would break out of HTML, attributes, scripts and styles.
const nasty = `</script><script>alert(1)</script>"'><img src=x onerror=alert(2)> {{.Name}} & §`

func pageOf(t *testing.T) *Page {
	t.Helper()
	var rows []results.Row
	for i, mode := range []string{"none", nasty} {
		for seed := range 2 {
			rows = append(rows, results.Row{Trial: fmt.Sprintf("%d-%d", i, seed), Set: "task", Metric: "acc@1", Params: map[string]any{"tune.mode": mode},
				Seed: results.Seed(seed), Value: 0.4 + 0.1*float64(i) + 0.01*float64(seed), N: 100})
		}
	}
	g, err := grid.Build(grid.Table{Name: "main", Caption: nasty, Rows: grid.Names{"tune.mode"}, Metrics: grid.Names{"task/acc@1"},
		Baseline: "tune.mode=none"}, rows, grid.Options{Experiment: nasty, Command: nasty})
	if err != nil {
		t.Fatal(err)
	}
	chart := figures.Chart{Title: nasty, X: nasty, Y: nasty, Curves: []figures.Curve{{Name: nasty, X: []float64{1, 2}, Y: []float64{3, 4}}}}
	return &Page{Name: nasty, Question: nasty, File: nasty, Command: nasty, Spec: []byte(nasty + "\nname: \"x\" // " + nasty), Overrides: []string{nasty},
		State: nasty, Grids: []*grid.Grid{g}, Figures: []Figure{{Name: "nasty", Title: nasty, Caption: nasty, Chart: &chart}}, GalleryNote: nasty,
		Gallery: []Class{{nasty, []Pair{{Caption: nasty, Found: nasty, Label: nasty, Image: "data:image/png;base64,AA=="}}}},
		Changes: []Change{{"task", nasty, 3, 0.25, 0.5}}, ChangeNote: nasty, Costs: []Cost{{nasty, 1, 61, 61, 2048, nasty}}, CostNote: nasty,
		Facts: []Fact{{nasty, nasty, [][2]string{{nasty, nasty}}}}, Warnings: []string{nasty}}
}

func written(t *testing.T, p *Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestEscapes holds that no text becomes an element, an attribute or a script,
// and that the page loads nothing.
func TestEscapes(t *testing.T) {
	text := written(t, pageOf(t))
	doc, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	scripts, ids := 0, map[string]bool{}
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode && n.Data == "script" {
			scripts++
		}
		for _, a := range n.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on"):
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			case a.Key == "src" && !strings.HasPrefix(a.Val, "data:image/png;base64,"), a.Key == "href" && !strings.HasPrefix(a.Val, "#"):
				t.Errorf("<%s %s=%q> loads or leads outside", n.Data, a.Key, a.Val)
			case a.Key == "id" && ids[a.Val]:
				t.Errorf("id %q is there twice", a.Val)
			case a.Key == "id":
				ids[a.Val] = true
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(doc)
	if scripts != 1 {
		t.Errorf("got %d scripts, want the page's own", scripts)
	}
	for _, a := range regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if !ids[a[1]] {
			t.Errorf("link to #%s leads nowhere", a[1])
		}
	}
	if again := written(t, pageOf(t)); again != text {
		t.Error("the same page gives other bytes")
	}
}

func TestPartsThatAreEmptyAreLeftOut(t *testing.T) {
	text := written(t, &Page{Name: "x", Spec: []byte("name: \"x\"")})
	for _, part := range []string{"tables", "figures", "classes", "gallery", "cost"} {
		if strings.Contains(text, `id="`+part+`"`) || strings.Contains(text, `"#`+part+`"`) {
			t.Errorf("an empty page has %s", part)
		}
	}
}

func TestHighlight(t *testing.T) {
	got := string(highlight([]byte("a: \"x<\\\"y\" // n: 3\n\"b c\": 0.5\nif true {d: k}")))
	want := `<span class="label">a</span>: <span class="string">&#34;x&lt;\&#34;y&#34;</span> <span class="comment">// n: 3</span>` + "\n" +
		`<span class="label">&#34;b c&#34;</span>: <span class="digits">0.5</span>` + "\n" +
		`<span class="word">if</span> <span class="word">true</span> {<span class="label">d</span>: k}`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestUnits(t *testing.T) {
	for got, want := range map[string]string{duration(9.96): "10.0 s", duration(154): "2 min 34 s", duration(7265): "2 h 01 min",
		points(0.062): "+6.2", points(-0.0123): "−1.2", points(0.0001): "0.0"} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
