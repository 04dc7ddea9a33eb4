package fetch

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// spool is the journal of an open shard: records of an answer with its image, each
// written at once. What follows the last whole record, as a kill or a full disk
// leaves it, is cut off.
//
// A record is "rec1", the lengths of the answer's JSON and of the image as 32 bits,
// the CRC-32 of both, the JSON, the image.
type spool struct {
	f   *os.File
	end int64 // of the last whole record
	buf []byte
}

const (
	recordMagic = "rec1"
	recordHead  = 4 + 4 + 4 + 4
)

// spooled is the JSON of a record.
type spooled struct {
	Items  []int  `json:"items"` // of the shard's list
	Answer answer `json:"answer"`
}

// placed is where an image is in a spool, behind the JSON of its record.
type placed struct {
	offset int64
	size   int // bytes of the image
}

// openSpool reads the whole records that are there.
func openSpool(path string, fn func(spooled, placed) error) (*spool, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	s := &spool{f: f}
	if err := s.replay(fn); err != nil {
		f.Close()
		return nil, fmt.Errorf("file %s: %w", path, err)
	}
	return s, nil
}

func (s *spool) replay(fn func(spooled, placed) error) error {
	info, err := s.f.Stat()
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(s.f, 1<<20)
	for {
		rec, at, size, err := readRecord(r, s.end, info.Size())
		if err != nil {
			return s.f.Truncate(s.end) // of the record that was not finished
		}
		if err := fn(rec, at); err != nil {
			return err
		}
		s.end += size
	}
}

// readRecord reads the record at start of a file of so many bytes.
func readRecord(r io.Reader, start, size int64) (rec spooled, at placed, length int64, err error) {
	var head [recordHead]byte
	if _, err = io.ReadFull(r, head[:]); err != nil {
		return rec, at, 0, err
	}
	text, image := int64(binary.LittleEndian.Uint32(head[4:])), int64(binary.LittleEndian.Uint32(head[8:]))
	length = recordHead + text + image
	if string(head[:4]) != recordMagic || start+length > size {
		return rec, at, 0, errors.New("no whole record")
	}
	body := make([]byte, text+image)
	if _, err = io.ReadFull(r, body); err != nil {
		return rec, at, 0, err
	}
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(head[12:]) {
		return rec, at, 0, errors.New("damaged record")
	}
	err = json.Unmarshal(body[:text], &rec)
	return rec, placed{start + recordHead + text, int(image)}, length, err
}

// put appends a record. After an error the file is as it was before.
func (s *spool) put(rec spooled, image []byte) (placed, error) {
	text, err := json.Marshal(rec)
	if err != nil {
		return placed{}, err
	}
	s.buf = append(s.buf[:0], recordMagic...)
	s.buf = binary.LittleEndian.AppendUint32(s.buf, uint32(len(text)))
	s.buf = binary.LittleEndian.AppendUint32(s.buf, uint32(len(image)))
	s.buf = append(s.buf, 0, 0, 0, 0)
	s.buf = append(append(s.buf, text...), image...)
	binary.LittleEndian.PutUint32(s.buf[12:], crc32.ChecksumIEEE(s.buf[recordHead:]))
	if _, err := s.f.WriteAt(s.buf, s.end); err != nil {
		return placed{}, errors.Join(fmt.Errorf("file %s: %w", s.f.Name(), err), s.f.Truncate(s.end))
	}
	at := placed{s.end + recordHead + int64(len(text)), len(image)}
	s.end += int64(len(s.buf))
	return at, nil
}

func (s *spool) read(at placed, buf []byte) ([]byte, error) {
	if cap(buf) < at.size {
		buf = make([]byte, at.size)
	}
	buf = buf[:at.size]
	_, err := s.f.ReadAt(buf, at.offset)
	return buf, err
}
