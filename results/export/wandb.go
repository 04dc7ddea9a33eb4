package export

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// WandB writes each run as an offline run of Weights & Biases, DIR/offline-run-TIME-ID/run-ID.wandb,
// which wandb sync DIR/offline-run-* uploads into a project. Names are those of MLflow.
func WandB(dir, project string, runs []Run) error {
	if err := check(runs); err != nil {
		return err
	}
	for _, r := range runs {
		if r.Started.IsZero() {
			r.Started, r.Ended = time.Unix(0, 0), time.Unix(0, 0)
		}
		name := fmt.Sprintf("offline-run-%s-%s", r.Started.UTC().Format("20060102_150405"), r.ID)
		if err := os.MkdirAll(filepath.Join(dir, name), 0o777); err != nil {
			return err
		}
		path := filepath.Join(dir, name, "run-"+r.ID+".wandb")
		if err := os.WriteFile(path, logBlocks(wandbRecords(project, r)), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// Fields of wandb_internal.Record; of its HeaderRecord and VersionInfo; of RunRecord, RunExitRecord,
// HistoryRecord, and of an item of history, summary or config.
const (
	recordNum, recordHistory, recordSummary, recordRun, recordExit, recordHeader = 1, 2, 3, 17, 18, 21

	headerVersion, versionProducer                               = 1, 1
	runIdent, runProject, runConfig, runDisplayName, runStarted  = 1, 3, 4, 8, 17
	exitCode, exitRuntime                                        = 1, 2
	historyItem, historyStep, stepNum                            = 1, 2, 1
	updateItem, itemKey, itemValue, timestampSecond, timestampNs = 1, 1, 16, 1, 2
)

// wandbRecords are what wandb would have noted of a run that was offline: what it is, a record for
// each step, the last values, and how it ended.
func wandbRecords(project string, r Run) [][]byte {
	var out [][]byte
	add := func(field protowire.Number, body []byte) {
		out = append(out, inside(number(nil, recordNum, int64(len(out))), field, body))
	}
	version := inside(nil, versionProducer, []byte("runner"))
	add(recordHeader, inside(nil, headerVersion, version))
	run := inside(inside(nil, runIdent, []byte(r.ID)), runProject, []byte(project))
	run = inside(run, runConfig, wandbConfig(r.Params))
	run = inside(run, runDisplayName, []byte(r.Name))
	started := number(number(nil, timestampSecond, r.Started.Unix()), timestampNs, int64(r.Started.Nanosecond()))
	add(recordRun, inside(run, runStarted, started))
	last := map[string]any{}
	for _, s := range wandbSteps(r) {
		maps.Copy(last, s.values)
		add(recordHistory, inside(wandbItems(nil, historyItem, s.values), historyStep, number(nil, stepNum, s.step)))
	}
	add(recordSummary, wandbItems(nil, updateItem, last))
	code := int64(0)
	if r.Failed {
		code = 1
	}
	add(recordExit, number(number(nil, exitCode, code), exitRuntime, int64(r.Ended.Sub(r.Started).Seconds())))
	return out
}

// wandbStep is a row of a run's history.
type wandbStep struct {
	step   int64
	values map[string]any
}

// wandbSteps are the rows by step, with wandb's own columns.
func wandbSteps(r Run) []wandbStep {
	steps := map[int64]*wandbStep{}
	latest := map[int64]time.Time{}
	for _, s := range r.Series {
		for _, p := range s.Points {
			if steps[p.Step] == nil {
				steps[p.Step] = &wandbStep{p.Step, map[string]any{"_step": p.Step}}
			}
			steps[p.Step].values[plainName(s.Name)] = wandbNumber(p.Value)
			if p.At.After(latest[p.Step]) {
				latest[p.Step] = p.At
			}
		}
	}
	var out []wandbStep
	for step, s := range steps {
		if at := latest[step]; !at.IsZero() {
			s.values["_timestamp"] = float64(at.UnixMilli()) / 1000
			s.values["_runtime"] = at.Sub(r.Started).Seconds()
		}
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b wandbStep) int { return cmp.Compare(a.step, b.step) })
	return out
}

// wandbNumber spells what JSON has no number for.
func wandbNumber(v float64) any {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	return v
}

// wandbConfig are params, whose texts are JSON or plain words.
func wandbConfig(params map[string]string) []byte {
	values := map[string]any{}
	for path, text := range params {
		values[path] = text
		if json.Valid([]byte(text)) {
			values[path] = json.RawMessage(text)
		}
	}
	return wandbItems(nil, updateItem, values)
}

// wandbItems appends a field for each value, by name.
func wandbItems(b []byte, field protowire.Number, values map[string]any) []byte {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		value, err := json.Marshal(values[key])
		if err != nil { // numbers that JSON has, words, and what was JSON
			panic(err)
		}
		b = inside(b, field, inside(inside(nil, itemKey, []byte(key)), itemValue, value))
	}
	return b
}

// number appends a varint.
func number(b []byte, field protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(v))
}

// Of LevelDB's log: blocks of one size, of parts with a head of checksum, length and kind.
const (
	blockSize                                 = 32 << 10
	partHead                                  = 4 + 2 + 1
	partFull, partFirst, partMiddle, partLast = 1, 2, 3, 4
)

// logBlocks is a log of LevelDB as wandb has it: behind seven bytes of its own, and with checksums of
// zlib's kind, unmasked.
func logBlocks(records [][]byte) []byte {
	out := append([]byte(":W&B"), 0xe1, 0xbe, 0)
	for _, record := range records {
		kinds := [2]byte{partFull, partFirst} // of a part that ends the record, or not
		for {
			room := blockSize - len(out)%blockSize - partHead
			if room < 0 {
				out = append(out, make([]byte, room+partHead)...)
				continue
			}
			part, kind := record, kinds[0]
			if len(record) > room {
				part, kind = record[:room], kinds[1]
			}
			out = binary.LittleEndian.AppendUint32(out, crc32.Update(crc32.ChecksumIEEE([]byte{kind}), crc32.IEEETable, part))
			out = binary.LittleEndian.AppendUint16(out, uint16(len(part)))
			out = append(append(out, kind), part...)
			record = record[len(part):]
			if kind == kinds[0] {
				break
			}
			kinds = [2]byte{partLast, partMiddle}
		}
	}
	return out
}
