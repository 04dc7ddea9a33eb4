package train

import (
	"bufio"
	"encoding/json"
	"os"

	"react/ops/op"
)

// stepLog writes metrics.jsonl of a training that keeps no state between attempts.
type stepLog struct {
	file *os.File
	w    *bufio.Writer
	enc  *json.Encoder
}

// promptStep is a line of it: what a step of a prompt has to say.
type promptStep struct {
	Step int     `json:"step"` // 1-based
	Loss float64 `json:"loss"`
	LR   float64 `json:"lr"`
}

func newStepLog(run *op.Run) (*stepLog, error) {
	f, err := os.Create(run.Path(metricsFile))
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriter(f)
	return &stepLog{file: f, w: w, enc: json.NewEncoder(w)}, nil
}

func (l *stepLog) put(line promptStep) error { return l.enc.Encode(line) }

// close flushes; a second call does nothing.
func (l *stepLog) close() error {
	if l.file == nil {
		return nil
	}
	err := l.w.Flush()
	if closed := l.file.Close(); err == nil {
		err = closed
	}
	l.file = nil
	return err
}
