package apart

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"react/data/caught"
	"react/ops"
	"react/ops/engine"
	"react/ops/op"
	"react/runner/child"
)

// childEnv, when set, makes the program make one stage and end.
const childEnv = "RUNNER_STAGE_APART"

func init() {
	if child.Asked(childEnv) {
		os.Exit(serve())
	}
}

// serve makes the stage that is asked for.
func serve() int {
	var q request
	words, err := child.Question(&q, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR2)
	if err != nil {
		return 1
	}
	s := &speaker{to: json.NewEncoder(words)}
	err = caught.Do("", func() error { return ops.All[q.Op].Run(context.Background(), s.run(q), q.Params) })
	last := &end{Peak: peak()}
	if err != nil {
		last.Error = err.Error()
		errors.As(err, &last.Errno)
	}
	s.say(message{End: last})
	return 0
}

// speaker sends messages, each whole.
type speaker struct {
	mu sync.Mutex
	to *json.Encoder
}

func (s *speaker) say(m message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.to.Encode(m) != nil { // nobody is there
		os.Exit(1)
	}
}

// Write is for the log.
func (s *speaker) Write(text []byte) (int, error) {
	s.say(message{Log: string(text)})
	return len(text), nil
}

// run is the Run that a request stands for.
func (s *speaker) run(q request) *op.Run {
	return &op.Run{Dir: q.Dir, Partial: q.Partial, SaveEvery: q.SaveEvery, In: q.In, Files: q.Files,
		Workers: q.Workers, Log: s,
		Progress: func(p op.Progress) { s.say(message{Progress: &p}) },
		Warn:     func(format string, args ...any) { s.say(message{Warning: fmt.Sprintf(format, args...)}) },
		Fact: func(key string, value any) {
			raw, err := json.Marshal(value)
			if err != nil {
				raw, _ = json.Marshal(fmt.Sprint(value))
			}
			s.say(message{Fact: key, Value: raw})
		},
		OpenEngine: func() (*engine.Engine, error) {
			return nil, errors.New("a stage apart has no engine")
		}}
}

// peak is the memory in bytes that the process held at most.
func peak() int64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	if words := strings.Fields(string(rest)); len(words) > 0 {
		kib, _ := strconv.ParseInt(words[0], 10, 64)
		return kib << 10
	}
	return 0
}

// logLines copies what libraries print to the log, but for what the op says in its own words.
func logLines(log io.Writer, from io.Reader) {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		if line != "" && !strings.HasPrefix(line, "WARNING clustering ") {
			io.WriteString(log, line)
		}
		if err != nil {
			return
		}
	}
}
