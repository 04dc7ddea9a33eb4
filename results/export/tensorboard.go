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
	type scalar struct {
		Point
		tag string
	}
	var all []scalar
	for _, s := range r.Series {
		for _, p := range s.Points {
			all = append(all, scalar{p, s.Name})
		}
	}
	slices.SortStableFunc(all, func(a, b scalar) int { return cmp.Compare(a.Step, b.Step) })
	var out bytes.Buffer
	writeRecord(&out, event(r.Started, 0, func(b []byte) []byte {
		b = protowire.AppendTag(b, eventVersion, protowire.BytesType)
		return protowire.AppendString(b, "brain.Event:2")
	}))
	for _, s := range all {
		writeRecord(&out, event(s.At, s.Step, func(b []byte) []byte {
			b = protowire.AppendTag(b, eventSummary, protowire.BytesType)
			return protowire.AppendBytes(b, summary(s.tag, s.Value))
		}))
	}
	return out.Bytes()
}

// Fields of tensorflow.Event, Summary and Summary.Value.
const (
	eventTime, eventStep, eventVersion, eventSummary = 1, 2, 3, 5
	summaryValue, valueTag, valueSimple              = 1, 1, 2
)

// event is a tensorflow.Event as protobuf writes it.
func event(at time.Time, step int64, what func([]byte) []byte) []byte {
	seconds := 0.0
	if !at.IsZero() {
		seconds = float64(at.UnixMilli()) / 1000
	}
	b := protowire.AppendTag(nil, eventTime, protowire.Fixed64Type)
	b = protowire.AppendFixed64(b, math.Float64bits(seconds))
	b = protowire.AppendTag(b, eventStep, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(step))
	return what(b)
}

func summary(tag string, value float64) []byte {
	v := protowire.AppendTag(nil, valueTag, protowire.BytesType)
	v = protowire.AppendString(v, tag)
	v = protowire.AppendTag(v, valueSimple, protowire.Fixed32Type)
	v = protowire.AppendFixed32(v, math.Float32bits(float32(value)))
	b := protowire.AppendTag(nil, summaryValue, protowire.BytesType)
	return protowire.AppendBytes(b, v)
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

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedCRC is the CRC-32C, rotated and shifted so that a checksum of data that
// hold checksums is none of them.
func maskedCRC(data []byte) []byte {
	sum := crc32.Checksum(data, castagnoli)
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], (sum>>15|sum<<17)+0xa282ead8)
	return b[:]
}
