package knn

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	faiss "github.com/DataIntelligenceCrew/go-faiss"
)

// Codes of pq are of one byte for each part of a vector, so that 256 centroids of each part are
// trained, on no fewer rows.
const codeCentroids = 256

// Check says why no such index can be built over rows vectors of dim numbers, in shards of each (0
// is none); of what is 0, not known, nothing is said. FAISS says it too, after minutes and in words
// of its own.
func (p Params) Check(rows, each int64, dim int) error {
	if p.Kind == "auto" {
		if rows == 0 || dim == 0 {
			return nil
		}
		var err error
		if p, _, err = Auto(p, rows, each, dim); err != nil {
			return err
		}
	}
	if err := p.checkFactory(dim); err != nil {
		return err
	}
	if p.Kind == "ivf-pq" && dim > 0 && dim%p.Code != 0 {
		return fmt.Errorf("index kind ivf-pq: code %d does not divide the embedding's length %d (%s do; opq-ivf-pq takes any)",
			p.Code, dim, divisors(dim))
	}
	return p.checkRows(rows)
}

// checkRows compares what is trained with the rows that there are to train on.
func (p Params) checkRows(rows int64) error {
	lists, centroids := p.trained()
	if rows == 0 || lists == 0 && centroids == 0 {
		return nil
	}
	sample, have := rows, fmt.Sprintf("the pool has %d", rows)
	if size := int64(p.TrainSize); size > 0 && size < rows {
		sample, have = size, fmt.Sprintf("trainSize is %d", size)
	}
	if int64(lists) > sample {
		return fmt.Errorf("index kind %s: %d lists need as many rows to train on, and %s (fewer lists, or another kind)", p.Kind, lists, have)
	}
	if int64(centroids) > sample {
		return fmt.Errorf("index kind %s: codes need %d rows to train on, and %s (another kind)", p.Kind, centroids, have)
	}
	return nil
}

var (
	factoryLists = regexp.MustCompile(`IVF(\d+)`)
	factoryCode  = regexp.MustCompile(`(O?)PQ\d+(?:x(\d+))?`)
	factoryZero  = regexp.MustCompile(`(?:^|[^0-9])0+(?:[^0-9]|$)`)
	factoryGraph = regexp.MustCompile(`HNSW(\d+)`)
)

// trained are the cells and the centroids of codes that an index trains, 0 for none.
func (p Params) trained() (lists, centroids int) {
	if p.Kind != "factory" {
		if p.Code > 0 {
			centroids = codeCentroids
		}
		return p.NList, centroids
	}
	if m := factoryLists.FindStringSubmatch(p.Factory); m != nil {
		lists, _ = strconv.Atoi(m[1])
	}
	for _, m := range factoryCode.FindAllStringSubmatch(p.Factory, -1) {
		bits, _ := strconv.Atoi(cmp.Or(m[2], "8"))
		if m[1] != "" {
			bits = 8 // of the rotation's own codes
		}
		centroids = max(centroids, 1<<min(bits, maxCodeBits))
	}
	return lists, centroids
}

const (
	maxCodeBits = 16 // centroids of more bits take gigabytes before anything is trained
	// an index is made to see whether FAISS takes its name; larger ones take long
	maxTriedLists = 1 << 20
)

// checkFactory refuses names of indexes that FAISS does not know, or that crash it.
func (p Params) checkFactory(dim int) error {
	if p.Kind != "factory" {
		return nil
	}
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("index kind factory: %q: %s", p.Factory, fmt.Sprintf(format, args...))
	}
	if factoryZero.MatchString(p.Factory) {
		return refuse("a number is 0")
	}
	for _, m := range factoryCode.FindAllStringSubmatch(p.Factory, -1) {
		if bits, err := strconv.Atoi(cmp.Or(m[2], "8")); err != nil || bits > maxCodeBits {
			return refuse("codes of %s bits (at most %d)", m[2], maxCodeBits)
		}
	}
	if m := factoryGraph.FindStringSubmatch(p.Factory); m != nil {
		if links, err := strconv.Atoi(m[1]); err != nil || links < 2 || links > 512 {
			return refuse("%s links a row (2 to 512)", m[1])
		}
	}
	lists, _ := p.trained()
	if dim == 0 || lists > maxTriedLists {
		return nil
	}
	if err := tryFactory(dim, p.Factory); err != nil {
		return refuse("%v", err)
	}
	return nil
}

// tried keeps what tryFactory found: a sweep has many stages with one index.
var tried sync.Map

// tryFactory makes an index of that name that holds nothing.
func tryFactory(dim int, name string) error {
	key := fmt.Sprintf("%d %s", dim, name)
	if err, ok := tried.Load(key); ok {
		err, _ := err.(error)
		return err
	}
	err := onThread(func() error {
		x, err := faiss.IndexFactory(dim, name, faiss.MetricInnerProduct)
		if err == nil {
			x.Delete()
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("FAISS makes no such index of vectors of %d: %w", dim, err)
	}
	tried.Store(key, err)
	return err
}

// divisors are the sizes of codes that divide a length.
func divisors(n int) string {
	var out []string
	for d := 1; d <= n; d++ {
		if n%d == 0 {
			out = append(out, strconv.Itoa(d))
		}
	}
	return strings.Join(out, ", ")
}

// pointsEach is how many rows FAISS wants for each centroid that it trains.
const pointsEach = 39

// Thin says that an index is trained on fewer rows than serve it well; "" where there are enough.
func (p Params) Thin(rows int64) string {
	lists, centroids := p.trained()
	if size := int64(p.TrainSize); size > 0 {
		rows = min(rows, size)
	}
	want := int64(max(lists, centroids)) * pointsEach
	if rows >= want {
		return ""
	}
	what := fmt.Sprintf("%d lists", lists)
	if centroids > lists {
		what = fmt.Sprintf("%d values of a code", centroids)
	}
	return fmt.Sprintf("the index trains %s on %d rows, and %d would serve it better", what, rows, want)
}

var (
	faissPlace  = regexp.MustCompile(`(?s)^Error in .* at [^ ]*:\d+: `)
	faissFailed = regexp.MustCompile(`(?s)^Error: '.*' failed(?:: (.*))?$`)
	faissPoints = regexp.MustCompile(`[Nn]umber of training points \((\d+)\) should be at least as large as number of clusters \((\d+)\)`)
	faissSource = regexp.MustCompile(`::|\.(cpp|h)\b`)
)

// faissTexts are texts of FAISS, by a part of them, that say too little or too much.
var faissTexts = map[string]string{
	"should be a multiple of the number of subquantizers": "a code needs as many numbers in each of its parts",
	"bad_alloc": "out of memory",
}

// plain gives an error of FAISS without the names of its functions, files and conditions.
func plain(err error) error {
	if err == nil {
		return nil
	}
	text := strings.TrimSpace(faissPlace.ReplaceAllString(err.Error(), ""))
	if m := faissFailed.FindStringSubmatch(text); m != nil {
		text = m[1]
	}
	text = strings.Replace(text, "could not parse index string", "it does not know the name", 1)
	for theirs, ours := range faissTexts {
		if strings.Contains(text, theirs) {
			return errors.New(ours)
		}
	}
	switch m := faissPoints.FindStringSubmatch(text); {
	case m != nil:
		return fmt.Errorf("%s rows to train on, and %s clusters need as many each", m[1], m[2])
	case text == "" || faissSource.MatchString(text) || !strings.Contains(text, " "):
		return errors.New("FAISS refuses it, for reasons that only its source says")
	}
	return errors.New(strings.TrimSuffix(text, "."))
}
