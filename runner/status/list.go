package status

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"react/data/words"
	"react/runner/cli"
	"react/runner/record"
	"react/runner/schedule"
	"react/runner/store"
)

// List is what runner list prints: the sweeps of a store, newest first.
type List struct {
	Schema string   `json:"schema"`
	Store  string   `json:"store"`
	Sweeps []Listed `json:"sweeps"`
}

// Listed is one sweep.
type Listed struct {
	Sweep     string    `json:"sweep"`
	Hash      string    `json:"hash"`
	Dir       string    `json:"dir"`
	Date      time.Time `json:"date"` // when it was last planned
	Overrides []string  `json:"overrides"`
	State     string    `json:"state"` // as Status has it
	Trials    Counts    `json:"trials"`
	Stages    Counts    `json:"stages"`
	// of the outputs that are there, also those that sweeps share
	Bytes int64 `json:"bytes"`
}

// NewList looks at each sweep once.
func NewList(s *store.Store) (*List, error) {
	sweeps, err := s.Sweeps()
	if err != nil {
		return nil, err
	}
	list := &List{Schema: "runner.list/v1", Store: s.Root(), Sweeps: []Listed{}}
	for _, folder := range sweeps {
		one, err := listed(s, folder)
		if err != nil {
			return nil, fmt.Errorf("sweep %s/%s: %w", folder.Name, folder.Hash, err)
		}
		list.Sweeps = append(list.Sweeps, *one)
	}
	return list, nil
}

func listed(s *store.Store, folder *store.Sweep) (*Listed, error) {
	info, err := os.Stat(folder.Path(record.PlanFile))
	if err != nil {
		return nil, err
	}
	out := &Listed{Sweep: folder.Name, Hash: folder.Hash, Dir: folder.Dir,
		Date: info.ModTime().Truncate(time.Second), Overrides: []string{}}
	err = folder.ReadJSON("overrides.json", &out.Overrides)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	w, err := New(s, folder)
	if err != nil {
		return nil, err
	}
	l, err := w.look()
	if err != nil {
		return nil, err
	}
	st := &Status{Processes: l.shownProcesses()}
	w.count(l, st)
	out.State, out.Trials, out.Stages = st.judge(l), st.Trials, st.Stages
	for i, status := range l.survey.Status {
		if status == schedule.Cached {
			out.Bytes += l.survey.Entries[i].Bytes(-1)
		}
	}
	return out, nil
}

// Print writes the list as a table.
func (l *List) Print(w io.Writer) error {
	if len(l.Sweeps) == 0 {
		_, err := fmt.Fprintf(w, "no sweep in store %s yet; runner sweep FILE starts one\n",
			cli.ShownPath(l.Store))
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "SWEEP\tDATE\tSTATE\tTRIALS\tSIZE\tOVERRIDES\n")
	for _, s := range l.Sweeps {
		fmt.Fprintf(table, "%s/%s\t%s\t%s\t%d of %d\t%s\t%s\n", s.Sweep, s.Hash,
			s.Date.Local().Format("2006-01-02 15:04"), plainState(s.State), s.Trials.Done, s.Trials.Total, words.Bytes(s.Bytes), cmp.Or(strings.Join(s.Overrides, " "), "-"))
	}
	return table.Flush()
}

// plainState is a state in the words of the headline of status.
func plainState(state string) string {
	if state == "gone" {
		return "killed"
	}
	return state
}
