package clip

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
)

// TestParameterCounts is open_clip's own count of each architecture in millions
// (docs/model_profile.csv: both towers, and the image tower), which every width,
// depth, ratio and size of the config goes into; head_width does not.
func TestParameterCounts(t *testing.T) {
	for _, c := range []struct {
		name         string
		total, image float64
		heads        int
	}{
		{"ViT-B-32", 151.28, 87.85, 12}, {"ViT-B-16", 149.62, 86.19, 12},
		{"ViT-L-14", 427.62, 303.97, 16}, {"ViT-L-14-336", 427.94, 304.29, 16}, {"ViT-H-14", 986.11, 632.08, 16},
		{"ViT-g-14", 1366.68, 1012.65, 16}, {"ViT-bigG-14", 2539.57, 1844.91, 16},
		{"RN50", 102.01, 38.32, 32}, {"RN101", 119.69, 56.26, 32}, {"RN50x4", 178.3, 87.14, 40},
		{"RN50x16", 290.98, 167.33, 48}, {"RN50x64", 623.26, 420.38, 64},
	} {
		for _, name := range []string{c.name, c.name + "-quickgelu"} {
			cfg, err := Arch(name)
			if err != nil && name == "ViT-g-14-quickgelu" {
				continue // open_clip has none
			}
			if err != nil {
				t.Fatal(err)
			}
			total, image := 0, 0
			for _, p := range Parameters(cfg) {
				n := 1
				for _, d := range p.Shape {
					n *= d
				}
				switch {
				case isStatistic(p.Name): // a buffer, which is not counted
				case IsVisual(p.Name):
					image += n
					fallthrough
				default:
					total += n
				}
			}
			if rounded(total) != c.total || rounded(image) != c.image {
				t.Errorf("%s: %d parameters, %d in the image tower; open_clip counts %v and %v million", name, total, image, c.total, c.image)
			}
			if heads := cfg.Model.Vision.Heads(); heads != c.heads {
				t.Errorf("%s: %d heads in the image tower, want %d", name, heads, c.heads)
			}
			if want := strings.HasSuffix(name, "-quickgelu"); cfg.Model.QuickGELU != want {
				t.Errorf("%s: quick_gelu %v", name, cfg.Model.QuickGELU)
			}
		}
	}
}

func rounded(n int) float64 { return math.Round(float64(n)/1e4) / 100 }

func TestResNetConfig(t *testing.T) {
	parse := func(vision string) (Config, error) {
		var c Config
		err := c.UnmarshalJSON([]byte(`{"model_cfg": {"embed_dim": 1024, "vision_cfg": {` + vision + `}}}`))
		return c, err
	}
	// As open_clip writes it, with a patch size that is null, and as it ignores one that is not.
	for _, vision := range []string{
		`"image_size": 224, "layers": [3, 4, 6, 3], "width": 64, "patch_size": null`,
		`"layers": [3, 4, 6, 3], "width": 64, "patch_size": 16, "mlp_ratio": 4.0, "head_width": 64`,
	} {
		c, err := parse(vision)
		if err != nil {
			t.Fatal(err)
		}
		if want, _ := Arch("RN50"); !reflect.DeepEqual(c, want) {
			t.Errorf("%s: %+v, want %+v", vision, c, want)
		}
	}
	c, _ := Arch("RN50")
	text, err := json.Marshal(c.Model.Vision)
	if want := `{"layers":[3,4,6,3],"width":64,"head_width":64,"image_size":224}`; err != nil || string(text) != want {
		t.Errorf("%s, %v, want %s", text, err, want)
	}
	for _, x := range []struct{ vision, want string }{
		{`"layers": [3, 4, 6], "width": 64`, "layers: [3 4 6] is not the bottlenecks of 4 stages"},
		{`"layers": [], "width": 64`, "layers: [] is not the bottlenecks of 4 stages"},
		{`"layers": [3, 4, 0, 3], "width": 64`, "layers: [3 4 0 3] is not"},
		{`"layers": [3, 4, 6, "3"], "width": 64`, "layers: want a number of blocks"},
		{`"layers": "12"`, "layers: want a number of blocks"},
		{`"layers": [1, 1, 1, 1], "width": 63`, "width: 63 is odd"},
		{`"layers": [1, 1, 1, 1], "width": 64, "head_width": 60`, "width: 64 times 32 is not a multiple of head_width 60"},
		{`"layers": [1, 1, 1, 1], "width": 64, "image_size": 240`, "image_size: 240 is not a multiple of 32"},
		{`"layers": [1, 1, 1, 1], "width": 64, "react_cfg": {"enabled": true, "last_k_layers": 1}`, "react_cfg: a ResNet has no blocks"},
	} {
		if _, err := parse(x.vision); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v, want %q", x.vision, err, x.want)
		}
	}
}

// TestConfigJSON holds the text that stage keys are made of.
func TestConfigJSON(t *testing.T) {
	c, err := Arch("tiny")
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(c)
	want := `{"model_cfg":{"embed_dim":96,"vision_cfg":{"layers":4,"width":96,"head_width":32,"patch_size":8,"image_size":32},` +
		`"text_cfg":{"context_length":20,"vocab_size":512,"width":96,"heads":3,"layers":2},"quick_gelu":true}}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}
