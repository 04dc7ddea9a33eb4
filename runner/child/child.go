// Package child starts this program again as a child process for work that nothing inside a process
// can stop or bound. The child is asked by JSON values, one or several, and answers by others. It
// ends with the context of who started it, with its parent, however that ends, or with its work.
//
// Not here: what the work is and what a child's end means (runner/apart for stages,
// runner/spec/bounded for experiment files).
package child

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// The files of a child besides the standard ones.
const (
	questionFile = 3
	answerFile   = 4
)

// Process is a child as its parent sees it.
type Process struct {
	Answers *os.File // of the child, to be read up to its end before Wait

	cmd   *exec.Cmd
	alive *os.File // its end tells the child that the parent is gone
	asked chan struct{}
}

// Start starts this program as a child that finds the variable set (see Asked) and asks it. prepare
// may set standard files and add to the environment; nil: it does nothing.
func Start(ctx context.Context, variable string, question any, prepare func(*exec.Cmd)) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	theirQuestion, alive, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirQuestion.Close()
	answers, theirAnswers, err := os.Pipe()
	if err != nil {
		alive.Close()
		return nil, err
	}
	defer theirAnswers.Close()
	p := &Process{Answers: answers, cmd: exec.CommandContext(ctx, self), alive: alive, asked: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), variable+"=1")
	p.cmd.ExtraFiles = []*os.File{theirQuestion, theirAnswers} // from questionFile on
	if prepare != nil {
		prepare(p.cmd)
	}
	if err := p.cmd.Start(); err != nil {
		alive.Close()
		answers.Close()
		return nil, err
	}
	go func() {
		alive.Write(append(raw, '\n')) // as long as the child reads; Wait closes the pipe
		close(p.asked)
	}()
	return p, nil
}

// Ask asks another question, after the one of Start has been read. An error is a child that has
// ended.
func (p *Process) Ask(question any) error {
	raw, err := json.Marshal(question)
	if err != nil {
		return err
	}
	<-p.asked
	_, err = p.alive.Write(append(raw, '\n'))
	return err
}

// Kill ends the child at once.
func (p *Process) Kill() { p.cmd.Process.Kill() }

// Dismiss ends a child that waits for a question.
func (p *Process) Dismiss() { p.alive.Close() }

// Pid is the process's number.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Wait waits for the child's end and frees what it took.
func (p *Process) Wait() error {
	err := p.cmd.Wait()
	p.alive.Close()
	<-p.asked
	p.Answers.Close()
	return err
}

// State is how the child ended, after Wait.
func (p *Process) State() *os.ProcessState { return p.cmd.ProcessState }

// Signal is what ended the child, after Wait; 0 where it ended by itself.
func (p *Process) Signal() syscall.Signal {
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return status.Signal()
	}
	return 0
}

// Asked says whether this process is the child that the variable is for, and takes the variable
// away.
func Asked(variable string) bool {
	defer os.Unsetenv(variable)
	return os.Getenv(variable) != ""
}

// Question reads what the child is asked and gives where its answers go. From then on the process
// ends with its parent. The signals, those of a terminal or a cluster that go to both processes,
// are ignored: the parent ends this one.
func Question(into any, ignored ...os.Signal) (answers io.Writer, err error) {
	questions, answers := Questions(ignored...)
	return answers, json.Unmarshal(<-questions, into)
}

// Questions is Question for a child that is asked several things one after another.
func Questions(ignored ...os.Signal) (questions <-chan json.RawMessage, answers io.Writer) {
	signal.Ignore(ignored...)
	asked := json.NewDecoder(os.NewFile(questionFile, "question"))
	read := make(chan json.RawMessage, 1)
	go func() {
		for {
			var raw json.RawMessage
			if asked.Decode(&raw) != nil { // the pipe ends with the parent
				os.Exit(1)
			}
			read <- raw
		}
	}()
	return read, os.NewFile(answerFile, "answers")
}
