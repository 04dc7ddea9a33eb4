package export

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// readLog reads the records of a .wandb file, by LevelDB's own rules.
func readLog(t *testing.T, data []byte) (records [][]byte) {
	t.Helper()
	if !strings.HasPrefix(string(data), ":W&B\xe1\xbe\x00") {
		t.Fatalf("begins with %q", data[:7])
	}
	var record []byte
	for at := 7; at < len(data); {
		if left := 32768 - at%32768; left < 7 {
			if strings.Trim(string(data[at:at+left]), "\x00") != "" {
				t.Fatalf("no zeros at the end of the block before %d", at+left)
			}
			at += left
			continue
		}
		n := int(binary.LittleEndian.Uint16(data[at+4:]))
		kind, part := data[at+6], data[at+7:at+7+n]
		if at/32768 != (at+6+n)/32768 {
			t.Fatalf("a part at %d goes over the end of its block", at)
		}
		if sum := crc32.ChecksumIEEE(data[at+6 : at+7+n]); sum != binary.LittleEndian.Uint32(data[at:]) {
			t.Fatalf("wrong checksum at %d", at)
		}
		if begins := kind == 1 || kind == 2; begins != (record == nil) {
			t.Fatalf("a part of kind %d at %d", kind, at)
		}
		record = append(append([]byte{}, record...), part...)
		if kind == 1 || kind == 4 {
			records, record = append(records, record), nil
		}
		at += 7 + n
	}
	if record != nil {
		t.Fatal("the last record has no end")
	}
	return records
}

// spelled is a message in words, with the fields' numbers.
func spelled(message []byte, nested string) string {
	var b strings.Builder
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		message = message[n:]
		switch kind {
		case protowire.VarintType:
			v, _ := protowire.ConsumeVarint(message)
			fmt.Fprintf(&b, "%d:%d ", field, v)
		case protowire.BytesType:
			v, _ := protowire.ConsumeBytes(message)
			if inner := fmt.Sprintf("%s/%d", nested, field); messages[inner] {
				fmt.Fprintf(&b, "%d:{%s} ", field, spelled(v, inner))
			} else {
				fmt.Fprintf(&b, "%d:%s ", field, v)
			}
		}
		message = message[protowire.ConsumeFieldValue(field, kind, message):]
	}
	return strings.TrimSpace(b.String())
}

// messages are the fields that hold messages.
var messages = map[string]bool{"/2": true, "/2/1": true, "/2/2": true, "/3": true, "/3/1": true, "/17": true, "/17/4": true, "/17/4/1": true,
	"/17/17": true, "/18": true, "/21": true, "/21/1": true}

// TestWandB: an offline run has what it is given, as the messages of wandb_internal.proto.
func TestWandB(t *testing.T) {
	dir := t.TempDir()
	if err := WandB(dir, "birds", sample()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "offline-run-20231114_221320-3de69210-s0", "run-3de69210-s0.wandb"))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "wandb.golden", data)
	var got []string
	for _, record := range readLog(t, data) {
		got = append(got, spelled(record, ""))
	}
	const last = `1:{1:_runtime 16:60} 1:{1:_step 16:5} 1:{1:_timestamp 16:1700000060.123} 1:{1:task/acc_at_1 16:0.4567891234} 1:{1:tune/loss 16:0.14285714285714285}`
	for i, want := range map[int]string{
		0: `1:0 21:{1:{1:runner}}`,
		1: `1:1 17:{1:3de69210-s0 3:birds 4:{1:{1:retrieve.by 16:["t2t","t2i"]} 1:{1:text 16:"two\nlines"} 1:{1:tune.mode 16:"full"}} 8:γ "off": {a: 1} # 'x' 17:{1:1700000000 2:123000000}}`,
		2: `1:2 2:{1:{1:_runtime 16:0} 1:{1:_step 16:1} 1:{1:_timestamp 16:1700000000.123} 1:{1:tune/loss 16:0.3333333333333333} 1:{1:tune/nan 16:"NaN"} 2:{1:1}}`,
		6: `1:6 2:{` + last + ` 2:{1:5}}`,
		7: `1:7 3:{` + last + ` 1:{1:tune/nan 16:0.25}}`,
		8: `1:8 18:{1:0 2:60}`,
	} {
		if i >= len(got) || got[i] != want {
			t.Errorf("record %d of %d:\n%s\nwant\n%s", i, len(got), got[min(i, len(got)-1)], want)
		}
	}
	failed, err := os.ReadFile(filepath.Join(dir, "offline-run-19700101_000000-base", "run-base.wandb"))
	if err != nil {
		t.Fatal(err)
	}
	if records := readLog(t, failed); spelled(records[len(records)-1], "") != "1:4 18:{1:1 2:0}" {
		t.Errorf("how the failed run ended: %s", spelled(records[len(records)-1], ""))
	}
}

// TestWandBBlocks: records that end at, before and behind the ends of blocks, and longer ones than a
// block, come out as they went in.
func TestWandBBlocks(t *testing.T) {
	for first := blockSize - 40; first < blockSize+10; first++ {
		var records [][]byte
		for i, n := range []int{first, 0, 5, 3 * blockSize, blockSize - partHead, 1} {
			records = append(records, []byte(strings.Repeat(string(rune('a'+i)), n)))
		}
		for i, got := range readLog(t, logBlocks(records)) {
			if string(got) != string(records[i]) {
				t.Fatalf("first of %d bytes: record %d has %d bytes, want %d", first, i, len(got), len(records[i]))
			}
		}
	}
}

// TestWandBLong: a training of many steps.
func TestWandBLong(t *testing.T) {
	run := Run{ID: "a", Series: []Series{{Name: "tune/loss"}}, Started: time.Unix(1_700_000_000, 0)}
	for step := range int64(5000) {
		run.Series[0].Points = append(run.Series[0].Points, Point{step, 1 / float64(step+1), run.Started})
	}
	if records := readLog(t, logBlocks(wandbRecords("p", run))); len(records) != 5000+4 {
		t.Errorf("%d records", len(records))
	}
}
