package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"react/ops/clip"
	"react/runner/spec/fields"
	"react/runner/spec/mistake"
)

// Tower is what defaults depend on of a model's image tower.
type Tower struct {
	Kind   string `json:"kind"` // ViT, ResNet
	Width  int    `json:"width"`
	Blocks int    `json:"blocks"`
	Size   int    `json:"size"` // of its images, in pixels
}

// TowerOf is the image tower of a model.
func TowerOf(cfg clip.Config) Tower {
	v := cfg.Model.Vision
	if cfg.ResNet() {
		return Tower{Kind: "ResNet", Width: v.Width, Size: v.ImageSize}
	}
	return Tower{Kind: "ViT", Width: v.Width, Blocks: v.Layers, Size: v.ImageSize}
}

// String is the tower in words.
func (t Tower) String() string {
	if t.Kind == "ResNet" {
		return fmt.Sprintf("a ResNet for images of %d pixels", t.Size)
	}
	return fmt.Sprintf("a ViT of width %d and %d blocks for images of %d pixels", t.Width, t.Blocks, t.Size)
}

// Defaulted is what trials of one model have from its family, since the file does not say.
type Defaulted struct {
	Family string           `json:"family"`
	From   string           `json:"from"`            // what says which: the field of the model
	Tower  *Tower           `json:"tower,omitempty"` // nil where the model could not be read
	Values map[string][]any `json:"values"`          // by path, each value once; without lr

	LR map[string]json.RawMessage `json:"lr,omitempty"` // by mode
}

// family is an entry of #Families with its part of #DefaultTune.
type family struct {
	Name  string
	What  string
	tower cue.Value

	lr          map[string]json.RawMessage // by mode
	warmupShare float64                    // of the steps, at most
	values      map[string]json.RawMessage // of tune, by path
}

// readFamilies reads #Families and #DefaultTune.
func (c *Schema) readFamilies(v cue.Value) error {
	list, err := v.LookupPath(cue.ParsePath("#Families")).List()
	if err != nil {
		return err
	}
	for list.Next() {
		var f family
		entry := list.Value()
		f.Name, _ = entry.LookupPath(cue.ParsePath("family")).String()
		f.What, _ = entry.LookupPath(cue.ParsePath("what")).String()
		f.tower = entry.LookupPath(cue.ParsePath("tower"))
		if err := f.read(v.LookupPath(cue.MakePath(cue.Def("DefaultTune"), cue.Str(f.Name)))); err != nil {
			return fmt.Errorf("#DefaultTune: %s: %w", f.Name, err)
		}
		c.families = append(c.families, f)
	}
	return nil
}

func (f *family) read(v cue.Value) error {
	f.values = map[string]json.RawMessage{}
	fields := map[string]json.RawMessage{}
	if err := v.Decode(&fields); err != nil {
		return err
	}
	for name, raw := range fields {
		var group map[string]json.RawMessage
		switch {
		case name == "lr" || name == "warmupShare":
		case json.Unmarshal(raw, &group) == nil:
			for field, raw := range group {
				f.values["tune."+name+"."+field] = raw
			}
		default:
			f.values["tune."+name] = raw
		}
	}
	if err := json.Unmarshal(fields["lr"], &f.lr); err != nil {
		return err
	}
	return json.Unmarshal(fields["warmupShare"], &f.warmupShare)
}

// origin is where a model is from, and what follows for its defaults.
type origin struct {
	family
	tower *Tower // nil where it is not known
	from  string // the field that says which model it is
}

// origin finds the family of a trial's model, once for all trials of it.
func (c *Schema) origin(v fields.Values) origin {
	weights, arch := v.Text("backbone.weights"), v.Text("backbone.arch")
	key := weights + "\x00" + arch
	if o, ok := c.origins[key]; ok {
		return o
	}
	o := origin{from: "backbone.arch " + arch, family: c.families[len(c.families)-1]}
	if weights != "" {
		o.from = "backbone.weights " + weights
		if t, ok := c.Towers[weights]; ok {
			o.tower = &t
		}
		c.weights[weights] = true
	}
	if model, err := clip.Arch(arch); err == nil && o.tower == nil {
		t := TowerOf(model)
		o.tower = &t
	}
	if o.tower != nil {
		facts := c.Context.Encode(o.tower)
		o.family = c.families[slices.IndexFunc(c.families, func(f family) bool { return f.tower.Subsume(facts, cue.Final()) == nil })]
	}
	c.origins[key] = o
	return o
}

// Weights are the checkpoints on whose towers defaults depended.
func (c *Schema) Weights() []string { return slices.Sorted(maps.Keys(c.weights)) }

// fillFamily gives tune what depends on the model.
func (c *Schema) fillFamily(v fields.Values) {
	o := c.origin(v)
	for path, raw := range o.values {
		if !v.Has(path) {
			v[path] = o.fitted(path, raw, v)
		}
	}
	if lr, ok := o.lr[v.Text("tune.mode")]; ok && !v.Has("tune.lr") {
		v["tune.lr"] = lr
	}
}

