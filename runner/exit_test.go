package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"

	"react/runner/cli"
	"react/runner/schedule"
	"react/runner/spec/mistake"
	"react/runner/store"
)

func TestExitCodes(t *testing.T) {
	full := &store.Error{Root: "/s", What: "publish", Err: syscall.ENOSPC}
	task := &schedule.Task{Op: "tune", Key: "0123456789abcdef"}
	failed := &schedule.Failed{Failures: []schedule.Failure{{Task: task, Err: io.ErrUnexpectedEOF}}}
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("classes.json: no such file"), 1},
		{failed, 1},
		{cli.Usage(errors.New("unknown flag")), 2},
		{mistake.Errors{{Path: "tune.gama", Msg: "unknown field"}}, 3},
		{errors.Join(mistake.Errors{{}}, mistake.Errors{{}}), 3},
		{fmt.Errorf("sweep: %w", full), 4},
		{cli.ErrWork, 6},
		{fmt.Errorf("step 3: %w", context.Canceled), 130},
		{cli.ErrInterrupted, 130},
		{errors.Join(cli.ErrInterrupted, full), 4},
		{cli.ErrPreempted, 75},
	} {
		if got := cli.ExitCode(c.err); got != c.want {
			t.Errorf("%v: exit code %d, want %d", c.err, got, c.want)
		}
	}
}

func TestReport(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{cli.ErrWork, ""},
		{errors.New("x.tar ends early"), "runner: x.tar ends early\n"},
		{mistake.Errors{{Pos: mistake.Pos{File: "x.cue", Line: 3, Col: 7}, Path: "tune.gama", Msg: "unknown field"}}, "x.cue:3:7: tune.gama: unknown field\n"},
		{errors.Join(cli.ErrInterrupted, errors.New("x")), "runner: interrupted; finished stages are kept: run the same command to resume\n"},
		{fmt.Errorf("x.tar: %w", context.Canceled), "runner: interrupted\n"},
	} {
		var out bytes.Buffer
		printError(c.err, &out)
		if out.String() != c.want {
			t.Errorf("%v: printed %q, want %q", c.err, out.String(), c.want)
		}
	}
}
