package record

import (
	"errors"
	"fmt"
	"io"

	"react/ops/train"
	"react/runner/schedule"
	"react/runner/store"
)

// KeepSound say how a run keeps damage from spreading.
func KeepSound(o *schedule.Options, stderr io.Writer) {
	o.Aside, o.Volatile = SetAside(o.Store), []string{train.TimedFile}
	o.Notice = func(text string) { fmt.Fprintln(stderr, text) }
}

// LookupResults finds an entry whose results are read: they are compared with
// their digests first.
func LookupResults(s *store.Store, key string) (store.Entry, bool, error) {
	e, ok, err := s.Lookup(key)
	if err == nil && ok {
		err = checkResults(s, e)
	}
	return e, ok && err == nil, err
}

// checkResults compares what tables and reports may be made of with its digests.
func checkResults(s *store.Store, e store.Entry) error {
	return ExplainDamage(s, s.CheckSome(e, schedule.IsResult))
}

// CheckNamed compares files of an entry that are read by name.
func CheckNamed(s *store.Store, e store.Entry, names ...string) error {
	named := map[string]bool{}
	for _, name := range names {
		named[name] = true
	}
	return ExplainDamage(s, s.CheckSome(e, func(f store.File) bool { return named[f.Path] }))
}

// ExplainDamage says of a damaged entry what to do.
func ExplainDamage(s *store.Store, err error) error {
	if !errors.As(err, new(*store.Damaged)) {
		return err
	}
	return &store.Error{Root: s.Root(), What: "read results", Err: fmt.Errorf(
		"%w; runner sweep sets it aside and makes it again, as does runner verify --set-aside for the next sweep", err)}
}
