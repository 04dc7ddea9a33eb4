package record

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"react/ops/train"
	"react/runner/cli"
	"react/runner/plan"
	"react/runner/store"
)

// Lineage is what the outputs in a store were made from, as their manifests say.
// Manifests made before inputs were recorded name them by their key lines alone.
type Lineage struct {
	Keys      []string // in order
	Manifests map[string]store.Manifest
	called    map[string][]string // identity → keys: searches of several depths share one
	Readers   map[string][]string // key → the keys of outputs made from it
}

// ReadLineage reads the manifests of a store.
func ReadLineage(s *store.Store) (*Lineage, error) {
	l := &Lineage{Manifests: map[string]store.Manifest{}, called: map[string][]string{}, Readers: map[string][]string{}}
	err := s.Manifests(func(_ string, m store.Manifest) {
		l.Keys = append(l.Keys, m.Key)
		l.Manifests[m.Key] = m
		identity := plan.Identity(m.Lines)
		l.called[identity] = append(l.called[identity], m.Key)
	})
	if err != nil {
		return nil, err
	}
	for _, key := range l.Keys {
		for _, in := range l.inputsOf(key) {
			l.Readers[in] = append(l.Readers[in], key)
		}
	}
	return l, nil
}

// inputsOf are the keys of what an output was made from, gone ones too.
func (l *Lineage) inputsOf(key string) (keys []string) {
	m := l.Manifests[key]
	if m.Inputs != nil {
		return slices.Collect(maps.Keys(m.Inputs))
	}
	for _, one := range l.named(m) {
		keys = append(keys, one...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// named are the inputs that the key lines of a manifest name. A line may mean one
// of several searches: then all are given.
func (l *Lineage) named(m store.Manifest) (inputs [][]string) {
	for _, line := range m.Lines {
		rest, ok := strings.CutPrefix(line, "in ")
		_, identity, named := strings.Cut(rest, " ")
		switch {
		case !ok || !named:
		case l.called[identity] != nil:
			inputs = append(inputs, l.called[identity])
		default:
			// of a damaged one, which has no manifest to tell
			inputs = append(inputs, []string{identity})
		}
	}
	return inputs
}

// Differs says what an output was made from that is otherwise now, "" for
// nothing that is known.
func (l *Lineage) Differs(key string) string {
	m := l.Manifests[key]
	if m.Inputs == nil {
		return l.olderThanInputs(m)
	}
	for _, in := range slices.Sorted(maps.Keys(m.Inputs)) {
		if now, there := l.Manifests[in]; there && OutputDigest(now) != m.Inputs[in] {
			return fmt.Sprintf("it was made from other bytes of %s %s than the store has now", now.Op, cli.Short(in))
		}
	}
	return ""
}

// olderThanInputs: what does not record its inputs is taken to have read what they
// hold now, unless that was made later.
func (l *Lineage) olderThanInputs(m store.Manifest) string {
	for _, candidates := range l.named(m) {
		later := 0
		for _, in := range candidates {
			if now, there := l.Manifests[in]; there && now.Started.After(m.Finished) {
				later++
			}
		}
		if later == len(candidates) {
			return fmt.Sprintf("it does not record what it read, and its input %s was made again after it", cli.Short(candidates[0]))
		}
	}
	return ""
}

// Descendants are the outputs made from one, at any distance, nearest first.
func (l *Lineage) Descendants(key string) []string {
	return l.spread(key, func(string, string) bool { return true })
}

// Suspects are the descendants that may have been made from other bytes than the
// manifest of the output says: those that do not record what they read, or that
// they read others, and all that is made from those. A record is only made of
// bytes that were compared with a manifest, so that it counts where that manifest
// can no longer be read.
func (l *Lineage) Suspects(key string) []string {
	m, known := l.Manifests[key]
	return l.spread(key, func(in, reader string) bool {
		read := l.Manifests[reader].Inputs[in]
		return in != key || read == "" || known && read != OutputDigest(m)
	})
}

// spread follows the readers of an output where follow says so.
func (l *Lineage) spread(key string, follow func(in, reader string) bool) (found []string) {
	seen := map[string]bool{key: true}
	for queue := []string{key}; len(queue) > 0; queue = queue[1:] {
		for _, reader := range l.Readers[queue[0]] {
			if !seen[reader] && follow(queue[0], reader) {
				seen[reader] = true
				found = append(found, reader)
				queue = append(queue, reader)
			}
		}
	}
	return found
}

// OutputDigest is what manifests and records call the bytes of an output.
func OutputDigest(m store.Manifest) string { return m.Digest(train.TimedFile) }

// SetAside moves a damaged output away with its suspects.
func SetAside(s *store.Store) func(key string) (to string, others int, err error) {
	return func(key string) (string, int, error) {
		l, err := ReadLineage(s)
		if err != nil {
			return "", 0, err
		}
		suspects := l.Suspects(key)
		for _, other := range suspects {
			if _, err := s.SetAside(other); err != nil {
				return "", 0, err
			}
		}
		to, err := s.SetAside(key) // last: until then it says what else is to go
		return to, len(suspects), err
	}
}
