package layout

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"react/data/caught"
	"react/data/dtype"
	"react/ops/clip"
)

// Source is an opened checkpoint of any layout, with what its headers say. No
// value has been read but those of Gates. Close must follow.
type Source struct {
	Path           string   // as it was asked for
	Files          []string // of the weights
	Container      string   // safetensors, PyTorch pickle or TorchScript archive
	Naming         string   // the name of a layout
	ConfigFile     string   // "" when the config was deduced from the shapes
	Arch           string   // that ships with the same shapes, "" for none
	Activation     string   // quick_gelu, gelu, or "" when nothing says it
	ActivationFrom string   // what says it
	Config         clip.Config

	files   []tensorFile
	origins map[string]origin
}

// OpenOptions say what a checkpoint without a config does not.
type OpenOptions struct {
	Arch       string // the architecture, such as ViT-B-32; its activation counts
	Activation string // quick_gelu or gelu
}

// Open looks at a checkpoint: a folder of open_clip's (open_clip_config.json)
// or of Hugging Face's CLIPModel (config.json), or a file of weights beside such
// a config or alone: .safetensors, .pt and .bin of PyTorch, OpenAI's .pt
// archives, REACT's released files. Missing and left-over parameters and wrong
// shapes are one error that lists them all.
func Open(path string, o OpenOptions) (*Source, error) {
	l, err := find(path)
	if err != nil {
		return nil, err
	}
	s := &Source{Path: path, Files: l.weights}
	if err := s.open(l, o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Load reads a checkpoint of any layout that Open takes. An error names the
// file and the field or parameter that is wrong. Close gives the memory back.
func Load(path string) (*clip.Checkpoint, error) {
	s, err := Open(path, OpenOptions{})
	if err != nil {
		return nil, err
	}
	c, err := s.Checkpoint()
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return c, nil
}

// Peek is the config of a checkpoint as its header says it, nil where that cannot be read.
func Peek(path string) (cfg *clip.Config) {
	_ = caught.Do(path, func() error {
		s, err := Open(path, OpenOptions{})
		if err == nil {
			model := s.Config
			cfg = &model
			_ = s.Close() // read only
		}
		return err
	})
	return cfg
}

// Close gives the memory of the files back.
func (s *Source) Close() error { return closeAll(s.files) }

func closeAll(files []tensorFile) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, f.close())
	}
	return errors.Join(errs...)
}

func (s *Source) open(l found, o OpenOptions) error {
	var pieces []piece
	for _, path := range l.weights {
		f, container, err := openTensors(path)
		if err != nil {
			return err
		}
		s.files, s.Container = append(s.files, f), container
		for _, info := range f.list() {
			pieces = append(pieces, piece{f, info})
		}
	}
	if len(pieces) == 0 {
		return fmt.Errorf("%s: no tensors in it", s.Files[0])
	}
	named := unwrap(pieces)
	if len(named) != len(pieces) {
		return fmt.Errorf("%s: %d tensors have the name of another", s.Files[0], len(pieces)-len(named))
	}
	if err := checkTowers(named); err != nil {
		return fmt.Errorf("%s: %w", s.Files[0], err)
	}
	layout := layoutOf(named)
	s.Naming, s.origins = layout.name, layout.origins(named)
	if err := s.decide(l, o, named); err != nil {
		return err
	}
	if err := s.fit(); err != nil {
		return err
	}
	s.Arch, _, _ = archOf(s.Config, s.Activation)
	return nil
}

// decide finds the config and the activation.
func (s *Source) decide(l found, o OpenOptions, named map[string]piece) error {
	configured, err := s.configure(l, o)
	if err != nil {
		return err
	}
	claims, err := s.claims(l, o, named)
	if err != nil {
		return err
	}
	if configured {
		claims = append([]claim{{activationOf(s.Config), s.configName(o)}}, claims...)
	}
	if len(claims) > 0 {
		s.Activation, s.ActivationFrom = claims[0].activation, claims[0].from
		s.Config.Model.QuickGELU = s.Activation == quickGELU
	}
	for _, c := range claims {
		if c.activation != s.Activation {
			return fmt.Errorf("%s: activation: %s says %s, %s says %s; results would be silently wrong: give the one the weights were trained with in the config",
				s.Path, claims[0].from, s.Activation, c.from, c.activation)
		}
	}
	return nil
}

func activationOf(c clip.Config) string {
	if c.Model.QuickGELU {
		return quickGELU
	}
	return gelu
}

func (s *Source) configName(o OpenOptions) string {
	if s.ConfigFile != "" {
		return filepath.Base(s.ConfigFile)
	}
	return "arch " + o.Arch
}

