package fetch

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"react/data/exif"
	"react/data/image"
)

// Formats are what images can be stored as. WebP is read but not written: there is
// no encoder of its lossy form that is in Go or among the libraries that are linked.
var Formats = []string{"jpg", "png"}

// Shape says which images are stored, and as what; fields that are zero are not in a folder's
// settings, so that older ones fit.
type Shape struct {
	image.Fit
	// SkipReencode keeps the bytes of what is not resized and is of Format already, without alpha.
	SkipReencode bool
	Format       string `json:",omitempty"` // of Formats; jpg
	Quality      int    // of JPEG 1 to 100, 95; of PNG the effort of compression, 1 to 9, 6
	// pixels of the shorter side, as it came; what is less fails
	MinSize   int     `json:",omitempty"`
	MaxArea   int     `json:",omitempty"` // pixels in all; 0 is no limit
	MaxAspect float64 `json:",omitempty"` // the longer side over the shorter; 0 is no limit
}

// WithDefaults fills in what is zero.
func (s Shape) WithDefaults() Shape {
	s.Mode = cmp.Or(s.Mode, "border")
	s.Size = cmp.Or(s.Size, 256)
	s.Format = cmp.Or(s.Format, "jpg")
	s.Quality = cmp.Or(s.Quality, map[string]int{"jpg": 95, "png": 6}[s.Format])
	return s
}

// Validate says what is wrong with a Shape that has its defaults.
func (s Shape) Validate() error {
	if !slices.Contains(Formats, s.Format) {
		why := ""
		if s.Format == "webp" {
			why = "; webp is read, but there is no encoder here"
		}
		return fmt.Errorf("format %q is none of %s%s", s.Format, strings.Join(Formats, ", "), why)
	}
	if most := map[string]int{"jpg": 100, "png": 9}[s.Format]; s.Quality < 1 || s.Quality > most {
		return fmt.Errorf("quality %d is not in 1 to %d of %s", s.Quality, most, s.Format)
	}
	if s.MinSize < 0 || s.MaxArea < 0 || s.MaxAspect < 0 || s.MaxAspect > 0 && s.MaxAspect < 1 {
		return fmt.Errorf("least side %d, largest area %d, largest aspect ratio %g: not less than 0, a ratio not less than 1", s.MinSize, s.MaxArea, s.MaxAspect)
	}
	return s.Fit.Validate()
}

// String is the shape as the flags have it.
func (s Shape) String() string {
	text := fmt.Sprintf("resize %s to %d, %s of quality %d", s.Mode, s.Size, s.Format, s.Quality)
	if s.OnlyIfBigger {
		text += ", only if bigger"
	}
	if s.SkipReencode {
		text += ", bytes kept where nothing is resized"
	}
	if s.MinSize > 0 {
		text += fmt.Sprintf(", sides of %d and more", s.MinSize)
	}
	if s.MaxArea > 0 {
		text += fmt.Sprintf(", %d pixels and less", s.MaxArea)
	}
	if s.MaxAspect > 0 {
		text += fmt.Sprintf(", aspect ratio %g and less", s.MaxAspect)
	}
	return text
}

// shape checks that a body is an image that is wanted and brings it to the stored form.
func (a *answer) shape(raw []byte, s Shape) ([]byte, error) {
	sum := sha256.Sum256(raw)
	a.SHA256 = hex.EncodeToString(sum[:])
	if len(raw) == 0 {
		return nil, errors.New("empty body")
	}
	// What is not wanted is found before memory is taken for its pixels.
	w, h, err := image.Size(raw)
	if err == nil && w > 0 && h > 0 {
		a.OriginalWidth, a.OriginalHeight = w, h
		err = s.admit(w, h)
	}
	if err != nil {
		return nil, err
	}
	var out []byte
	err = image.Use(raw, true, func(img *image.RGB) error {
		out, err = a.reshape(raw, img, s)
		return err
	})
	return out, err
}

// reshape is the stored form of a decoded image.
func (a *answer) reshape(raw []byte, img *image.RGB, s Shape) ([]byte, error) {
	fitted, err := s.Apply(img)
	if err != nil {
		return nil, err
	}
	a.Width, a.Height, a.EXIF = fitted.W, fitted.H, exif.JSON(raw)
	if s.SkipReencode && fitted == img && formatOf(raw) == s.Format {
		return raw, nil
	}
	return s.encode(fitted)
}

// admit refuses sizes in img2dataset's words.
func (s Shape) admit(w, h int) error {
	switch {
	case min(w, h) < s.MinSize:
		return errors.New("image too small")
	case s.MaxArea > 0 && w > s.MaxArea/h:
		return errors.New("image area too large")
	case s.MaxAspect > 0 && float64(max(w, h))/float64(min(w, h)) > s.MaxAspect:
		return errors.New("aspect ratio too large")
	}
	return nil
}

func (s Shape) encode(img *image.RGB) ([]byte, error) {
	if s.Format == "png" {
		return image.EncodePNG(img, s.Quality)
	}
	return image.EncodeJPEG(img, s.Quality)
}

// formatOf is the format whose bytes may be kept: what Python's imghdr, and so
// img2dataset, takes for a JPEG (with JFIF or EXIF data, or with tables at once:
// not Adobe's four colours), and a PNG without alpha, which is blended with white.
func formatOf(raw []byte) string {
	switch {
	case len(raw) > 10 && bytes.HasPrefix(raw, []byte("\xff\xd8\xff")) && (string(raw[6:10]) == "JFIF" || string(raw[6:10]) == "Exif" || raw[3] == 0xdb):
		return "jpg"
	case bytes.HasPrefix(raw, []byte("\x89PNG\r\n\x1a\n")) && !pngAlpha(raw[8:]):
		return "png"
	}
	return ""
}

// pngAlpha says whether a PNG's chunks have transparency: colour types 4 and 6, or
// a chunk of it before the image's.
func pngAlpha(chunks []byte) bool {
	const header, crc, colourType, alpha = 8, 4, 9, 4
	for len(chunks) >= header {
		size := uint64(binary.BigEndian.Uint32(chunks))
		switch string(chunks[4:header]) {
		case "IHDR":
			if len(chunks) > header+colourType && chunks[header+colourType]&alpha != 0 {
				return true
			}
		case "tRNS":
			return true
		case "IDAT":
			return false
		}
		if size+header+crc > uint64(len(chunks)) {
			return false
		}
		chunks = chunks[size+header+crc:]
	}
	return false
}
