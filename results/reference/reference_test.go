package reference

import (
	"net/url"
	"testing"
)

func TestEveryValueSaysWhatItIs(t *testing.T) {
	all, err := read()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		for name, text := range map[string]string{"id": v.ID, "title": v.Title, "metric": v.Metric, "dataset": v.Dataset, "protocol": v.Protocol, "source": v.Source} {
			if text == "" {
				t.Errorf("%s: %s is empty", v.ID, name)
			}
		}
		if v.Value <= 0 || v.Value >= 1 {
			t.Errorf("%s: %v is no fraction", v.ID, v.Value)
		}
		if u, err := url.Parse(v.URL); err != nil || u.Scheme != "https" {
			t.Errorf("%s: url %q", v.ID, v.URL)
		}
	}
}

// TestTheSamePaperIsNotOneNumber holds the figures that are easily confused apart.
func TestTheSamePaperIsNotOneNumber(t *testing.T) {
	for id, want := range map[string]struct {
		value float64
		pairs int
	}{
		"react/imagenet/clip-l14/gated-image/laion400m":    {0.781, 10_000_000},
		"react/imagenet/clip-l14/gated-image/laion400m-6m": {0.776, 6_000_000},
		"react/imagenet/clip-l14/gated-image/web800m":      {0.785, 6_000_000},
	} {
		v, ok := Find(id)
		if !ok || v.Value != want.value || v.Pairs != want.pairs {
			t.Errorf("%s: got %+v, want %+v", id, v, want)
		}
	}
	if _, ok := Find("react/imagenet"); ok {
		t.Error("a part of an id is found")
	}
}