// configure reads the config, takes the named architecture, or deduces one,
// which says nothing of the activation: then configured is false.
func (s *Source) configure(l found, o OpenOptions) (configured bool, err error) {
	switch {
	case o.Arch != "":
		s.Config, err = clip.Arch(o.Arch)
		if n := s.shapes().gates(); n > 0 && err == nil {
			s.Config = s.Config.WithGates(n)
		}
		return true, err
	case l.layout != nil:
		s.ConfigFile = filepath.Join(l.dir, l.layout.config)
		s.Config, err = l.layout.read(l.dir)
		return true, err
	}
	return false, s.deduceConfig()
}

func (s *Source) shapes() shapeMap {
	out := shapeMap{}
	for name, o := range s.origins {
		out[name] = o.shape()
	}
	return out
}

// howToConfigure ends errors about what weights alone do not say.
const howToConfigure = "put " + ConfigFile + " beside the weights, or make a folder with one: runner convert WEIGHTS DIR"

func (s *Source) deduceConfig() error {
	c, err := s.shapes().deduce()
	_, arch, known := archOf(c, "")
	if known && !s.openAI() {
		v, t := &c.Model.Vision, &c.Model.Text
		v.HeadWidth, v.MLPRatio, t.Heads, t.MLPRatio = arch.Model.Vision.HeadWidth, arch.Model.Vision.MLPRatio, arch.Model.Text.Heads, arch.Model.Text.MLPRatio
		err = nil
	}
	if err == nil && !known && !s.openAI() {
		err = errors.New("no architecture that is known has its shapes, so the number of heads cannot be known")
	}
	if err == nil {
		err = c.Validate()
	}
	if err != nil {
		return fmt.Errorf("%s: no config, and %w; %s --arch NAME", s.Path, err, howToConfigure)
	}
	if r, ok := releaseOf(s.Files[0]); ok {
		c.Preprocess = r.preprocess
	}
	s.Config = c
	return nil
}

// openAIBuffers stand in OpenAI's files and in no other.
var openAIBuffers = []string{"input_resolution", "context_length", "vocab_size"}

// openAI says whether the weights are as OpenAI published them, or the state
// dict of those.
func (s *Source) openAI() bool {
	if s.Container == containerScript {
		return true
	}
	for _, f := range s.files {
		for _, info := range f.list() {
			if slices.Contains(openAIBuffers, info.name[strings.LastIndex(info.name, ".")+1:]) {
				return true
			}
		}
	}
	return false
}

// claim is something that says which activation the weights were trained with.
type claim struct{ activation, from string }

// claims are those beside the config.
func (s *Source) claims(l found, o OpenOptions, named map[string]piece) ([]claim, error) {
	var all []claim
	if o.Activation != "" {
		if o.Activation != gelu && o.Activation != quickGELU {
			return nil, fmt.Errorf("activation %q is neither %s nor %s", o.Activation, quickGELU, gelu)
		}
		all = append(all, claim{o.Activation, "the command line"})
	}
	if script, ok := s.files[0].(*torchTensors); ok && s.Container == containerScript {
		found, err := script.file.CodeMentions("torch.sigmoid(", "torch.gelu(")
		if err != nil {
			return nil, err
		}
		if found["torch.sigmoid("] != found["torch.gelu("] {
			all = append(all, claim{map[bool]string{true: quickGELU, false: gelu}[found["torch.sigmoid("]], "the archive's code"})
		}
	} else if s.openAI() {
		all = append(all, claim{quickGELU, "OpenAI's buffers (input_resolution and others) beside the weights"})
	}
	if r, ok := releaseOf(s.Files[0]); ok {
		all = append(all, claim{r.activation, "the file's name"})
	}
	for _, beside := range l.beside {
		if beside.activations == nil {
			continue
		}
		activations, err := beside.activations(l.dir)
		if err != nil {
			return nil, err
		}
		for _, activation := range activations {
			all = append(all, claim{activation, beside.config})
		}
	}
	return all, nil
}

// Checkpoint reads the values, in the order of the architecture; NaN and
// infinities are errors. The tensors may be the files' own bytes: the source
// must stay open, and Checkpoint.Close closes it.
func (s *Source) Checkpoint() (*clip.Checkpoint, error) {
	if s.Activation == "" {
		return nil, fmt.Errorf("%s: nothing says whether the weights were trained with %s or %s (OpenAI's are %s); %s --activation NAME",
			s.Path, quickGELU, gelu, quickGELU, howToConfigure)
	}
	w := &clip.Weights{}
	for _, p := range clip.Parameters(s.Config) {
		data, err := s.origins[p.Name].read()
		if err == nil {
			err = finite(data)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: parameter %q: %w", s.Files[0], p.Name, err)
		}
		w.Put(p.Name, p.Shape, data)
	}
	return &clip.Checkpoint{Config: s.Config, Weights: w, Files: s}, nil
}

// DTypes counts the stored values by type.
func (s *Source) DTypes() map[dtype.Type]int {
	counts := map[dtype.Type]int{}
	for _, o := range s.origins {
		for _, p := range o.pieces {
			counts[p.dtype] += sizeOf(p.shape)
		}
	}
	return counts
}

func sizeOf(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
