package clip

import (
	"fmt"
	"strings"
)

// The names of the tuning modes.
const (
	Full        = "full"
	LockedImage = "locked-image"
	LockedText  = "locked-text"
	GatedImage  = "gated-image"
)

// Mode is a tuning mode: what of a model trains beside logit_scale. Whatever else
// differs between modes follows from it. Its default learning rates stand in
// schema/tune.cue.
type Mode struct {
	Name  string
	Image bool // the image tower trains, gated blocks included
	Text  bool // the text tower trains
	Gates bool // of the image tower only gated blocks train, which a model without them is given
}

// Modes lists the tuning modes.
var Modes = []Mode{
	{Name: Full, Image: true, Text: true},
	{Name: LockedImage, Text: true},
	{Name: LockedText, Image: true},
	{Name: GatedImage, Gates: true},
}

// ModeOf finds a mode by its name. Of an unknown name, which is an error, the
// mode trains nothing.
func ModeOf(name string) (Mode, error) {
	for _, m := range Modes {
		if m.Name == name {
			return m, nil
		}
	}
	return Mode{Name: name}, fmt.Errorf("unknown mode %q: one of %s", name, strings.Join(ModeNames(), ", "))
}

// ModeNames lists the names of the modes.
func ModeNames() []string { return modeNames(func(Mode) bool { return true }) }

// UngatedModes lists the names of the modes that any image tower can be tuned in.
func UngatedModes() []string { return modeNames(func(m Mode) bool { return !m.Gates }) }

// TextLockedModes lists the names of the modes that leave the text tower as it is.
func TextLockedModes() []string { return modeNames(Mode.TextLocked) }

func modeNames(has func(Mode) bool) []string {
	var names []string
	for _, m := range Modes {
		if has(m) {
			names = append(names, m.Name)
		}
	}
	return names
}

// TextLocked says whether captions can be encoded once for all steps.
func (m Mode) TextLocked() bool { return !m.Text }

// TrainsImage says whether gradients go into the image tower.
func (m Mode) TrainsImage() bool { return m.Image || m.Gates }

// AddsGates says whether a model has to be given gated blocks first.
func (m Mode) AddsGates(cfg Config) bool { return m.Gates && cfg.Gates() == 0 && !cfg.ResNet() }

// FLOPs are the operations of a pair's step, forward and back. The way back costs
// as much as forward for the gradient of the activations, wherever something
// before them trains, and as much again for that of the weights that train.
// Captions of a locked text tower are encoded once, before, and not counted.
func (m Mode) FLOPs(cfg Config) float64 {
	f := cfg.FLOPs()
	total := f.Image
	switch {
	case m.Image:
		total += 2 * f.Image
	// both in the gated blocks, and through the frozen one after each, which is as large
	case m.Gates:
		total += 3 * f.Gates
	}
	if m.Text {
		total += 3 * f.Text
	}
	return total
}

// errNoGates says why a ResNet has no gated blocks.
var errNoGates = fmt.Errorf("the image tower is a ResNet, and gated blocks stand before the blocks of a transformer; take %s",
	strings.Join(UngatedModes(), " or "))

// Trainable lists the parameters that train in a mode, in order. An unknown
// mode, or gated-image on a model without gates, is an error. The running
// statistics of a ResNet's BatchNorms train in no mode; their gains and biases
// do wherever the image tower does.
func Trainable(cfg Config, mode string) ([]string, error) {
	m, err := ModeOf(mode)
	if err != nil {
		return nil, err
	}
	if m.Gates && cfg.ResNet() {
		return nil, fmt.Errorf("mode %s: %w", mode, errNoGates)
	}
	if m.Gates && cfg.Gates() == 0 {
		return nil, fmt.Errorf("mode %s: the model has no gated blocks", mode)
	}
	var names []string
	for _, p := range Parameters(cfg) {
		if m.Trains(p.Name) {
			names = append(names, p.Name)
		}
	}
	return names, nil
}

// Trains says whether a parameter of a model trains in the mode.
func (m Mode) Trains(name string) bool {
	switch {
	case isStatistic(name):
		return false
	case name == "logit_scale":
		return true
	case IsVisual(name):
		return m.Image || m.Gates && IsGate(name)
	}
	return m.Text
}
