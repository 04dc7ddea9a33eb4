package clip

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The tuning modes, by what trains beside logit_scale.
const (
	Full        = "full"         // both towers
	LockedImage = "locked-image" // the text tower
	LockedText  = "locked-text"  // the image tower
	GatedImage  = "gated-image"  // the gated blocks of the image tower
)

// Modes lists the tuning modes.
var Modes = []string{Full, LockedImage, LockedText, GatedImage}

// errNoGates says why a ResNet has no gated blocks.
var errNoGates = errors.New("the image tower is a ResNet, and gated blocks stand before the blocks of a transformer; take full, locked-text or locked-image")

// Trainable lists the parameters that train in a mode, in order. An unknown
// mode, or gated-image on a model without gates, is an error. The running
// statistics of a ResNet's BatchNorms train in no mode; their gains and biases
// do wherever the image tower does.
func Trainable(cfg Config, mode string) ([]string, error) {
	if !slices.Contains(Modes, mode) {
		return nil, fmt.Errorf("unknown mode %q: one of %s", mode, strings.Join(Modes, ", "))
	}
	if mode == GatedImage && cfg.ResNet() {
		return nil, fmt.Errorf("mode %s: %w", mode, errNoGates)
	}
	if mode == GatedImage && cfg.Gates() == 0 {
		return nil, fmt.Errorf("mode %s: the model has no gated blocks", mode)
	}
	var names []string
	for _, p := range parameters(cfg) {
		if trains(p.name, mode) {
			names = append(names, p.name)
		}
	}
	return names, nil
}

func trains(name, mode string) bool {
	visual := isVisual(name)
	switch {
	case isStatistic(name):
		return false
	case name == "logit_scale" || mode == Full:
		return true
	case mode == LockedImage:
		return !visual
	case mode == LockedText:
		return visual
	}
	return isGate(name)
}

// textLocked says whether captions can be encoded once for all steps.
func textLocked(mode string) bool { return mode == LockedText || mode == GatedImage }

func isVisual(name string) bool { return strings.HasPrefix(name, "visual.") }
