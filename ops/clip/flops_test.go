package clip

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// TestFLOPs compares with open_clip's docs/model_profile.csv, which counts the
// products too (image and text, in units of 1e9).
func TestFLOPs(t *testing.T) {
	for name, want := range map[string][2]float64{
		"ViT-B-32":     {8.82, 5.96},
		"ViT-B-16":     {35.13, 5.96},
		"ViT-L-14":     {162.03, 13.30},
		"ViT-L-14-336": {381.92, 13.30},
		"ViT-H-14":     {334.59, 46.51},
		"RN50":         {12.22, 5.96},
		"RN101":        {19.60, 5.96},
	} {
		cfg, err := Arch(name)
		if err != nil {
			t.Fatal(err)
		}
		got := cfg.FLOPs()
		for i, f := range []float64{got.Image / 1e9, got.Text / 1e9} {
			if math.Abs(f/want[i]-1) > 0.06 {
				t.Errorf("%s: %.2f GFLOP, open_clip says %.2f", name, f, want[i])
			}
		}
	}
}

// TestModes: names are told apart, each mode trains something, and one that there
// is not is an error that lists those that there are.
func TestModes(t *testing.T) {
	names := ModeNames()
	for i, m := range Modes {
		if slices.Contains(names[:i], m.Name) || !m.TrainsImage() && !m.Text || m.Image && m.Gates {
			t.Errorf("mode %+v", m)
		}
		if found, err := ModeOf(m.Name); err != nil || found != m {
			t.Errorf("%s is %+v, %v", m.Name, found, err)
		}
	}
	if _, err := ModeOf("all"); err == nil || err.Error() != fmt.Sprintf("unknown mode %q: one of full, locked-image, locked-text, gated-image", "all") {
		t.Errorf("mode all: %v", err)
	}
}

// TestRegionFLOPs: a region of an RN50's map takes 1.16 GMAC in the last stage and 0.42 in the pool.
func TestRegionFLOPs(t *testing.T) {
	cfg, err := Arch("RN50")
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.RegionFLOPs() / 2e9; math.Abs(got-1.58) > 0.01 {
		t.Errorf("%.3f GMAC", got)
	}
}
