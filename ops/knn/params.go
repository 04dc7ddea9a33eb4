package knn

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// Params say what index is built and how it is searched. There are no defaults here: what the kind
// does not use is ignored, what it uses must be positive.
type Params struct {
	// flat, hnsw, ivf-flat, ivf-pq, opq-ivf-pq, factory, auto; exact is no index: see SearchExact
	Kind           string `json:"kind"`
	M              int    `json:"m,omitempty"`              // hnsw: links per row
	EfConstruction int    `json:"efConstruction,omitempty"` // hnsw: candidates kept while building
	// hnsw: candidates kept while searching; FAISS raises it to k
	EfSearch int `json:"efSearch,omitempty"`
	NList    int `json:"nlist,omitempty"` // ivf: cells
	// ivf: cells visited by a query; more than nlist is all of them
	NProbe int `json:"nprobe,omitempty"`
	// what is trained: rows of the random sample
	TrainSize int   `json:"trainSize,omitempty"`
	Seed      int64 `json:"seed,omitempty"` // of that sample
	// pq: bytes a row is kept in; without opq a divisor of the vectors' length
	Code int `json:"code,omitempty"`
	// factory: FAISS's own name of any index, such as "IVF4096,SQ8"
	Factory   string  `json:"factory,omitempty"`
	MemoryGiB float64 `json:"memoryGiB,omitempty"` // auto: what the index may take
}

// Validate names the first parameter that the kind needs and that is not positive.
func (p Params) Validate() error {
	type need struct {
		name  string
		value int
		least int
	}
	ivf := []need{{"nlist", p.NList, 1}, {"nprobe", p.NProbe, 1}, {"trainSize", p.TrainSize, 1}}
	var needs []need
	switch p.Kind {
	case "flat":
	case "hnsw":
		needs = []need{{"m", p.M, 2}, {"efConstruction", p.EfConstruction, 1}, {"efSearch", p.EfSearch, 1}}
	case "ivf-flat":
		needs = ivf
	case "ivf-pq", "opq-ivf-pq":
		needs = append(ivf, need{"code", p.Code, 1})
	case "factory":
		return p.validateFactory()
	case "auto":
		return errors.New("index kind auto is resolved before it is built")
	default:
		return fmt.Errorf("index kind %q is none of flat, hnsw, ivf-flat, ivf-pq, opq-ivf-pq, factory", p.Kind)
	}
	for _, n := range needs {
		if n.value < n.least || n.value > math.MaxInt32 {
			return fmt.Errorf("index kind %s: %s %d is not in %d..%d", p.Kind, n.name, n.value, n.least, math.MaxInt32)
		}
	}
	return nil
}

// validateFactory wants the parameter of search that the index has: FAISS's own default would lose
// most hits unseen.
func (p Params) validateFactory() error {
	name, value := p.SearchParam()
	switch {
	case p.Factory == "":
		return errors.New("index kind factory: no factory string")
	case name != "" && value < 1:
		return fmt.Errorf("index kind factory: %s is searched with %s, which is %d (nprobe for IVF, efSearch for HNSW)", p.Factory, name, value)
	}
	return nil
}

// key is FAISS's own name of the index over vectors of dim numbers, for its factory. "np" leaves
// out the polysemous training of codes, minutes of simulated annealing for a comparison by Hamming
// distance that no search here makes.
func (p Params) key(dim int) string {
	switch p.Kind {
	case "hnsw":
		return fmt.Sprintf("HNSW%d", p.M)
	case "ivf-flat":
		return fmt.Sprintf("IVF%d,Flat", p.NList)
	case "ivf-pq":
		return fmt.Sprintf("IVF%d,PQ%dx8np", p.NList, p.Code)
	case "opq-ivf-pq": // the rotation keeps at most six numbers a byte of code, as autofaiss has it
		return fmt.Sprintf("OPQ%d_%d,IVF%d,PQ%dx8np", p.Code, (min(dim/p.Code, 6)+1)*p.Code, p.NList, p.Code)
	case "factory":
		return p.Factory
	}
	return "Flat"
}

// isIVF says whether the index has cells.
func (p Params) isIVF() bool {
	return strings.Contains(p.Kind, "ivf") || p.Kind == "factory" && strings.Contains(p.Factory, "IVF")
}

// isGraph says whether rows are linked with each other.
func (p Params) isGraph() bool {
	return p.Kind == "hnsw" || p.Kind == "factory" && !p.isIVF() && strings.Contains(p.Factory, "HNSW")
}

// SearchParam names the parameter of search, as FAISS and a spec do, with its value; "" where the
// kind has none.
func (p Params) SearchParam() (name string, value int) {
	switch {
	case p.isGraph():
		return "efSearch", p.EfSearch
	case p.isIVF():
		return "nprobe", p.NProbe
	}
	return "", 0
}

// Appends says whether a deeper search of such an index gives what a shallower one gave and more
// after it, so that searches of several depths can be one. It does where every row is scored
// exactly (flat, exact), and where the rows that are looked at do not depend on the depth (hnsw: a
// walk with a list of EfSearch, and no search is deeper). It does not where codes choose
// candidates, of which a deeper search scores more again. ivf-flat looks at the rows of the nearest
// cells, and rounding decides between cells that are as near: it follows the queries that are
// searched together, and those follow the depth. What factory and auto build is not known
// beforehand.
func (p Params) Appends() bool {
	return p.Kind == "flat" || p.Kind == "exact" || p.Kind == "hnsw"
}

// SearchWith returns the params with another value of the parameter of search, which the kind must
// have.
func (p Params) SearchWith(value int) (Params, error) {
	switch name, _ := p.SearchParam(); name {
	case "efSearch":
		p.EfSearch = value
	case "nprobe":
		p.NProbe = value
	default:
		return p, fmt.Errorf("index kind %s has no parameter of search", p.Kind)
	}
	return p, p.Validate()
}
