package exif

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Tag is a name, such as "GPS GPSLatitude", with its value as text.
type Tag struct{ Name, Value string }

// Tags are those of a file, each name once; none where the file has no EXIF data.
func Tags(file []byte) []Tag {
	body := find(file)
	if len(body) < 8 {
		return nil
	}
	r := &reader{body: body, order: binary.BigEndian, at: map[string]int{}}
	if body[0] == 'I' {
		r.order = binary.LittleEndian
	}
	r.file()
	return r.tags
}

// JSON is Tags as img2dataset writes them: Python's json.dumps of its dict.
func JSON(file []byte) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, tag := range Tags(file) {
		if i > 0 {
			b.WriteString(", ")
		}
		quote(&b, tag.Name)
		b.WriteString(": ")
		quote(&b, tag.Value)
	}
	b.WriteByte('}')
	return b.String()
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

// reader walks the IFDs, TIFF's lists of tags.
type reader struct {
	body  []byte
	order binary.ByteOrder
	tags  []Tag
	at    map[string]int
}

// maxTags and maxIFDs bound what is read of a file; cameras write a hundred tags in two or three.
const (
	maxTags = 1000
	maxIFDs = 16
)

// file reads the chain of IFDs (image, thumbnail), then the one of EXIF proper.
func (r *reader) file() {
	seen := map[uint32]bool{}
	exif := uint32(0)
	at := r.u32(4)
	for n := 0; at != 0 && !seen[at] && n < maxIFDs; n++ {
		seen[at] = true
		name := "Thumbnail"
		switch {
		case n == 0:
			name = "Image"
		case n > 1:
			name = "IFD " + itoa(n)
		}
		if place := r.ifd(at, name, tables["main"]); n == 0 {
			exif = place
		}
		at = r.u32(int(at) + 2 + 12*int(r.u16(int(at))))
	}
	if exif != 0 {
		r.ifd(exif, "EXIF", tables["main"])
	}
}

// exifOffset is the tag that points to the IFD of EXIF proper.
const exifOffset = 0x8769

// left out, as img2dataset's call asks ExifRead to: XMP, maker notes, user comments.
func leftOut(tag uint16) bool { return tag == 0x02bc || tag == 0x927c || tag == 0x9286 }

// ifd reads the tags of an IFD and of those it points to; it gives the place of
// EXIF's own, 0 without one.
func (r *reader) ifd(at uint32, name string, table map[uint16]entry) (exif uint32) {
	for i := range int(r.u16(int(at))) {
		start := int(at) + 2 + 12*i
		if start+12 > len(r.body) || len(r.tags) >= maxTags {
			return exif
		}
		tag := r.u16(start)
		if leftOut(tag) {
			continue
		}
		field := r.field(start)
		if field == nil {
			continue
		}
		e, known := table[tag]
		if !known {
			e.name = "Tag 0x" + hex4(tag)
		}
		if e.ifd != "" && len(field.values) > 0 && field.values[0].whole() {
			r.ifd(uint32(field.values[0].num), e.ifd, tables[e.ifd])
		}
		if tag == exifOffset && len(field.values) > 0 {
			exif = uint32(field.values[0].num)
		}
		r.put(name+" "+e.name, strings.TrimSpace(e.text(field)))
	}
	return exif
}

// put keeps the place of a name that comes again, and its last value.
func (r *reader) put(name, value string) {
	if i, ok := r.at[name]; ok {
		r.tags[i].Value = value
		return
	}
	r.at[name] = len(r.tags)
	r.tags = append(r.tags, Tag{name, value})
}

// bytes are n at a place; zeros where the file ends before.
func (r *reader) bytes(at, n int) []byte {
	if at < 0 || at > len(r.body)-n {
		return make([]byte, n)
	}
	return r.body[at : at+n]
}

func (r *reader) u16(at int) uint16 { return r.order.Uint16(r.bytes(at, 2)) }
func (r *reader) u32(at int) uint32 { return r.order.Uint32(r.bytes(at, 4)) }
