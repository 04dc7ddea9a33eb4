package torchfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// legacyStart is a pickle of the magic number 0x1950a86a20f9469cfc6c, the first
// of five in a file of torch.save before 1.6: then the version, facts about the
// system, the value, the keys of the storages. The storages follow.
var legacyStart = []byte{0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'}

func isLegacy(data []byte) bool { return bytes.HasPrefix(data, legacyStart[:min(8, len(legacyStart))]) }

const legacyVersion = 1001

func readLegacy(data []byte) (any, error) {
	if !bytes.HasPrefix(data, legacyStart) {
		return nil, fmt.Errorf("cut short, or not a file of torch.save")
	}
	known := map[string]*storage{}
	m := &machine{data: data[:min(len(data), maxPickle)], at: len(legacyStart), load: func(id any) (any, error) { return legacyStorage(known, id) }}
	version, err := m.run()
	if err != nil {
		return nil, err
	}
	if version != int64(legacyVersion) {
		return nil, fmt.Errorf("%s as the version of torch.save's old format; %d is read", kindOf(version), legacyVersion)
	}
	if _, err := m.run(); err != nil { // the system's facts
		return nil, err
	}
	root, err := m.run()
	if err != nil {
		return nil, err
	}
	keys, err := m.run()
	if err != nil {
		return nil, err
	}
	l, ok := keys.(*list)
	if !ok {
		return nil, fmt.Errorf("no list of storages after the value")
	}
	return root, placeStorages(known, l.items, data[m.at:])
}

func legacyStorage(known map[string]*storage, id any) (any, error) {
	s, err := storageOf(id)
	if err != nil {
		return nil, err
	}
	if t := id.(tuple).items; len(t) > 5 && t[5] != nil {
		return nil, fmt.Errorf("storage %s is a view of another, as before PyTorch 0.4; save it again with a newer one", s.key)
	}
	if old := known[s.key]; old != nil {
		if old.values != s.values || old.dtype != s.dtype {
			return nil, fmt.Errorf("storage %s is given twice, and differently", s.key)
		}
		return old, nil
	}
	s.raw = func() ([]byte, error) { return nil, fmt.Errorf("storage %s is not in the file", s.key) }
	known[s.key] = s
	return s, nil
}

// placeStorages finds the bytes of each: the number of values, then the values.
func placeStorages(known map[string]*storage, keys []any, rest []byte) error {
	for _, k := range keys {
		key, _ := k.(string)
		s := known[key]
		if s == nil {
			return fmt.Errorf("storage of %s, which no tensor names", kindOf(k))
		}
		if len(rest) < 8 {
			return fmt.Errorf("storage %s: cut short", key)
		}
		n := binary.LittleEndian.Uint64(rest)
		rest = rest[8:]
		if n != uint64(s.values) || n > uint64(len(rest))/uint64(s.dtype.Size()) {
			return fmt.Errorf("storage %s: %d values of %s, %d said before, %d bytes there: cut short or damaged", key, n, s.dtype, s.values, len(rest))
		}
		raw := rest[:n*uint64(s.dtype.Size())]
		rest = rest[len(raw):]
		s.raw = func() ([]byte, error) { return slices.Clip(raw), nil }
	}
	return nil
}
