package image

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// policy is a parsed RandAugment setting in timm's notation, such as
// rand-m9-mstd0.5-inc1, which is REACT's.
type policy struct {
	magnitude  float64 // 0..10, the mean of what is drawn
	deviation  float64 // of the magnitude
	layers     int     // operations drawn for an image, with replacement
	increasing bool    // every operation gets stronger with the magnitude
}

// levels is the magnitude at which operations are at their strongest.
const levels = 10

// maxLayers bounds what a spec can ask of a training step.
const maxLayers = 16

// parsePolicy reads "rand" and its sections: mN magnitude (10), nN layers (2),
// mstdF deviation (0), incN increasing (no; timm takes any digit for yes). An
// empty text is nil: no RandAugment. What timm knows further is an error.
func parsePolicy(text string) (*policy, error) {
	if text == "" {
		return nil, nil
	}
	sections := strings.Split(text, "-")
	p := &policy{magnitude: levels, layers: 2}
	if sections[0] != "rand" {
		return nil, fmt.Errorf("randAugment: %q does not begin with \"rand\"; REACT's is rand-m9-mstd0.5-inc1", text)
	}
	for _, section := range sections[1:] {
		at := strings.IndexAny(section, "0123456789.")
		if at < 0 {
			return nil, fmt.Errorf("randAugment: %q: %q has no number", text, section)
		}
		value, err := strconv.ParseFloat(section[at:], 64)
		if err != nil {
			return nil, fmt.Errorf("randAugment: %q: %q is not a number", text, section[at:])
		}
		if err := p.set(section[:at], value); err != nil {
			return nil, fmt.Errorf("randAugment: %q: %w", text, err)
		}
	}
	return p, nil
}

func (p *policy) set(name string, value float64) error {
	whole := value == float64(int(value))
	switch {
	case name == "m" && whole && value <= levels:
		p.magnitude = value
	case name == "mstd" && value <= 100: // over 100 timm draws evenly instead
		p.deviation = value
	case name == "n" && whole && 1 <= value && value <= maxLayers:
		p.layers = int(value)
	case name == "inc" && whole:
		p.increasing = true
	case name == "m" || name == "mstd" || name == "n" || name == "inc":
		return fmt.Errorf("%s%v is out of range (m 0 to %d, n 1 to %d, mstd 0 to 100)", name, value, levels, maxLayers)
	default:
		return fmt.Errorf("%q is not read here (m, n, mstd, inc)", name)
	}
	return nil
}

// apply draws the operations and runs them. Each is left out half of the time.
func (p *policy) apply(img *RGB, fill [3]uint8, rng *rand.Rand) *RGB {
	for range p.layers {
		op := operations[rng.IntN(len(operations))]
		if rng.Float64() > 0.5 {
			continue
		}
		magnitude := p.magnitude
		if p.deviation > 0 {
			magnitude += float64(p.deviation * rng.NormFloat64())
		}
		negate := op.signed(p.increasing) && rng.Float64() > 0.5
		img = op.run(img, op.argument(min(max(magnitude, 0), levels), negate, p.increasing), fill)
	}
	return img
}

// operation is one of RandAugment's; its argument comes of a magnitude.
type operation struct {
	name string
	kind levelKind
	run  func(img *RGB, arg float64, fill [3]uint8) *RGB // img itself is left as it is
}

// levelKind says how a magnitude becomes an operation's argument.
type levelKind uint8

const (
	noLevel        levelKind = iota
	angleLevel               // ±30 degrees
	bitsLevel                // bits kept, 4 to 0
	thresholdLevel           // 256 to 0
	addLevel                 // 0 to 110
	factorLevel              // 1 ± 0.9, 1 is no change
	shearLevel               // ±0.3
	shiftLevel               // ±0.45 of a side
)

// operations are timm's fifteen, in its order.
var operations = []operation{
	{"AutoContrast", noLevel, autoContrast},
	{"Equalize", noLevel, equalize},
	{"Invert", noLevel, invert},
	{"Rotate", angleLevel, rotate},
	{"Posterize", bitsLevel, posterize},
	{"Solarize", thresholdLevel, solarize},
	{"SolarizeAdd", addLevel, solarizeAdd},
	{"Color", factorLevel, saturate},
	{"Contrast", factorLevel, contrast},
	{"Brightness", factorLevel, brighten},
	{"Sharpness", factorLevel, sharpen},
	{"ShearX", shearLevel, shearX},
	{"ShearY", shearLevel, shearY},
	{"TranslateX", shiftLevel, translateX},
	{"TranslateY", shiftLevel, translateY},
}

// signed says whether half of the arguments are negated.
func (o operation) signed(increasing bool) bool {
	switch o.kind {
	case angleLevel, shearLevel, shiftLevel:
		return true
	case factorLevel:
		return increasing
	}
	return false
}

// argument is timm's level_to_arg: of the plain operations, or of those that
// increase with the magnitude.
func (o operation) argument(magnitude float64, negate, increasing bool) float64 {
	share := magnitude / levels
	sign := 1.0
	if negate {
		sign = -1
	}
	switch o.kind {
	case angleLevel:
		return sign * (share * 30)
	case bitsLevel:
		if bits := float64(int(share * 4)); !increasing {
			return bits
		}
		return 4 - float64(int(share*4))
	case thresholdLevel:
		if !increasing {
			return float64(int(share * 256))
		}
		return 256 - float64(int(share*256))
	case addLevel:
		return float64(int(share * 110))
	case factorLevel:
		if !increasing {
			return float64(share*1.8) + 0.1
		}
		return max(0.1, 1+float64(sign*float64(share*0.9)))
	case shearLevel:
		return sign * (share * 0.3)
	case shiftLevel:
		return sign * (share * 0.45)
	}
	return 0
}
