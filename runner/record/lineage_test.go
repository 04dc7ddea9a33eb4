package record

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"react/runner/internal/storetest"
	"react/runner/plan"
	"react/runner/store"
)

// publishMade puts an output into the store as a stage would.
func publishMade(t *testing.T, s *store.Store, name, text string, lines []string, inputs map[string]string) store.Entry {
	t.Helper()
	key := plan.KeyOf(lines)
	txn, err := s.Begin(key, name, lines)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(txn.Dir(), "out.txt"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	if inputs != nil {
		txn.Reads(inputs)
	}
	e, err := txn.Commit(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestLineage: what may have been made from a damaged output is what does not record
// that it read the sound bytes, and all that was made from such; manifests without a
// record are followed by their key lines, through searches too, whose readers do not
// name their depth.
func TestLineage(t *testing.T) {
	s := storetest.Open(t)
	reads := func(e store.Entry) map[string]string {
		return map[string]string{e.Key: OutputDigest(e.Manifest)}
	}
	in := func(e store.Entry) string { return "in input " + plan.Identity(e.Manifest.Lines) }
	make := func(name string, inputs map[string]string, lines ...string) store.Entry {
		return publishMade(t, s, name, name, append([]string{"runner key 1", "op " + name + " 1"}, lines...), inputs)
	}
	base := make("pretrain", map[string]string{})
	// before inputs were recorded
	old := make("embed", nil, in(base))
	// whose identity has no depth
	search := make("retrieve", nil, `params {"by":"t2t","depth":4}`, in(old))
	pairs := make("pairs", nil, in(search))
	sound := make("tune", reads(base), in(base))
	ofSound := make("evaluate", reads(sound), in(sound))
	other := make("snapshot", map[string]string{base.Key: "of other bytes"}, in(base))
	ofOther := make("resize", reads(other), in(other))
	apart := make("world", nil)
	l, err := ReadLineage(s)
	if err != nil {
		t.Fatal(err)
	}
	has := func(list []string, want ...store.Entry) bool {
		found := map[string]bool{}
		for _, key := range list {
			found[key] = true
		}
		for _, e := range want {
			if !found[e.Key] {
				return false
			}
		}
		return len(found) == len(want)
	}
	if got := l.Descendants(base.Key); !has(got, old, search, pairs, sound, ofSound, other, ofOther) {
		t.Errorf("descendants %v", got)
	}
	if got := l.Suspects(base.Key); !has(got, old, search, pairs, other, ofOther) {
		t.Errorf("suspects %v", got)
	}
	if got := l.Suspects(apart.Key); !has(got) {
		t.Errorf("suspects of what nothing reads: %v", got)
	}
	if why := l.Differs(other.Key); !strings.Contains(why, "it was made from other bytes of pretrain ") {
		t.Errorf("differs: %q", why)
	}
	for _, e := range []store.Entry{base, old, search, pairs, sound, ofSound, ofOther} {
		if why := l.Differs(e.Key); why != "" {
			t.Errorf("%s differs: %s", e.Manifest.Op, why)
		}
	}
	to, others, err := SetAside(s)(base.Key)
	if err != nil || to == "" || others != 5 {
		t.Errorf("set aside %s, %d others, %v", to, others, err)
	}
	for _, e := range []store.Entry{sound, ofSound, apart} {
		if _, ok, err := s.Lookup(e.Key); !ok || err != nil {
			t.Errorf("%s went with it: %v", e.Manifest.Op, err)
		}
	}
}

// TestDamagedManifestsReaders: where the manifest itself is damaged, who recorded
// what was read of it has read what it said.
func TestDamagedManifestsReaders(t *testing.T) {
	s := storetest.Open(t)
	base := publishMade(t, s, "pretrain", "x", []string{"op pretrain 1"}, map[string]string{})
	sound := publishMade(t, s, "tune", "y", []string{"op tune 1", "in checkpoint " + base.Key}, map[string]string{base.Key: OutputDigest(base.Manifest)})
	old := publishMade(t, s, "tune", "z", []string{"op tune 2", "in checkpoint " + base.Key}, nil)
	if err := os.Truncate(filepath.Join(base.Dir, "manifest.json"), 20); err != nil {
		t.Skip("a read-only file cannot be cut by this user: ", err)
	}
	l, err := ReadLineage(s)
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Suspects(base.Key); len(got) != 1 || got[0] != old.Key {
		t.Errorf("suspects %v, want %s and not %s", got, old.Key, sound.Key)
	}
}
