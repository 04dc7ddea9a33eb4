package retrieve

import (
	"react/ops/clip"
	"react/ops/knn"
	"react/ops/modality"
	"react/ops/op"
)

// searchMemory is what an index, or the largest of its shards, takes; the embeddings themselves are
// read from disk, and those of kind exact by blocks. The lists of a large ivf index are mapped:
// what is not searched need not be in memory.
func searchMemory(at op.Place, by string, p knn.Params) (clip.Memory, error) {
	if at.Model == nil || at.Rows.N() == 0 || modality.Of(by).Side == "" {
		return clip.Memory{}, nil
	}
	m := clip.Memory{Host: clip.ProcessBytes}
	if p.Kind == "exact" {
		return m, nil
	}
	p, err := resolved(at, p, at.ShardRows)
	if err != nil {
		return clip.Memory{}, err
	}
	m.Host += p.Resident(mostRows(at, at.ShardRows), at.Model.Dim())
	return m, nil
}

// mostRows is the most rows of one index.
func mostRows(at op.Place, each int64) int64 {
	if rows := int64(at.Rows.N()); each == 0 || rows < each {
		return rows
	}
	return each
}

// resolved is what kind auto will choose. Where it finds nothing that fits, the stage says so.
func resolved(at op.Place, p knn.Params, each int64) (knn.Params, error) {
	if p.Kind != "auto" {
		return p, nil
	}
	chosen, _, err := knn.Auto(p, int64(at.Rows.N()), each, at.Model.Dim())
	return chosen, err
}
