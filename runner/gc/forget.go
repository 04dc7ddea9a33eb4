package gc

import (
	"fmt"
	"io"

	"react/runner/record"
	"react/runner/store"
)

// Forget deletes the records of sweeps; a dry run only says of which.
func Forget(w io.Writer, s *store.Store, names []string, dryRun bool) error {
	sweeps, err := record.FindSweeps(s, names)
	if err != nil {
		return err
	}
	if !dryRun {
		return s.Collect(func() error { return deleteSweeps(w, sweeps) })
	}
	for _, sweep := range sweeps {
		fmt.Fprintf(w, "would delete the records of %s/%s\n", sweep.Name, sweep.Hash)
	}
	return nil
}

// deleteSweeps deletes all or none: the first that runs stops it before the
// first is deleted.
func deleteSweeps(w io.Writer, sweeps []*store.Sweep) error {
	for _, sweep := range sweeps {
		if sweep.Held() {
			return fmt.Errorf("sweep %s/%s is running; stop it first", sweep.Name, sweep.Hash)
		}
	}
	for _, sweep := range sweeps {
		if err := sweep.Delete(); err != nil {
			return err
		}
		fmt.Fprintf(w, "deleted the records of %s/%s\n", sweep.Name, sweep.Hash)
	}
	fmt.Fprintln(w, "runner gc frees the outputs that no other sweep names")
	return nil
}
