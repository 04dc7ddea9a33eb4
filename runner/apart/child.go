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
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"react/data/caught"
	"react/data/proc"
	"react/ops"
	"react/ops/embed"
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

// serve makes the stages that are asked for, one without an engine.
func serve() int {
	questions, words := child.Questions(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR2)
	s := &speaker{to: json.NewEncoder(words)}
	for raw := range questions {
		var q request
		if json.Unmarshal(raw, &q) != nil {
			return 1
		}
		if q.Stop { // of a stage that has ended
			continue
		}
		last := s.make(q, questions)
		last.Full = mappings() > mostMappings
		s.say(message{End: last})
		if q.Engine == "" {
			return 0
		}
	}
	return 0
}

// mostMappings is how many parts of memory a child may have mapped before it is given up: a program
// of XLA takes a thousand, and Linux gives a process 65,530 (vm.max_map_count).
const mostMappings = 20_000

// mappings is how many parts of memory the process has mapped; 0 where the system does not say.
func mappings() int {
	maps, _ := os.ReadFile("/proc/self/maps")
	return bytes.Count(maps, []byte("\n"))
}

// make makes a stage, until another question asks for its end.
func (s *speaker) make(q request, questions <-chan json.RawMessage) *end {
	ctx, cancel := context.WithCancel(context.Background())
	listened := make(chan struct{})
	go func() {
		defer close(listened)
		select {
		case <-questions:
			cancel()
		case <-ctx.Done():
		}
	}()
	quiet := s.beat(q.Patience)
	proc.NewPeak()
	err := caught.Do("", func() error { return ops.All[q.Op].Run(ctx, s.run(q), q.Params) })
	for _, note := range s.engine.Notes() {
		s.say(message{Warning: note})
	}
	quiet()
	cancel()
	<-listened
	last := &end{Peak: proc.Peak()}
	if err != nil {
		last.Error, last.NotBegun = err.Error(), errors.Is(err, embed.ErrNotBegun)
		errors.As(err, &last.Errno)
	}
	return last
}

// beat says again and again that the process is there, until the function that it returns is
// called.
func (s *speaker) beat(patience time.Duration) (quiet func()) {
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-over:
				return
			case <-time.After(patience / (2 * looks)):
				s.say(message{Beat: true})
			}
		}
	}()
	return func() {
		close(over)
		<-ended
	}
}

// speaker sends messages, each whole.
type speaker struct {
	mu sync.Mutex
	to *json.Encoder

	engine *engine.Engine // open since a stage first asked for it
}

// open opens the engine for the first stage that asks for it, and watches it from then on.
func (s *speaker) open(q request) (*engine.Engine, error) {
	if q.Engine == "" {
		return nil, errors.New("a stage apart has no engine")
	}
	if s.engine == nil {
		eng, err := engine.Open(q.Engine)
		if err != nil {
			return nil, fmt.Errorf("engine %s: %w", q.Engine, err)
		}
		eng.KeepPrograms(q.Programs)
		s.engine = eng
		go s.watch(q.Patience)
	}
	s.say(message{Opened: true})
	return s.engine, nil
}

// watch ends the process when the engine stands still. Nothing else can: the calls that wait for it
// hear nothing.
func (s *speaker) watch(patience time.Duration) {
	for range time.Tick(min(time.Second, patience/4)) {
		err := s.engine.Stalled(patience)
		if err == nil {
			continue
		}
		stacks := make([]byte, 1<<20)
		s.say(message{Log: fmt.Sprintf("%v\n%s\n", err, stacks[:runtime.Stack(stacks, true)])})
		s.say(message{End: &end{Error: err.Error(), Stalled: true, Peak: proc.Peak()}})
		os.Exit(1)
	}
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
	run := &op.Run{Dir: q.Dir, Partial: q.Partial, SaveEvery: q.SaveEvery, Assist: q.Assist, In: q.In,
		Files: q.Files, Workers: q.Workers, Fit: q.Fit, Log: s,
		Progress: func(p op.Progress) { s.say(message{Progress: &p}) },
		Warn:     func(format string, args ...any) { s.say(message{Warning: fmt.Sprintf(format, args...)}) },
		Fact: func(key string, value any) {
			raw, err := json.Marshal(value)
			if err != nil {
				raw, _ = json.Marshal(fmt.Sprint(value))
			}
			s.say(message{Fact: key, Value: raw})
		},
		OpenEngine: func() (*engine.Engine, error) { return s.open(q) }}
	if q.Lines {
		run.Lines = func(text []byte, before bool) { s.say(message{Lines: &lines{string(text), before}}) }
	}
	return run
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
