package catalogue

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Dense is what is known of a benchmark of boxes or of label maps before any of its files is there:
// one .json file of the folder dense.
type Dense struct {
	Name    string   `json:"-"` // of its file
	Title   string   `json:"title"`
	Aliases []string `json:"aliases,omitempty"` // what other tools call it
	Kind    string   `json:"kind"`              // detection, segmentation
	// Classes are called as the benchmark's files call them, in the order of the labels, or of the
	// category ids. There are none where they are only in the annotation file, as LVIS's with their
	// frequencies.
	Classes []string `json:"classes,omitempty"`
	// Of is the entry whose classes these are; with Background they follow after "background".
	Of         string `json:"of,omitempty"`
	Background bool   `json:"background,omitempty"`
	// Names are what prompts call the classes whose label is no plain English.
	Names map[string]string `json:"names,omitempty"`
	// Base and Novel are the classes that open-vocabulary detectors do and do not train on; other
	// classes are left out of their figures.
	Base  []string `json:"base,omitempty"`
	Novel []string `json:"novel,omitempty"`
	// Prompts are whose templates published figures were made with: maskclip or regionclip.
	Prompts string           `json:"prompts"`
	Splits  map[string]Split `json:"splits"`
	Licence string           `json:"licence"`
	Get     []string         `json:"get"`
	Source  string           `json:"source"`
}

//go:embed dense/*.json
var denseFiles embed.FS

// AllDense lists the benchmarks of boxes and of label maps, by name. A segmentation benchmark's name
// is also that of its scheme of labels in data/labelmap.
var AllDense = sync.OnceValue(func() []*Dense { return must(readDense()) })

func readDense() ([]*Dense, error) {
	entries, err := decodeAll(denseFiles, "dense/*.json", func(name string, _ []byte) *Dense { return &Dense{Name: name} })
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Of == "" {
			continue
		}
		whole := slices.IndexFunc(entries, func(o *Dense) bool { return o.Name == e.Of })
		if whole < 0 {
			return nil, fmt.Errorf("catalogue: %s has the classes of %s, which is not there", e.Name, e.Of)
		}
		e.Classes, e.Names = entries[whole].Classes, entries[whole].Names
		if e.Background {
			e.Classes = append([]string{"background"}, e.Classes...)
		}
	}
	return entries, nil
}

// FindDense is the entry of a name or an alias.
func FindDense(name string) (*Dense, error) {
	var names []string
	for _, e := range AllDense() {
		if e.Name == name || slices.Contains(e.Aliases, name) {
			return e, nil
		}
		names = append(names, e.Name)
	}
	return nil, fmt.Errorf("no benchmark of boxes or label maps %q in the catalogue (there are %s)",
		name, strings.Join(names, ", "))
}

// Metric is the figure that papers print.
func (d *Dense) Metric() string {
	if d.Kind == "segmentation" {
		return "mIoU"
	}
	return "AP"
}

// ClassNames are the classes as prompts call them.
func (d *Dense) ClassNames() []string {
	names := make([]string, len(d.Classes))
	for i, class := range d.Classes {
		names[i] = class
		if name, ok := d.Names[class]; ok {
			names[i] = name
		}
	}
	return names
}

// Templates are the prompts that published figures were made with: OpenAI's 80 for ImageNet, and
// MaskCLIP's five of scenes or RegionCLIP's bare name.
func (d *Dense) Templates() []string {
	imageNet, err := Find("imagenet-1k")
	if err != nil {
		panic(err) // part of the program
	}
	if d.Prompts == "regionclip" {
		return append([]string{"{}."}, imageNet.Templates...)
	}
	return append(slices.Clone(imageNet.Templates), "there is a {} in the scene.", "there is the {} in the scene.",
		"this is a {} in the scene.", "this is the {} in the scene.", "this is one {} in the scene.")
}

// unwritten turns what file names of categories have for spaces, and leaves out what no caption has.
var unwritten = strings.NewReplacer("_", " ", "+", " ", "(", "", ")", "", ",", "")

// CategoryName is what RegionCLIP's prompts call a category of LVIS: "street sign" for street_sign.
func CategoryName(category string) string {
	return strings.Join(strings.Fields(unwritten.Replace(category)), " ")
}
