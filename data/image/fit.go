package image

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// FitModes are img2dataset's ways to bring an image to a size.
var FitModes = []string{"no", "border", "keep_ratio", "keep_ratio_largest", "center_crop"}

// Fit says how an image is brought to a size, as img2dataset does: down by area
// averages, up by Lanczos with eight taps (OpenCV's INTER_AREA and
// INTER_LANCZOS4; rounding differs, and for Lanczos edges do).
type Fit struct {
	Mode string // of FitModes
	// Size in pixels: the shorter side with keep_ratio, the longer one with
	// keep_ratio_largest, both with center_crop, which cuts, and border, which adds
	// white.
	Size         int
	OnlyIfBigger bool // smaller images stay as they are
}

// Validate says what is wrong with a Fit.
func (f Fit) Validate() error {
	if !slices.Contains(FitModes, f.Mode) {
		return fmt.Errorf("resize mode %q is none of %s", f.Mode, strings.Join(FitModes, ", "))
	}
	if f.Mode != "no" && (f.Size < 1 || f.Size > 1<<14) {
		return fmt.Errorf("image size %d is not in 1 to %d", f.Size, 1<<14)
	}
	return nil
}

// Apply gives the fitted image, or img itself where nothing is to be done. A thin
// image whose longer side would grow out of bounds is an error.
func (f Fit) Apply(img *RGB) (*RGB, error) {
	longest := f.Mode == "border" || f.Mode == "keep_ratio_largest"
	side := min(img.W, img.H)
	if longest {
		side = max(img.W, img.H)
	}
	if f.Mode == "no" || f.OnlyIfBigger && side <= f.Size {
		return img, nil
	}
	scale := float64(f.Size) / float64(side)
	w, h := scaled(img.W, scale), scaled(img.H, scale)
	if err := checkSize(w, h, maxPixels); err != nil {
		return nil, fmt.Errorf("resized to %d: %w", f.Size, err)
	}
	filter := lanczos4
	if side > f.Size {
		filter = area
	}
	out := Resize(img, w, h, filter)
	switch f.Mode {
	case "center_crop":
		return crop(out, (w-f.Size)/2, (h-f.Size)/2, f.Size, f.Size), nil
	case "border":
		return onWhite(out, f.Size), nil
	}
	return out, nil
}

// scaled is a side's new length: rounded half to even, at least a pixel.
func scaled(side int, scale float64) int {
	return max(1, int(math.RoundToEven(float64(side)*scale)))
}

// onWhite puts an image in the middle of a white square.
func onWhite(img *RGB, size int) *RGB {
	if img.W >= size && img.H >= size {
		return img
	}
	out := New(max(size, img.W), max(size, img.H))
	for i := range out.Pix {
		out.Pix[i] = 255
	}
	x, y := (out.W-img.W)/2, (out.H-img.H)/2
	for r := range img.H {
		copy(out.Pix[((y+r)*out.W+x)*3:], img.Pix[r*img.W*3:(r+1)*img.W*3])
	}
	return out
}
