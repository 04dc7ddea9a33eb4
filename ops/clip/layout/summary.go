package layout

import (
	"fmt"
	"math"

	"react/data/dtype"
	"react/ops/clip"
)

// Summary is what inspect prints of a checkpoint.
type Summary struct {
	Path      string   `json:"path"`
	Files     []string `json:"files"`
	Container string   `json:"container"`
	Naming    string   `json:"naming"`
	// absent when the config was deduced
	ConfigFile     string             `json:"configFile,omitempty"`
	Arch           string             `json:"arch,omitempty"`
	Activation     string             `json:"activation,omitempty"` // absent when nothing says it
	ActivationFrom string             `json:"activationFrom,omitempty"`
	Config         clip.Config        `json:"config"`
	DTypes         map[dtype.Type]int `json:"dtypes"` // stored values of each type
	Parameters     Counts             `json:"parameters"`
	LogitScale     float64            `json:"logitScale"` // the multiplier, not its logarithm
	Gates          []GateSummary      `json:"gates"`
	Modes          []ModeSummary      `json:"modes"`
}

// Counts are numbers of values by part of the model.
type Counts struct {
	Total int `json:"total"`
	Image int `json:"image"` // gates included
	Gates int `json:"gates"`
	Text  int `json:"text"`
}

// GateSummary is a gated block and how far it is open: 0 is closed.
type GateSummary struct {
	Block     int     `json:"block"` // of the image tower, that it stands before
	TanhAttn  float64 `json:"tanhAttn"`
	TanhDense float64 `json:"tanhDense"`
}

// ModeSummary is what a tuning mode trains.
type ModeSummary struct {
	Mode       string   `json:"mode"`
	NewGates   int      `json:"newGates,omitempty"` // gated blocks that the mode would add
	Parameters int      `json:"parameters"`
	Names      []string `json:"names"`
	Reason     string   `json:"reason,omitempty"` // why the mode is not for this model
	TextLocked bool     `json:"-"`                // captions can be encoded once for all steps
}

// Summary reads the few values that it shows and leaves the rest. gates is how
// many gated blocks a mode that needs them would add to a model that has none.
func (s *Source) Summary(gates int) (Summary, error) {
	sum := Summary{Path: s.Path, Files: s.Files, Container: s.Container, Naming: s.Naming, ConfigFile: s.ConfigFile, Arch: s.Arch,
		Activation: s.Activation, ActivationFrom: s.ActivationFrom, Config: s.Config, DTypes: s.DTypes(), Gates: []GateSummary{}}
	for _, p := range clip.Parameters(s.Config) {
		sum.Parameters.add(p)
	}
	scale, err := s.scalar("logit_scale")
	if err != nil {
		return sum, err
	}
	sum.LogitScale = math.Exp(scale)
	for i := range s.Config.Model.Vision.Layers {
		if i < s.Config.Model.Vision.Layers-s.Config.Gates() {
			continue
		}
		attn, err := s.scalar(clip.GateOf(clip.VisionBlock(i)) + ".alpha_attn")
		if err != nil {
			return sum, err
		}
		dense, err := s.scalar(clip.GateOf(clip.VisionBlock(i)) + ".alpha_dense")
		if err != nil {
			return sum, err
		}
		sum.Gates = append(sum.Gates, GateSummary{Block: i, TanhAttn: math.Tanh(attn), TanhDense: math.Tanh(dense)})
	}
	for _, mode := range clip.Modes {
		sum.Modes = append(sum.Modes, summarizeMode(s.Config, mode, gates))
	}
	return sum, nil
}

func (c *Counts) add(p clip.Parameter) {
	n := sizeOf(p.Shape)
	c.Total += n
	switch {
	case clip.IsVisual(p.Name):
		c.Image += n
	case clip.IsText(p.Name):
		c.Text += n
	}
	if clip.IsGate(p.Name) {
		c.Gates += n
	}
}

// scalar is the value of a parameter without dimensions.
func (s *Source) scalar(name string) (float64, error) {
	data, err := s.origins[name].read()
	if err == nil {
		err = finite(data)
	}
	if err == nil && len(data) != 1 {
		err = fmt.Errorf("%d values", len(data))
	}
	if err != nil {
		return 0, fmt.Errorf("%s: parameter %q: %w", s.Files[0], name, err)
	}
	return float64(data[0]), nil
}

func summarizeMode(cfg clip.Config, mode clip.Mode, gates int) ModeSummary {
	m := ModeSummary{Mode: mode.Name, Names: []string{}, TextLocked: mode.TextLocked()}
	if mode.AddsGates(cfg) {
		m.NewGates = min(gates, cfg.Model.Vision.Layers)
		cfg = cfg.WithGates(m.NewGates)
	}
	names, err := clip.Trainable(cfg, mode.Name)
	if err != nil {
		m.Reason = err.Error()
		return m
	}
	m.Names = names
	train := map[string]bool{}
	for _, name := range names {
		train[name] = true
	}
	for _, p := range clip.Parameters(cfg) {
		if train[p.Name] {
			m.Parameters += sizeOf(p.Shape)
		}
	}
	return m
}

// GroupNames writes a list of parameters in few words: what differs in the
// block's number or in the last part of the name alone is one line.
func GroupNames(names []string) []string {
	byPart := map[string][]string{}
	var order []string
	for _, name := range names {
		key := name
		if m := blockNumber.FindStringSubmatch(name); m != nil {
			key = m[1]
			if clip.IsGate(name) {
				key += "gated"
			}
		}
		if byPart[key] == nil {
			order = append(order, key)
		}
		byPart[key] = append(byPart[key], name)
	}
	var lines []string
	for _, key := range order {
		group := byPart[key]
		m := blockNumber.FindStringSubmatch(group[0])
		if m == nil {
			lines = append(lines, group[0])
			continue
		}
		gated := ""
		if clip.IsGate(group[0]) {
			gated = ".gated_attn_block"
		}
		lines = append(lines, fmt.Sprintf("%s{%s}%s.*", m[1], ranges(numbersOf(group)), gated))
	}
	return lines
}
