package knn

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"

	faiss "github.com/DataIntelligenceCrew/go-faiss"
)

// side is the JSON file beside an index, written last. The keys with blanks and underscores are
// autofaiss's, so its readers find them; the others are ours.
type side struct {
	Key       string     `json:"index_key"`         // FAISS's factory string
	Param     string     `json:"index_param"`       // of search: "nprobe=16"
	Rows      int        `json:"nb vectors"`        //
	Dim       int        `json:"vectors dimension"` //
	Size      int64      `json:"size in bytes"`     // of the index file
	Metric    string     `json:"metric"`            // always ip
	TrainedOn int        `json:"trained on"`        // rows; 0 where nothing is trained
	SHA256    string     `json:"sha256"`            // of the index file
	Params    sideParams `json:"params"`            //
}

// sideParams are Params as side files have them, whose names are those of the first ones.
type sideParams struct {
	Kind           string  `json:"kind"`
	M              int     `json:"m,omitempty"`
	EfConstruction int     `json:"efConstruction,omitempty"`
	EfSearch       int     `json:"efSearch,omitempty"`
	NList          int     `json:"lists,omitempty"`
	NProbe         int     `json:"probes,omitempty"`
	TrainSize      int     `json:"trainSize,omitempty"`
	Seed           int64   `json:"seed,omitempty"`
	Code           int     `json:"code,omitempty"`
	Factory        string  `json:"factory,omitempty"`
	MemoryGiB      float64 `json:"memoryGiB,omitempty"`
}

// sidePath is where the parameters of an index lie.
func sidePath(path string) string { return path + ".json" }

// Save writes the index in FAISS's format, and its parameters, size and digest to path.json. Same
// index, same bytes.
func (x *Index) Save(path string) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.faiss == nil {
		return errClosed
	}
	if err := write(x.faiss, path); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	size, digest, err := digestFile(path)
	if err != nil {
		return err
	}
	s := side{Key: x.params.key(x.dim), Rows: x.rows, Dim: x.dim, Size: size, Metric: "ip", TrainedOn: x.trainedOn, SHA256: digest, Params: sideParams(x.params)}
	if name, value := x.params.SearchParam(); name != "" {
		s.Param = fmt.Sprintf("%s=%d", name, value)
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(sidePath(path), append(b, '\n'), 0o644)
}

// Open reads an index that Save wrote. It is checked against its side file first, since FAISS can
// crash on a damaged one. With a zero p the saved parameters hold; otherwise the kind must be the
// saved one, and EfSearch or NProbe, if set, replace the saved value.
//
// The lists of a large ivf index are mapped, not read: pages come in as they are searched.
func Open(path string, p Params) (*Index, error) { return open(path, p, mapFrom) }

// mapFrom is the size in bytes from which the lists of an ivf index are mapped.
const mapFrom = 1 << 30

// ioMap is FAISS 1.7.3's IO_FLAG_MMAP; the constant in its C header, 1, does nothing. It is for
// lists only: anything else is read whole. A truncated file would crash the search, so size and
// digest are checked first.
const ioMap = 0x646f0008

func open(path string, p Params, mapFrom int64) (*Index, error) {
	s, err := readSide(path)
	if err != nil {
		return nil, err
	}
	if _, err := Params(s.Params).searchedWith(p); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := s.check(path); err != nil {
		return nil, err
	}
	return s.open(path, p, mapFrom)
}

// open reads an index whose bytes are known to be those that were written.
func (s side) open(path string, p Params, mapFrom int64) (*Index, error) {
	params, err := Params(s.Params).searchedWith(p)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	x := &Index{params: params, dim: s.Dim, rows: s.Rows, trainedOn: s.TrainedOn}
	err = onThread(func() (err error) {
		flags := 0
		if params.isIVF() && s.Size >= mapFrom {
			flags = ioMap
		}
		x.faiss, err = faiss.ReadIndex(path, flags)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := x.agree(); err != nil {
		x.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return x, nil
}

// searchedWith returns the saved params with want's parameters of search.
func (p Params) searchedWith(want Params) (Params, error) {
	if want.Kind != "" && want.Kind != "auto" && want.Kind != p.Kind {
		return p, fmt.Errorf("index is of kind %s, not %s", p.Kind, want.Kind)
	}
	if want.Kind == "factory" && want.Factory != p.Factory {
		return p, fmt.Errorf("index is %s, not %s", p.Factory, want.Factory)
	}
	if want.EfSearch != 0 {
		p.EfSearch = want.EfSearch
	}
	if want.NProbe != 0 {
		p.NProbe = want.NProbe
	}
	return p, p.Validate()
}

// agree compares what FAISS read with the side file, and puts the parameter of search in force.
func (x *Index) agree() error {
	if d, n := x.faiss.D(), x.faiss.Ntotal(); d != x.dim || n != int64(x.rows) {
		return fmt.Errorf("index of %d vectors of %d, but its side file says %d of %d", n, d, x.rows, x.dim)
	}
	if x.faiss.MetricType() != faiss.MetricInnerProduct {
		return fmt.Errorf("metric %d is not inner product", x.faiss.MetricType())
	}
	return x.setSearchParam()
}

func readSide(path string) (side, error) {
	var s side
	b, err := os.ReadFile(sidePath(path))
	if os.IsNotExist(err) {
		return s, fmt.Errorf("%s: no %s beside it: not written here, or not to its end", path, sidePath(path))
	}
	if err != nil {
		return s, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(&s); err != nil {
		return s, fmt.Errorf("%s: %w", sidePath(path), err)
	}
	if s.Dim <= 0 || s.Rows <= 0 {
		return s, fmt.Errorf("%s: %d vectors of %d", sidePath(path), s.Rows, s.Dim)
	}
	return s, nil
}

// check compares the index file with its recorded size and digest.
func (s side) check(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() != s.Size {
		return fmt.Errorf("%s: %d bytes, but %d were written", path, info.Size(), s.Size)
	}
	_, digest, err := digestFile(path)
	if err != nil {
		return err
	}
	if digest != s.SHA256 {
		return fmt.Errorf("%s: its bytes are not those that were written (sha256 %s, not %s)", path, digest, s.SHA256)
	}
	return nil
}

func digestFile(path string) (size int64, digest string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return 0, "", fmt.Errorf("%s: %w", path, err)
	}
	return size, hex.EncodeToString(h.Sum(nil)), nil
}
