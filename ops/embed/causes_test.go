package embed_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"react/data/shards"
	"react/ops/embed"
	"react/ops/engine"
	"react/ops/internal/optest"
	"react/ops/internal/small"
	"react/ops/op"
)

// TestEmbedCountsCauses damages images in different ways: they are left out and
// counted by what is wrong with them, also where an attempt before had embedded
// their block; progress has a total and a rate.
func TestEmbedCountsCauses(t *testing.T) {
	on, pool, base := small.TwoStepBase(t)
	tars, _ := filepath.Glob(filepath.Join(pool, "pool", "*.tar"))
	set, err := shards.Index(t.Context(), tars[:1], 0)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	f, err := os.OpenFile(tars[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i, text := range []string{"garbage!", "rubbish!", "\x89PNG\r\n\x1a\nxxxxIHDRxxxx"} {
		if _, err := f.WriteAt([]byte(text), set.Samples()[10*i].Offset); err != nil {
			t.Fatal(err)
		}
	}
	partial := filepath.Join(t.TempDir(), "partial")
	for _, what := range []string{"computed", "resumed"} {
		run := optest.New(t, map[string]string{"checkpoint": base, "pool": pool}, nil)
		run.Partial, run.SaveEvery = partial, 1
		run.OpenEngine = func() (*engine.Engine, error) { return on, nil }
		var told []op.Progress
		run.Progress = func(p op.Progress) { told = append(told, p) }
		if err := embed.Pool(t.Context(), &run.Run, embed.Params{MaxBad: 3, MaxBadShare: 0.05}, 64); err != nil {
			t.Fatal(err)
		}
		causes, _ := run.Facts["undecodableBy"].(map[string]int)
		sum := 0
		for cause, n := range causes {
			sum += n
			if regexp.MustCompile(`[0-9]|garbage`).MatchString(cause) {
				t.Errorf("%s: cause %q is of one image alone", what, cause)
			}
		}
		if len(causes) != 2 || sum != 3 || !slices.ContainsFunc(slices.Collect(maps.Keys(causes)), func(c string) bool { return strings.HasPrefix(c, "not an image that is read") && causes[c] == 2 }) || run.Facts["undecodable"] != 3 {
			t.Errorf("%s: %v, causes %v", what, run.Facts["undecodable"], causes)
		}
		last := told[len(told)-1]
		if last.Total != optest.SmallWorld.Rows || last.Done != last.Total || what == "computed" && !strings.HasSuffix(last.Note, " images/s") {
			t.Errorf("%s: the last progress is %+v", what, last)
		}
		if first := told[0].Note; what == "computed" && !regexp.MustCompile(`^rows, [0-9]+ images/s, ends in [0-9hms]+$`).MatchString(first) {
			t.Errorf("the first progress is noted %q", first)
		}
		if !slices.IsSortedFunc(told, func(a, b op.Progress) int { return a.Done - b.Done }) {
			t.Errorf("%s: progress goes back: %+v", what, told)
		}
	}
	run := optest.New(t, map[string]string{"checkpoint": base, "pool": pool}, nil)
	run.OpenEngine = func() (*engine.Engine, error) { return on, nil }
	if err := embed.Pool(t.Context(), &run.Run, embed.Params{MaxBad: 2, MaxBadShare: 0.05}, 64); err == nil || !strings.Contains(err.Error(), "3 images do not decode, more than maxBad 2: row ") || !strings.Contains(err.Error(), "00000.tar: key ") {
		t.Errorf("over maxBad: %v", err)
	}
}
