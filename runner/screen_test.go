package main

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
)

// TestSweepOnScreen runs a sweep in a terminal: of its display nothing stays on the screen but a
// line for each stage, in words, and nothing is written into the table.
func TestSweepOnScreen(t *testing.T) {
	if testing.Short() {
		t.Skip("a sweep")
	}
	t.Setenv("CI", "")
	t.Setenv("TERM", "xterm")
	cmd, _ := command(tinyDir(t), "sweep", "tiny.cue", "--engine", "go")
	cmd.Stdout = nil
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 60, Cols: 200})
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	out, _ := io.ReadAll(terminal) // ends with an error when the program does
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "\r\x1b[K[1/") {
		t.Fatalf("no line in place:\n%q", out)
	}
	screen := vt10x.New(vt10x.WithSize(200, 60))
	screen.Write(out)
	stages, table, found := strings.Cut(screen.String(), "\nmain ")
	stages = regexp.MustCompile(` +\n| +$|warning: .*\n|, (about|roughly) .*| in [0-9.m]+s`).ReplaceAllStringFunc(stages,
		func(part string) string { return strings.Repeat("\n", strings.Count(part, "\n")) })
	stages = strings.ReplaceAll(stages, "\n\n", "\n")
	if want := sweepOnScreen; stages != want {
		t.Errorf("got\n%s\nwant\n%s", stages, want)
	}
	if !found || strings.Contains(table, "%  [") || strings.Contains(table, "/14]") {
		t.Errorf("the table:\n%s", table)
	}
}

// sweepOnScreen is what TestSweepOnScreen leaves above the table, without times and warnings.
const sweepOnScreen = `tiny: 3 trials, 14 stages: 0 cached, 14 to run
engine: go
[1/14] world done
[2/14] pretrain done
[3/14] evaluate task done
[4/14] embed tuned done
[5/14] queries tuned done
[6/14] index tuned done
[7/14] retrieve tuned done
[8/14] index tuned done
[9/14] retrieve tuned done
[10/14] pairs tuned done
[11/14] tune tuned, seed 0 done
[12/14] evaluate task tuned, seed 0 done
[13/14] tune tuned, seed 1 done
[14/14] evaluate task tuned, seed 1 done`
