package plan

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"

	"react/data/datasets/catalogue"
	"react/ops"
	"react/ops/embed"
	"react/ops/modality"
	"react/ops/op"
)

// ImageBytes is about what an image takes whose shorter side is 256 to 384 pixels: LAION-400M's are
// 10 TB at 256.
const ImageBytes = 30e3

// Work is how much the stage has to do.
func (s *Stage) Work() op.Work { return ops.All[s.Op].Work(s.Params, s.known()) }

// known is what an op is told of a stage.
func (s *Stage) known() op.Known {
	at := op.Known{Model: s.Model, Values: s.values, Rows: s.rows, Queries: s.queries}
	if s.values == nil && s.Model != nil { // it is of no plan
		at.Values = func() int { return int(s.Model.Parameters()) }
	}
	if n := s.pictureCount(); n > 0 {
		at.Images = func() int { return n }
	}
	if _, ok := s.Files["list"]; ok {
		at.Listed = s.listed
	}
	for _, role := range modality.HitRoles() {
		if s.In[role] != nil {
			at.Ways++
		}
	}
	return at
}

// simCLRLists are SimCLRv2's lists of 1 % and 10 % of ImageNet, by the ends of their names, and how
// many images they name.
var simCLRLists = map[string]int{"10percent.txt": 128116, "1percent.txt": 12811}

// listed is the number of images that a stage's list names: its lines, or, where it is missing,
// what is known of its name; 0 where nothing is.
func (s *Stage) listed() int {
	f := s.Files["list"]
	if len(f.Paths) > 0 {
		raw, _ := os.ReadFile(f.Paths[0]) // none: not known
		return len(bytes.Fields(raw))
	}
	for name, count := range simCLRLists {
		if strings.HasSuffix(f.Root, name) {
			return count
		}
	}
	return 0
}

func (s *Stage) rows() int { return s.Rows }

// queries is the number of texts that a search is for; 0 where the classes are not known before
// they are read.
func (s *Stage) queries() int {
	in := s.In["queries"]
	if in == nil {
		return 0
	}
	var p embed.QueriesParams
	if json.Unmarshal(in.Params, &p) != nil || embed.BenchmarkOf(p.Set) == "" {
		return 0
	}
	classes, _, err := catalogue.QueryClasses(embed.BenchmarkOf(p.Set))
	if err != nil {
		return 0
	}
	return len(classes) * len(p.Prompts)
}
