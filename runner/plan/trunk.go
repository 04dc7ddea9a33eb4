package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"react/runner/spec"
)

// trunk is what a trial is tuned from and with: all that tuning does not decide. A sweep of thousands of trials has few, so each is made
// once; a trial adds its own stages to it.
type trunk struct {
	base   source
	pairs  *Stage   // nil where nothing is tuned, and no evaluation looks at pairs
	reads  []string // path prefixes
	seeded bool     // pairs are drawn for the trial's seed
}

// trunk makes or finds the trunk of a trial.
func (b *builder) trunk(t *spec.Trial, sections []spec.Section) (*trunk, error) {
	retrieves := onPairs(t.Params.Tune.Mode) || judgesPairs(&t.Params)
	key, seed := trunkKey(sections, retrieves), 0
	if retrieves && drawnForEachSeed(&t.Params.Pairs) {
		seed = t.Seed
		key += fmt.Sprintf(" for seed %d", seed)
	}
	if old, ok := b.trunks[key]; ok {
		return old, nil
	}
	p := t.Params
	p.Tune = spec.Tune{} // whatever reads it is no part of a trunk
	c := &composer{builder: b, p: &p, seed: seed}
	base, err := c.backbone()
	if err != nil {
		return nil, err
	}
	out := &trunk{base: base}
	if retrieves {
		if out.pairs, err = c.pairs(base); err != nil {
			return nil, err
		}
	}
	out.reads = slices.Compact(slices.Sorted(slices.Values(c.reads)))
	out.seeded = c.seeded
	b.trunks[key] = out
	return out, nil
}

// drawnForEachSeed says whether the pairs of a trial depend on its seed.
func drawnForEachSeed(p *spec.Pairs) bool {
	return p.Control == "random" && named(p.Draw, "each") == ""
}

// onPairs says whether a mode tunes on retrieved pairs.
func onPairs(mode string) bool { return mode != "none" && mode != "prompt" }

func trunkKey(sections []spec.Section, retrieves bool) string {
	var key strings.Builder
	for _, s := range sections {
		if s.Name != "tune" {
			key.WriteString(s.JSON)
			key.WriteByte('\n')
		}
	}
	if retrieves {
		key.WriteString("tuned")
	}
	return key.String()
}

// paramsOf are the params that a trial's stages read, by path, and eight hex digits of their hash. Trials that differ in their seed share
// them.
type paramsOf struct {
	params map[string]any
	hash   string
}

// paramsOf picks the params under the prefixes that were read, once for all trials with the same sections: what is read follows from them.
func (c *composer) paramsOf(sections []spec.Section) (paramsOf, error) {
	key := trunkKey(sections, false)
	for _, s := range sections {
		if s.Name == "tune" {
			key += s.JSON
		}
	}
	if old, ok := c.known[key]; ok {
		return old, nil
	}
	slices.Sort(c.reads)
	reads := slices.Compact(c.reads)
	p := paramsOf{params: map[string]any{}}
	for _, section := range sections {
		for path, v := range c.flatten(section) {
			if slices.ContainsFunc(reads, func(prefix string) bool { return below(path, prefix) }) {
				p.params[path] = v
			}
		}
	}
	raw, err := json.Marshal(p.params) // map keys are sorted
	if err != nil {
		return p, err
	}
	sum := sha256.Sum256(raw)
	p.hash = hex.EncodeToString(sum[:4])
	c.known[key] = p
	return p, nil
}

// sections are a trial's params in parts; each text that several trials share is kept once.
func (b *builder) sections(p *spec.Params) []spec.Section {
	sections := spec.Sections(p)
	for i, s := range sections {
		if old, ok := b.texts[s.JSON]; ok {
			sections[i].JSON = old
			continue
		}
		b.texts[s.JSON] = s.JSON
	}
	return sections
}

// flatten gives a section's params by path, once for each of its values.
func (b *builder) flatten(s spec.Section) map[string]any {
	key := s.Name + s.JSON
	flat, ok := b.flat[key]
	if !ok {
		flat = s.Flatten()
		b.flat[key] = flat
	}
	return flat
}
