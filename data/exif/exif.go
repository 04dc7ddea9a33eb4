// Package exif reads how the camera was held when an image was taken. img2dataset, and what
// downloads as it does, decodes images without turning them and stores them without their EXIF
// data, so the row beside the image is the only place left that tells.
//
// Of the other tags that img2dataset writes there (camera, time, place) nothing is read: no
// reader of its output is known to use them.
package exif

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// none is what JSON gives for a file that says nothing of its orientation.
const none = "{}"

// orientations are ExifRead's words for the values of the tag.
var orientations = []string{1: "Horizontal (normal)", "Mirrored horizontal", "Rotated 180",
	"Mirrored vertical", "Mirrored horizontal then rotated 90 CCW", "Rotated 90 CW",
	"Mirrored horizontal then rotated 90 CW", "Rotated 90 CCW"}

// JSON is the orientation under the name and in the words that img2dataset has for it:
// {"Image Orientation": "Rotated 90 CW"}. Files come from the web: what points outside of
// the file is not there.
func JSON(file []byte) string {
	if n := orientation(find(file)); n > 0 && n < len(orientations) {
		return fmt.Sprintf(`{"Image Orientation": %q}`, orientations[n])
	}
	return none
}

// orientation looks the tag up in the first of TIFF's lists of tags; 0 is without.
func orientation(body []byte) int {
	const tag, short, field = 0x0112, 3, 12
	if len(body) < 8 {
		return 0
	}
	var order binary.ByteOrder = binary.BigEndian
	if body[0] == 'I' {
		order = binary.LittleEndian
	}
	at := uint64(order.Uint32(body[4:]))
	if at+2 > uint64(len(body)) {
		return 0
	}
	rest := body[at+2:]
	for range order.Uint16(body[at:]) {
		if len(rest) < field {
			break
		}
		if order.Uint16(rest) == tag && order.Uint16(rest[2:]) == short {
			return int(order.Uint16(rest[8:]))
		}
		rest = rest[field:]
	}
	return 0
}

// find is the part of a file that has TIFF's layout; nil without one.
func find(file []byte) []byte {
	switch {
	case bytes.HasPrefix(file, []byte("\xff\xd8")):
		return findJPEG(file)
	case len(file) > 12 && string(file[:4]) == "RIFF" && string(file[8:12]) == "WEBP":
		return findWebP(file[12:])
	case bytes.HasPrefix(file, []byte("II*\x00")), bytes.HasPrefix(file, []byte("MM\x00*")):
		return file
	}
	return nil
}

// exifHead comes before the TIFF part in JPEG's APP1, and in some WebP files.
const exifHead = "Exif\x00\x00"

// findJPEG walks the segments before the image's.
func findJPEG(file []byte) []byte {
	const app1, startOfScan, endOfImage = 0xe1, 0xda, 0xd9
	for rest := file[2:]; len(rest) >= 4 && rest[0] == 0xff; {
		marker := rest[1]
		if marker == 0xff { // fill
			rest = rest[1:]
			continue
		}
		size := int(binary.BigEndian.Uint16(rest[2:]))
		if marker == startOfScan || marker == endOfImage || size < 2 || 2+size > len(rest) {
			return nil
		}
		segment := rest[4 : 2+size]
		if marker == app1 && bytes.HasPrefix(segment, []byte(exifHead)) {
			return segment[len(exifHead):]
		}
		rest = rest[2+size:]
	}
	return nil
}

func findWebP(rest []byte) []byte {
	for len(rest) >= 8 {
		size := uint64(binary.LittleEndian.Uint32(rest[4:]))
		if size > uint64(len(rest)-8) {
			return nil
		}
		if body := rest[8 : 8+size]; string(rest[:4]) == "EXIF" {
			return bytes.TrimPrefix(body, []byte(exifHead))
		}
		rest = rest[min(8+size+size&1, uint64(len(rest))):]
	}
	return nil
}
