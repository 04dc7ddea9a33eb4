package differ

import (
	"errors"
	"fmt"
	"io"

	"react/data/words"
	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/record"
	"react/runner/store"
)

// WhyRecorded answers from the records of a sweep.
func WhyRecorded(w io.Writer, storeDir, name, stage string) error {
	s, err := store.OpenExisting(storeDir)
	if err != nil {
		return err
	}
	found, err := record.FindTrial(s, name)
	if err != nil {
		return err
	}
	return explainKeys(w, s, question{found, stage, fmt.Sprintf("%s (sweep %s)", found.Sweep.Name, found.Sweep.Hash)})
}

// WhyInFile answers for a file, swept or not.
func WhyInFile(w io.Writer, e *experiment.Experiment, name, stage string) error {
	p := record.Describe(e)
	trials, err := p.Named(name)
	if err != nil {
		return err
	}
	if len(trials) == 0 {
		return cli.Usage(fmt.Errorf("%s has no trial %q; runner plan %s prints its trials", e.File, name, e.File))
	}
	return explainKeys(w, e.Store, question{record.NewTrialOf(nil, &p, trials), stage, e.File})
}

// question is about a stage of a trial, and says where that is from.
type question struct {
	record.TrialOf
	stage string // a name or an op
	from  string
}

// explainKeys prints the lines of the keys of the stages that are asked for, and why one that
// is not in the store would run.
func explainKeys(w io.Writer, s *store.Store, of question) error {
	stages, err := of.Plan.StagesOf(of.Trial, of.stage)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "trial %s of %s\n", of.Trial.Name, of.from)
	record.PrintNote(w, of.Note)
	var known *knownStages
	for _, stage := range stages {
		state, there := entryState(s, stage.Key)
		fmt.Fprintf(w, "\nstage %s %s, %s\n", stage.Op, stage.Key, state)
		for _, line := range stage.Lines {
			fmt.Fprintf(w, "\t%s\n", line)
		}
		if there {
			continue
		}
		if known == nil { // reads every manifest of the store
			if known, err = readKnownStages(s, of.Plan); err != nil {
				return err
			}
		}
		known.printNearest(w, stage)
	}
	return nil
}

// entryState says what the store has under a key; there is false only where
// the key has nothing, good or bad.
func entryState(s *store.Store, key string) (state string, there bool) {
	entry, ok, err := s.Lookup(key)
	var damaged *store.Damaged
	switch {
	case errors.As(err, &damaged):
		return "damaged, so it would run: " + damaged.Why, true
	case err != nil:
		return err.Error(), true
	case !ok:
		return "not in the store", false
	}
	m := entry.Manifest
	if len(entry.Evicted) > 0 {
		return fmt.Sprintf("made %s in %s on %s; gc removed %s, so it runs again when something reads it",
			cli.Stamp(m.Finished), cli.Seconds(record.Took(m)), m.Host, words.Plural(len(entry.Evicted), "large file")), true
	}
	return fmt.Sprintf("made %s in %s on %s", cli.Stamp(m.Finished), cli.Seconds(record.Took(m)), m.Host), true
}
