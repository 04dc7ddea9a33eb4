package op

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"react/ops/engine"
)

// SumOf is the digest of a record of an attempt, whose own field for it is empty then.
func SumOf(record any) (string, error) {
	data, err := json.Marshal(record)
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), err
}

// SaveShare is the least ratio of the time between two saves into Run.Partial to that of one:
// saving takes under two percent of a stage, however large what is saved.
const SaveShare = 50

// EngineFacts name an engine and its libraries: what was computed by others is not mixed with what
// this one computes.
func EngineFacts(eng *engine.Engine) map[string]string {
	facts := eng.Describe()
	if facts == nil {
		facts = map[string]string{}
	}
	facts["name"] = eng.Name()
	delete(facts, engine.DevicesFact) // what a machine with fewer devices began goes on here
	return facts
}

// SyncedDigest is the sha256 of a file, whose bytes are on disk afterwards.
func SyncedDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), f.Sync()
}

// LinkFile gives a file a second name; its folder is made. Where that cannot be, it is copied.
func LinkFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	os.Remove(to)
	if os.Link(from, to) == nil {
		return nil
	}
	return CopyFile(from, to)
}

// CopyFile is for small files: they are read whole.
func CopyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o666)
}
