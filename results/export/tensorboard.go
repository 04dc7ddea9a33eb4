package export

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// TensorBoard writes each run as DIR/ID/events.out.tfevents.TIME.runner, which
// tensorboard --logdir DIR shows. The same runs give the same bytes.
func TensorBoard(dir string, runs []Run) error {
	if err := check(runs); err != nil {
		return err
	}
	for _, r := range runs {
		folder := filepath.Join(dir, r.ID)
		if err := os.MkdirAll(folder, 0o777); err != nil {
			return err
		}
		name := fmt.Sprintf("events.out.tfevents.%010d.runner", max(0, r.Started.Unix()))
		if err := os.WriteFile(filepath.Join(folder, name), events(r), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// events are the run's scalars by step, behind the version of the format.
func events(r Run) []byte {
	type point struct {
		Point
		tag string
	}
	var all []point
	for _, s := range r.Series {
		for _, p := range s.Points {
			all = append(all, point{p, s.Name})
		}
	}
	slices.SortStableFunc(all, func(a, b point) int { return cmp.Compare(a.Step, b.Step) })
	var out bytes.Buffer
	writeRecord(&out, version(r.Started))
	for _, p := range all {
		writeRecord(&out, event(p.At, p.Step, eventSummary, summary(Scalar{p.tag, p.Value})))
	}
	return out.Bytes()
}

// Fields of tensorflow.Event, Summary and Summary.Value.
const (
	eventTime, eventStep, eventVersion, eventSummary, eventSession = 1, 2, 3, 5, 7
	summaryValue, valueTag, valueSimple                            = 1, 1, 2
)

// version is the first event of a file.
func version(at time.Time) []byte { return event(at, 0, eventVersion, []byte("brain.Event:2")) }

// event is a tensorflow.Event as protobuf writes it, with what stands in one of its fields.
func event(at time.Time, step int64, field protowire.Number, what []byte) []byte {
	seconds := 0.0
	if !at.IsZero() {
		seconds = float64(at.UnixMilli()) / 1000
	}
	b := protowire.AppendTag(nil, eventTime, protowire.Fixed64Type)
	b = protowire.AppendFixed64(b, math.Float64bits(seconds))
	b = protowire.AppendTag(b, eventStep, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(step))
	return inside(b, field, what)
}

// Scalar is a value under its name.
type Scalar struct {
	Tag   string
	Value float64
}

func summary(scalars ...Scalar) (b []byte) {
	for _, s := range scalars {
		v := inside(nil, valueTag, []byte(s.Tag))
		v = protowire.AppendTag(v, valueSimple, protowire.Fixed32Type)
		v = protowire.AppendFixed32(v, math.Float32bits(float32(s.Value)))
		b = inside(b, summaryValue, v)
	}
	return b
}

// inside appends a field that has a length: a message, a text.
func inside(b []byte, field protowire.Number, what []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), what)
}

// writeRecord frames data as TFRecord does: its length and a checksum of that,
// the data and a checksum of it.
func writeRecord(out *bytes.Buffer, data []byte) {
	var length [8]byte
	binary.LittleEndian.PutUint64(length[:], uint64(len(data)))
	out.Write(length[:])
	out.Write(maskedCRC(length[:]))
	out.Write(data)
	out.Write(maskedCRC(data))
}

// readRecord takes the first record off; none where it is cut off or damaged.
func readRecord(data []byte) (record, rest []byte, ok bool) {
	const around = 8 + 4 + 4
	if len(data) < around || !bytes.Equal(data[8:12], maskedCRC(data[:8])) {
		return nil, nil, false
	}
	n := binary.LittleEndian.Uint64(data)
	if n > uint64(len(data)-around) {
		return nil, nil, false
	}
	record, rest = data[12:12+n], data[around+n:]
	return record, rest, bytes.Equal(data[12+n:around+n], maskedCRC(record))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedCRC is the CRC-32C, rotated and shifted so that a checksum of data that
// hold checksums is none of them.
func maskedCRC(data []byte) []byte {
	sum := crc32.Checksum(data, castagnoli)
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], (sum>>15|sum<<17)+0xa282ead8)
	return b[:]
}
