package forecast

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"react/data/words"
	"react/runner/cli"
	"react/runner/record"
)

// misfits says what the machine does not have.
func misfits(r *record.PlanEstimate, f *Forecast) []string {
	var out []string
	outputs := f.disk
	if r.Bytes != nil {
		outputs += *r.Bytes
	}
	if r.FreeBytes > 0 && outputs+r.WorkspaceBytes > float64(r.FreeBytes) {
		out = append(out, fmt.Sprintf("the outputs need about %s of disk, and %s more while trainings run; %s is free", words.Bytes(int64(outputs)),
			words.Bytes(int64(r.WorkspaceBytes)), words.Bytes(r.FreeBytes)))
	}
	if r.MachineMemory <= 0 {
		return out
	}
	for i, t := range f.tasks {
		if m := f.Stages[i].Memory; m.Known() && m.Value > float64(r.MachineMemory) {
			out = append(out, fmt.Sprintf("stage %s needs about %s of memory; this machine has %s", t.Name(), words.Bytes(int64(m.Value)), words.Bytes(r.MachineMemory)))
			break
		}
	}
	return out
}

// Check refuses what does not fit.
func (f *Forecast) Check(root string, overcommit bool) error {
	if overcommit || len(f.ops) == 0 {
		return nil
	}
	if lacking := f.Record(root).DoesNotFit; len(lacking) > 0 {
		from := "stages made before"
		if f.disk > 0 {
			from = "what the stages are"
		}
		return cli.NoRoom(fmt.Errorf("%s (an estimate from %s; --overcommit runs all the same, --store names another disk)",
			strings.Join(lacking, "; "), from))
	}
	return nil
}

// freeBytes is the room on the disk of a directory, or of the nearest one above
// that exists; 0 where it cannot be told.
func freeBytes(dir string) int64 {
	for {
		var fs unix.Statfs_t
		if err := unix.Statfs(dir, &fs); err == nil {
			return int64(fs.Bavail) * fs.Bsize
		} else if !os.IsNotExist(err) || filepath.Dir(dir) == dir {
			return 0
		}
		dir = filepath.Dir(dir)
	}
}
