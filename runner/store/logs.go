package store

import (
	"os"
	"path/filepath"
	"strings"
)

// Log is the log of a stage.
type Log struct {
	Path  string
	Op    string
	Key   string // as far as the name tells: its first digits
	Bytes int64
}

// Logs lists the logs of the store.
func (s *Store) Logs() []Log {
	entries, err := os.ReadDir(filepath.Join(s.root, "logs"))
	if err != nil {
		return nil
	}
	var logs []Log
	for _, e := range entries {
		name, isLog := strings.CutSuffix(e.Name(), ".log")
		at := strings.LastIndexByte(name, '-')
		info, err := e.Info()
		if !isLog || at < 0 || err != nil {
			continue
		}
		logs = append(logs, Log{filepath.Join(s.root, "logs", e.Name()), name[:at], name[at+1:], info.Size()})
	}
	return logs
}

// Remove deletes the log, and the list of its attempts if there is one.
func (l Log) Remove() error {
	os.Remove(attemptsOf(l.Path))
	return os.Remove(l.Path)
}

// attemptsOf is the file of attempts beside a log.
func attemptsOf(log string) string { return strings.TrimSuffix(log, ".log") + ".attempts.jsonl" }
