package plan

import (
	"reflect"
	"testing"
)

func TestCompare(t *testing.T) {
	old := []string{"runner key 1", "op tune 3", `params {"steps":2,"lr":1e-05,"augment":{"crop":"off"},"gone":true}`, "in pairs aa", "file pool.shards a b.tar 11"}
	new := []string{"runner key 1", "op tune 3", `params {"steps":3,"lr":1e-05,"augment":{"crop":"off","flip":0.5},"by":["t2t","<i>"]}`, "in pairs bb", "in base cc"}
	changes, same := Compare(old, new)
	want := []Change{
		{"params.augment.flip", "", "0.5"},
		{"params.by", "", `["t2t","<i>"]`},
		{"params.steps", "2", "3"},
		{"in pairs", "aa", "bb"},
		{"in base", "", "cc"},
		{"params.gone", "true", ""},
		{"file pool.shards a b.tar", "11", ""},
	}
	if !reflect.DeepEqual(changes, want) {
		t.Errorf("got %v, want %v", changes, want)
	}
	if same != 4 { // key format, op, lr, crop
		t.Errorf("%d parts are the same, want 4", same)
	}
	if changes, same := Compare(old, old); len(changes) != 0 || same != 8 {
		t.Errorf("the same lines: %v, %d", changes, same)
	}
}

// TestIdentity: what readers name is found again from the lines alone, also for
// a search, whose depth its readers do not see.
func TestIdentity(t *testing.T) {
	p := load(t, `sweep: {grid: {tune: mode: ["full"], retrieve: k: [1, 2]}, cases: [{label: "base", tune: mode: "none"}]}`)
	searches := 0
	for _, s := range p.Stages {
		if got := Identity(s.Lines); got != s.identity {
			t.Errorf("%s %s: identity %s, want %s", s.Op, s.Key, got, s.identity)
		}
		if KeyOf(s.Lines) != s.Key {
			t.Errorf("%s: key %s, want %s", s.Op, KeyOf(s.Lines), s.Key)
		}
		if s.identity != s.Key {
			searches++
		}
	}
	if searches != 2 {
		t.Errorf("%d stages whose identity is not their key, want the 2 searches", searches)
	}
}
