package record

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/spec/bounded"
	"react/runner/store"
)

// isFile reports whether a name is a spec file's, and not a sweep's: a folder of a sweep's name, as
// publish makes it, is neither.
func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.IsDir() || strings.HasSuffix(name, ".cue")
}

// OpenAny is Open, and without a name it takes the sweep that FindSweep finds.
func OpenAny(ctx context.Context, name string, sets []string, storeDir string) (*experiment.Experiment, error) {
	if isFile(name) {
		return experiment.Load(ctx, name, sets, storeDir)
	}
	s, err := store.OpenExisting(storeDir)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	folder, err := FindSweep(ctx, s, name, sets)
	if err != nil {
		return nil, err
	}
	return Load(ctx, folder, storeDir)
}

// Open takes a spec file or the name of a sweep in the store.
func Open(ctx context.Context, name string, sets []string, storeDir string) (*experiment.Experiment, error) {
	if isFile(name) {
		return experiment.Load(ctx, name, sets, storeDir)
	}
	s, err := store.OpenExisting(storeDir)
	if err != nil {
		return nil, err
	}
	sweeps, err := FindSweeps(s, []string{name})
	if err != nil {
		return nil, err
	}
	if len(sets) > 0 {
		return nil, cli.Usage(fmt.Errorf("--set goes with a file; sweep %s has its own", name))
	}
	return Load(ctx, sweeps[0], storeDir)
}

// Load makes the experiment of a sweep from its records.
func Load(ctx context.Context, folder *store.Sweep, storeDir string) (*experiment.Experiment, error) {
	var sets []string
	if err := folder.ReadJSON("overrides.json", &sets); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	e, err := loadFormer(ctx, folder, sets, storeDir)
	if err == nil && e == nil {
		e, err = experiment.Load(ctx, folder.Path(SpecFile), sets, storeDir)
	}
	if err != nil {
		return nil, err
	}
	if e.Digest[:8] != folder.Hash {
		return nil, fmt.Errorf("sweep %s/%s: this program reads its spec differently from the program that ran it (as sweep %s)", folder.Name, folder.Hash, e.Digest[:8])
	}
	if file, line := sweptBy(folder); file != "" {
		e.File, e.Line = file, line // what tables name
	}
	return e, nil
}

// sweptBy is the file that the sweep was started with, "" where that is not on record; where a
// command gave what no file holds, it stands for the file, with the line.
func sweptBy(folder *store.Sweep) (file, line string) {
	var p struct {
		Command []string `json:"command"`
	}
	if folder.ReadJSON(ProvenanceFile, &p) != nil {
		return "", ""
	}
	if len(p.Command) > 1 && p.Command[1] == "evaluate" {
		return p.Command[1], cli.Line(p.Command)
	}
	for _, word := range p.Command {
		if strings.HasSuffix(word, ".cue") {
			return word, ""
		}
	}
	return "", ""
}

// FindSweep finds the folder of a sweep by its name or its file; without either it is
// the one that runs, else the newest.
func FindSweep(ctx context.Context, s *store.Store, what string, sets []string) (*store.Sweep, error) {
	if isFile(what) {
		return sweepOfFile(ctx, s, what, sets)
	}
	if len(sets) > 0 {
		return nil, cli.Usage(errors.New("--set goes with a FILE: it makes another sweep of it"))
	}
	sweeps, err := s.Sweeps()
	if what != "" && err == nil {
		sweeps, err = FindSweeps(s, []string{what})
	}
	if err != nil {
		return nil, err
	}
	if len(sweeps) == 0 {
		return nil, cli.Usage(fmt.Errorf("no sweep in store %s yet; runner sweep FILE starts one", s.Root()))
	}
	for _, sweep := range sweeps {
		if sweep.Held() {
			return sweep, nil
		}
	}
	return sweeps[0], nil
}

func sweepOfFile(ctx context.Context, s *store.Store, file string, sets []string) (*store.Sweep, error) {
	exp, err := bounded.Load(ctx, file, sets)
	if err != nil {
		return nil, err
	}
	folder, err := s.Sweep(exp.Name, exp.Digest[:8])
	if err != nil || folder.Has(PlanFile) {
		return folder, err
	}
	others, err := s.Sweeps()
	if err != nil {
		return nil, err
	}
	hint := ""
	for _, w := range others {
		if w.Name == exp.Name {
			hint = fmt.Sprintf("; %s/%s is of an earlier version of this file, or of other --set", w.Name, w.Hash)
			break
		}
	}
	return nil, cli.Usage(fmt.Errorf("%s: no sweep of it in store %s yet (runner sweep %s starts one)%s", file, s.Root(), cli.Quote(file), hint))
}