// fitted is a default that gives way to a shorter run, or to a tower of fewer blocks.
func (o origin) fitted(path string, raw json.RawMessage, v fields.Values) json.RawMessage {
	most := math.NaN()
	switch path {
	case "tune.warmup":
		most = math.Floor(v.Number("tune.steps") * o.warmupShare)
	case "tune.gatedDepth":
		if o.tower != nil && o.tower.Kind == "ViT" {
			most = float64(o.tower.Blocks)
		}
	}
	var n float64
	if json.Unmarshal(raw, &n) != nil || !(n > most) {
		return raw
	}
	raw, _ = json.Marshal(most)
	return raw
}

// NoteDefaults notes what a trial that tunes has from its model's family; given is what the file
// says.
func (c *Schema) NoteDefaults(into map[string]*Defaulted, given, v fields.Values) {
	name := v.Text("tune.mode")
	mode, err := clip.ModeOf(name)
	if err != nil && name != "prompt" {
		return
	}
	o := c.origin(v)
	for path := range o.valuesOf(name, mode) {
		if given.Has(path) || !v.Has(path) {
			continue
		}
		d := into[o.from]
		if d == nil {
			d = &Defaulted{Family: o.Name, From: o.from, Tower: o.tower, Values: map[string][]any{}, LR: map[string]json.RawMessage{}}
			into[o.from] = d
		}
		if path == "tune.lr" {
			d.LR[name] = v[path]
			continue
		}
		if x := fields.Plain(v[path]); !slices.ContainsFunc(d.Values[path], func(y any) bool { return fmt.Sprint(x) == fmt.Sprint(y) }) {
			d.Values[path] = append(d.Values[path], x)
		}
	}
}

// valuesOf are the paths that a mode reads.
func (f family) valuesOf(name string, mode clip.Mode) map[string]bool {
	out := map[string]bool{"tune.lr": true}
	for path := range f.values {
		gates := path == "tune.gatedDepth" || path == "tune.alphaLRScale"
		if path == "tune.warmup" || name != "prompt" && (mode.Gates || !gates) {
			out[path] = true
		}
	}
	return out
}

// String says in one line what was taken, and why.
func (d *Defaulted) String() string {
	var parts []string
	for _, path := range slices.Sorted(maps.Keys(d.Values)) {
		texts := make([]string, len(d.Values[path]))
		for i, x := range d.Values[path] {
			raw, _ := json.Marshal(x)
			texts[i] = spaced(raw)
		}
		parts = append(parts, strings.TrimPrefix(path, "tune.")+" "+strings.Join(texts, " or "))
	}
	var lr shared
	for _, mode := range slices.Sorted(maps.Keys(d.LR)) {
		lr.add(string(d.LR[mode]), mode)
	}
	if len(d.LR) > 0 {
		parts = append(parts, "lr "+strings.Join(lr.texts("%s for %s"), ", "))
	}
	why := "which could not be read: taken for a released model"
	if d.Tower != nil {
		why = d.Tower.String()
	}
	return fmt.Sprintf("tune has the defaults of family %s (%s, %s): %s", d.Family, d.From, why, strings.Join(parts, ", "))
}

// shared are values in the order in which they came, with all whose value each is.
type shared struct {
	values []string
	owners map[string][]string
}

func (s *shared) add(value, owner string) {
	if s.owners == nil {
		s.owners = map[string][]string{}
	}
	if s.owners[value] == nil {
		s.values = append(s.values, value)
	}
	s.owners[value] = append(s.owners[value], owner)
}

// texts are the values with their owners, in a form such as "%s for %s".
func (s *shared) texts(form string) []string {
	out := make([]string, len(s.values))
	for i, value := range s.values {
		out[i] = fmt.Sprintf(form, value, mistake.Listed(s.owners[value], "and"))
	}
	return out
}

// familyText is the default of a path by family; "" where it does not depend on the model.
func (c *Schema) familyText(path string) string {
	var of shared
	for _, f := range c.families {
		raw, ok := f.values[path]
		switch {
		case path == "tune.lr":
			of.add(f.rates(), f.Name)
		case path == "tune.warmup" && f.warmupShare < 1:
			of.add(fmt.Sprintf("%s (at most %g of steps)", raw, f.warmupShare), f.Name)
		case ok:
			of.add(spaced(raw), f.Name)
		}
	}
	if path == "tune.lr" {
		return strings.Join(of.texts("%s, for %s"), "; ")
	}
	return strings.Join(of.texts("%s for %s"), ", ")
}

// rates are the learning rates of the modes.
func (f family) rates() string {
	var of shared
	for _, mode := range slices.Sorted(maps.Keys(f.lr)) {
		of.add(string(f.lr[mode]), mode)
	}
	return strings.Join(of.texts("%s of %s"), ", ")
}

// familyWords say how a family is told.
func (c *Schema) familyWords() string {
	var parts []string
	for _, f := range c.families {
		parts = append(parts, fmt.Sprintf("%s (%s)", f.Name, f.What))
	}
	return "the first of " + mistake.Listed(parts, "and") + " that the model is, by the config of backbone.weights, else by backbone.arch"
}
