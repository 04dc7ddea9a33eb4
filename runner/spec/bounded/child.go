package bounded

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"syscall"
	"time"

	"react/runner/child"
	"react/runner/spec"
	"react/runner/spec/mistake"
)

// childEnv, when set, makes the program answer one question and end.
const childEnv = "RUNNER_READ_SPEC"

// exitMemory is how a child ends that has passed its limit of memory.
const exitMemory = 91

// maxStack ends a recursion into a file that nests without end.
const maxStack = 256 << 20

func init() {
	if child.Asked(childEnv) {
		os.Exit(serve())
	}
}

// serve answers the question.
func serve() int {
	var q question
	answers, err := child.Question(&q, os.Interrupt)
	if err != nil {
		return 1
	}
	bound(q.MiB)
	if err := json.NewEncoder(answers).Encode(q.answer()); err != nil {
		return 1
	}
	return 0
}

// bound ends the process where it passes a limit of memory: by looking often, and where one
// allocation is faster than that, by the system's limit, with room for the program itself.
func bound(mib int) {
	debug.SetMaxStack(maxStack)
	debug.SetGCPercent(400) // most files end before their first collection
	bytes := uint64(mib) << 20
	debug.SetMemoryLimit(int64(min(bytes-bytes/8, math.MaxInt64)))
	if own, ok := addresses(); ok {
		most := own + 1<<30 + bytes
		syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: most, Max: most})
	}
	go func() {
		used := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		for {
			metrics.Read(used)
			if used[0].Value.Uint64()-used[1].Value.Uint64() > bytes {
				os.Exit(exitMemory)
			}
			time.Sleep(2 * time.Millisecond)
		}
	}()
}

// addresses is how much address space the process has now; its heap's arenas and threads want more.
func addresses() (bytes uint64, ok bool) {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	pages, _, _ := strings.Cut(string(statm), " ")
	n, err := strconv.ParseUint(pages, 10, 64)
	return n * uint64(os.Getpagesize()), err == nil
}

// answer does what is asked.
func (q question) answer() *answer {
	a := &answer{}
	err := q.fill(a)
	if mistakes := mistake.Errors(nil); errors.As(err, &mistakes) {
		a.Mistakes = mistakes
	} else if err != nil {
		a.Problem = err.Error()
	}
	return a
}

func (q question) fill(a *answer) (err error) {
	switch {
	case q.Text != nil:
		a.Text = q.Text
	case q.Format && q.File == "-":
		a.Text, err = spec.ReadFrom(q.File, os.Stdin)
	default:
		a.Text, err = spec.Read(q.File)
	}
	if err != nil {
		return err
	}
	if q.Format && !q.Update {
		a.Formatted, err = spec.Format(q.File, a.Text)
		return err
	}
	var common []byte
	if q.File != "-" && q.Text == nil {
		if common, err = spec.ReadCommon(q.File); err != nil {
			return err
		}
	}
	if q.Update {
		a.Formatted, err = spec.Update(q.File, a.Text, common)
		return err
	}
	a.Draft, err = spec.NewDraft(q.File, a.Text, spec.Options{Sets: q.Sets, Former: q.Former, Towers: q.Towers, Words: q.Words, Common: common})
	return err
}
