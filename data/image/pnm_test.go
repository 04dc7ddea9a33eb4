package image

import (
	"slices"
	"strings"
	"testing"
)

func TestPNM(t *testing.T) {
	for name, raw := range map[string]string{
		"one space": "P6 2 1 255 \x01\x02\x03\x04\x05\x06"[:11] + "\x01\x02\x03\x04\x05\x06", "comments": "P6\n# by a tool\n2 # wide\n1\n255\n\x01\x02\x03\x04\x05\x06",
		"more behind": "P6\n2 1\n255\n\x01\x02\x03\x04\x05\x06\n",
	} {
		img, err := Decode([]byte(raw))
		if err != nil || img.W != 2 || img.H != 1 || !slices.Equal(img.Pix, []byte{1, 2, 3, 4, 5, 6}) {
			t.Errorf("%s: %+v, %v", name, img, err)
		}
	}
	if img, err := Decode([]byte("P5\n1 2\n255\n\x07#")); err != nil || !slices.Equal(img.Pix, []byte{7, 7, 7, '#', '#', '#'}) {
		t.Errorf("grey: %+v, %v", img, err)
	}
	for raw, want := range map[string]string{
		"P6\n2 1\n255\n\x01": "ppm: unexpected EOF", "P6\n2 1\n65535\n\x01": "ppm: a largest value of 65535; 255 is read", "P6\n2": "ppm: the header ends early",
		"P6\nx": `ppm: 'x' stands where a number is wanted`, "P6\n12345678901 1 255\n": "ppm: a number of over 9 digits", "P6\n999999999 999999999 255\n": "ppm: ",
		"P5\n0 1\n255\n": "pgm: ", "P6 # x": "ppm: a comment that does not end",
	} {
		if _, err := Decode([]byte(raw)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", raw, err, want)
		}
	}
}
