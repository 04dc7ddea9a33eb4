package evaluation

import (
	"cmp"
	"testing"
)

// TestKindsAgree: a name is one metric, whatever kind has it, since a table shows it without
// asking.
func TestKindsAgree(t *testing.T) {
	seen := map[string]Metric{}
	for _, k := range Kinds() {
		own := map[string]bool{}
		for _, m := range k.Metrics {
			if own[m.Name] {
				t.Errorf("kind %s has %s twice", k.Name, m.Name)
			}
			own[m.Name] = true
			if was, ok := seen[m.Name]; ok && was != m {
				t.Errorf("%s is %+v of one kind and %+v of %s", m.Name, was, m, k.Name)
			}
			seen[m.Name] = m
		}
	}
}

// TestEveryMetricHasALabel: no table shows a name of the spec for want of a word, and no head is as
// wide as a sentence.
func TestEveryMetricHasALabel(t *testing.T) {
	all := map[string][]Metric{}
	for _, k := range Kinds() {
		all[k.Name+" (kind)"] = k.Metrics
	}
	for _, s := range stages {
		all[s.name+" (stage)"] = s.metrics
	}
	for of, list := range all {
		if len(list) == 0 {
			t.Errorf("%s has no metric", of)
		}
		for _, m := range list {
			short, long := len([]rune(m.Short)), len([]rune(cmp.Or(m.Long, m.Short)))
			if short == 0 || short > 18 || long > 60 {
				t.Errorf("%s, %s: short label %q of %d letters, want 1 to 18; long one %q of %d, want up to 60",
					of, m.Name, m.Short, short, m.Long, long)
			}
		}
	}
}

// TestClassifyingKindsHaveAScore: a mean is of kinds that classify, by their score or their acc@1.
func TestClassifyingKindsHaveAScore(t *testing.T) {
	for _, k := range Kinds() {
		_, score := find(k.Metrics, "score")
		_, first := find(k.Metrics, "acc@1")
		if k.Classifies && !score && !first {
			t.Errorf("kind %s classifies and has neither score nor acc@1", k.Name)
		}
	}
}

func TestMetricOf(t *testing.T) {
	for _, tt := range []struct {
		set, name string
		known     bool
		want      Metric
	}{
		{"task", "acc@5", true, Metric{Percent: true, Best: 1}},
		{"flickr", "i2t-recall@1", true, Metric{Percent: true, Best: 1}},
		{"flickr", "t2i-recall@10", true, Metric{Percent: true, Best: 1}},
		{"coco", "i2t-set-recall@5", true, Metric{Percent: true, Best: 1}},
		{"memes", "roc-auc", true, Metric{Percent: true, Best: 1}},
		{"voc", "mAP", true, Metric{Percent: true, Best: 1}},
		{"pets", "mean-per-class", true, Metric{Percent: true, Best: 1}},
		{"task", "agreement", true, Metric{Percent: true}},
		{"task", "ece", true, Metric{Best: -1}},
		{"task", "score", true, Metric{Best: 1}},
		{"found", "precision", true, Metric{Percent: true, Best: 1}},
		{"pairs", "precision", true, Metric{Percent: true}},
		{"pairs", "share", true, Metric{Percent: true}},
		{"tune", "loss", true, Metric{Best: -1}},
		{"index", "recall@16", true, Metric{Percent: true}},
		{"task", "loss", false, Metric{}},
		{"task", "acc@", false, Metric{}},
		{"task", "acc@0", false, Metric{}},
		{"task", "acc@1x", false, Metric{}},
		{"pairs", "acc@1", false, Metric{}},
	} {
		got, known := MetricOf(tt.set, tt.name)
		if got = (Metric{Percent: got.Percent, Best: got.Best}); got != tt.want || known != tt.known {
			t.Errorf("%s/%s: got %+v, %v, want %+v, %v", tt.set, tt.name, got, known, tt.want, tt.known)
		}
	}
	for name, want := range map[string]bool{"loss": true, "acc@1": true, "acc": false} {
		if _, ok := Any(name); ok != want {
			t.Errorf("Any does not look into kinds and stages: %s: got %v", name, ok)
		}
	}
}
