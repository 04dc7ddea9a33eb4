package export

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Events is the folder of a run in which TensorBoard's files grow while the run goes on. Each process
// adds to a file of its own, since one that another was killed over may end within a record; files
// are read in the order of their names. One goroutine at a time uses it.
type Events struct {
	dir   string
	now   func() time.Time
	last  map[string]int64 // name of a value → its last step
	stamp int64            // of the newest file
	path  string           // of this process's file, "" before its first record
	file  *os.File         // nil where it is closed
}

// The name of a file has its time between these.
const filePrefix, fileSuffix = "events.out.tfevents.", ".runner"

// OpenEvents reads what the folder has. It is made with the first record.
func OpenEvents(dir string, now func() time.Time) (*Events, error) {
	e := &Events{dir: dir, now: now, last: map[string]int64{}}
	files, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, f := range files {
		text, _ := strings.CutPrefix(strings.TrimSuffix(f.Name(), fileSuffix), filePrefix)
		stamp, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			continue // not ours
		}
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return nil, err
		}
		e.stamp = max(e.stamp, stamp)
		for record, rest, ok := readRecord(data); ok; record, rest, ok = readRecord(rest) {
			e.note(record)
		}
	}
	return e, nil
}

// Last is the last step that a value has; -1 for none.
func (e *Events) Last(tag string) int64 {
	if step, ok := e.last[tag]; ok {
		return step
	}
	return -1
}

// Begin says that steps are taken from this one on: what was written of it and of later ones is
// void, since it was not saved. TensorBoard takes no notice of the first in a run, so that one stands
// before the first step too.
func (e *Events) Begin(step int64) error {
	b := protowire.AppendTag(nil, sessionStatus, protowire.VarintType)
	return e.add(event(e.now(), step, eventSession, protowire.AppendVarint(b, sessionStart)))
}

// Add adds values at a step as one record, which a kill leaves whole or torn, and never in part.
func (e *Events) Add(step int64, at time.Time, values ...Scalar) error {
	return e.add(event(at, step, eventSummary, summary(values...)))
}

// HParamsTag is the name of what HParams adds.
const HParamsTag = "_hparams_/session_start_info"

// HParams says what the run was given, for the page of TensorBoard that compares runs by it. Values
// are float64, bool or text. The page shows runs of one group as their mean.
func (e *Events) HParams(at time.Time, group string, params map[string]any) error {
	var info []byte
	for _, name := range slices.Sorted(maps.Keys(params)) {
		entry := inside(inside(nil, mapKey, []byte(name)), mapValue, anyValue(params[name]))
		info = inside(info, infoParams, entry)
	}
	info = inside(info, infoGroup, []byte(group))
	info = protowire.AppendTag(info, infoStarted, protowire.Fixed64Type)
	info = protowire.AppendFixed64(info, math.Float64bits(float64(at.UnixMilli())/1000))
	plugin := inside(nil, pluginName, []byte("hparams"))
	plugin = inside(plugin, pluginContent, inside(nil, dataStart, info))
	value := inside(nil, valueTag, []byte(HParamsTag))
	value = inside(value, valueTensor, noTensor)
	value = inside(value, valueMetadata, inside(nil, metadataPlugin, plugin))
	return e.add(event(at, 0, eventSummary, inside(nil, summaryValue, value)))
}

// anyValue is a google.protobuf.Value.
func anyValue(v any) []byte {
	switch v := v.(type) {
	case float64:
		b := protowire.AppendTag(nil, anyNumber, protowire.Fixed64Type)
		return protowire.AppendFixed64(b, math.Float64bits(v))
	case bool:
		b := protowire.AppendTag(nil, anyBool, protowire.VarintType)
		return protowire.AppendVarint(b, protowire.EncodeBool(v))
	}
	return inside(nil, anyText, []byte(fmt.Sprint(v)))
}

// Fields of SessionLog, Summary.Value, SummaryMetadata and its PluginData; of the plugin's
// HParamsPluginData, SessionStartInfo and its map; of google.protobuf.Value.
const (
	sessionStatus, sessionStart        = 1, 1
	valueTensor, valueMetadata         = 8, 9
	metadataPlugin                     = 1
	pluginName, pluginContent          = 1, 2
	dataStart                          = 3
	infoParams, infoGroup, infoStarted = 1, 4, 5
	mapKey, mapValue                   = 1, 2
	anyNumber, anyText, anyBool        = 2, 3, 4
)

// noTensor is one of type float and shape [0], for a value that is all metadata.
var noTensor = []byte{0x08, 1, 0x12, 2, 0x12, 0}

// Close closes the file. Adding opens it again.
func (e *Events) Close() error {
	if e.file == nil {
		return nil
	}
	err := e.file.Close()
	e.file = nil
	return err
}

// add writes an event at once, so that nothing of it waits in memory when the process is killed.
func (e *Events) add(event []byte) error {
	var out bytes.Buffer
	if e.path == "" {
		writeRecord(&out, version(e.now()))
	}
	writeRecord(&out, event)
	if e.file == nil {
		if err := e.open(); err != nil {
			return err
		}
	}
	if _, err := e.file.Write(out.Bytes()); err != nil {
		return err
	}
	e.note(event)
	return nil
}

// open opens the process's file, a new one after all that are there.
func (e *Events) open() (err error) {
	if e.path != "" {
		e.file, err = os.OpenFile(e.path, os.O_WRONLY|os.O_APPEND, 0)
		return err
	}
	if err := os.MkdirAll(e.dir, 0o777); err != nil {
		return err
	}
	for e.stamp = max(e.stamp+1, e.now().Unix()); ; e.stamp++ {
		path := filepath.Join(e.dir, fmt.Sprintf("%s%010d%s", filePrefix, e.stamp, fileSuffix))
		e.file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o666)
		if err == nil {
			e.path = path
		}
		if !errors.Is(err, fs.ErrExist) { // another process was first
			return err
		}
	}
}

// note keeps in mind what an event says.
func (e *Events) note(event []byte) {
	var step int64
	eachField(event, func(field protowire.Number, number uint64, what []byte) {
		switch field {
		case eventStep:
			step = int64(number)
		case eventSession:
			for tag, last := range e.last {
				e.last[tag] = min(last, step-1)
			}
		case eventSummary:
			eachField(what, func(_ protowire.Number, _ uint64, value []byte) {
				eachField(value, func(field protowire.Number, _ uint64, tag []byte) {
					if field == valueTag {
						e.last[string(tag)] = step
					}
				})
			})
		}
	})
}

// eachField visits the fields of a message: a varint as a number, what has a length as it is. It
// stops where the message is none.
func eachField(message []byte, visit func(field protowire.Number, number uint64, what []byte)) {
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return
		}
		message = message[n:]
		var number uint64
		var what []byte
		switch kind {
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(message)
		case protowire.BytesType:
			what, n = protowire.ConsumeBytes(message)
		default:
			n = protowire.ConsumeFieldValue(field, kind, message)
		}
		if n < 0 {
			return
		}
		visit(field, number, what)
		message = message[n:]
	}
}
