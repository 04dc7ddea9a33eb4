package differ

import (
	"fmt"
	"io"
	"strings"
	"time"

	"react/data/words"
	"react/runner/cli"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/store"
)

// keyed is a stage whose key lines are known: from the store, or from a plan.
type keyed struct {
	op, key  string
	lines    []string
	finished time.Time // zero: not in the store
}

// knownStages know what keys stand for, to say why one is not another.
type knownStages struct {
	byName map[string]keyed   // by key and by identity, which readers' lines name
	stored map[string][]keyed // by op
}

// readKnownStages reads the manifests of the store; the stages of p are known
// besides.
func readKnownStages(s *store.Store, p *record.Plan) (*knownStages, error) {
	c := &knownStages{map[string]keyed{}, map[string][]keyed{}}
	for _, stage := range p.Stages {
		c.add(keyed{op: stage.Op, key: stage.Key, lines: stage.Lines}, stage.Lines)
	}
	return c, s.Manifests(func(_ string, m store.Manifest) {
		one := keyed{m.Op, m.Key, m.Lines, m.Finished}
		c.add(one, m.Lines)
		c.stored[m.Op] = append(c.stored[m.Op], one)
	})
}

// add makes a stage known by its key and by what readers call it, which follows from the lines that
// were hashed.
func (c *knownStages) add(m keyed, hashed []string) {
	c.byName[m.key] = m
	c.byName[plan.Identity(hashed)] = m
}

// nearest finds the stored stage of the op that shares most with the lines and
// differs in least; the newest of equals.
func (c *knownStages) nearest(op string, lines []string) (best keyed, changes []plan.Change, ok bool) {
	most := 0
	for _, m := range c.stored[op] {
		diff, same := plan.Compare(m.lines, lines)
		like := same - len(diff)
		for _, ch := range diff {
			if c.byName[ch.Old].op == c.byName[ch.New].op { // params, files, and inputs of one kind
				like++
			}
		}
		if ok && (like < most || like == most && !m.finished.After(best.finished)) {
			continue
		}
		best, changes, most, ok = m, diff, like, true
	}
	return best, changes, ok
}

// printNearest says what keeps a stage that is not in the store from being one
// that is.
func (c *knownStages) printNearest(w io.Writer, stage record.Stage) {
	near, changes, ok := c.nearest(stage.Op, stage.Lines)
	if !ok {
		fmt.Fprintf(w, "  it would run: the store has no %s yet\n", stage.Op)
		return
	}
	fmt.Fprintf(w, "  it would run: the nearest in the store, %s %s of %s, differs in\n", near.op, cli.Short(near.key), cli.Stamp(near.finished))
	c.printChanges(w, "\t", changes, map[[2]string]bool{})
}

// maxFileChanges are shown of a role's files; a pool may have thousands.
const maxFileChanges = 5

// printChanges prints a line for each change, and below a changed input what
// changed in it, down to params and files.
func (c *knownStages) printChanges(w io.Writer, indent string, changes []plan.Change, told map[[2]string]bool) {
	if len(changes) == 0 {
		fmt.Fprintf(w, "%sthe names of params alone, of another apiVersion\n", indent)
	}
	files := 0
	for _, ch := range changes {
		if strings.HasPrefix(ch.Name, "file ") {
			if files++; files > maxFileChanges {
				continue
			}
		}
		if strings.HasPrefix(ch.Name, "in ") {
			c.printInput(w, indent, ch, told)
			continue
		}
		fmt.Fprintf(w, "%s%s: %s → %s\n", indent, ch.Name, shown(ch.Name, ch.Old), shown(ch.Name, ch.New))
	}
	if files > maxFileChanges {
		fmt.Fprintf(w, "%sand %s more\n", indent, words.Plural(files-maxFileChanges, "file"))
	}
}

func (c *knownStages) printInput(w io.Writer, indent string, ch plan.Change, told map[[2]string]bool) {
	old, knowOld := c.byName[ch.Old]
	now, knowNow := c.byName[ch.New]
	fmt.Fprintf(w, "%s%s: %s → %s", indent, ch.Name, c.nameOf(ch.Old), c.nameOf(ch.New))
	pair := [2]string{ch.Old, ch.New}
	switch {
	case !knowOld || !knowNow || old.op != now.op:
		fmt.Fprintln(w)
	case told[pair]:
		fmt.Fprintln(w, ", as above")
	default:
		told[pair] = true
		fmt.Fprintln(w, ", which differ in")
		inner, _ := plan.Compare(old.lines, now.lines)
		c.printChanges(w, indent+"\t", inner, told)
	}
}

// nameOf is "pretrain 0a1b2c3d4e5f" of an input's name in a key.
func (c *knownStages) nameOf(identity string) string {
	if identity == "" {
		return "none"
	}
	if m, ok := c.byName[identity]; ok {
		return m.op + " " + cli.Short(m.key)
	}
	return cli.Short(identity) + " (no longer in the store)"
}

// shown is a value of a key's part for people.
func shown(name, value string) string {
	switch {
	case value == "":
		return "none"
	case strings.HasPrefix(name, "file "):
		return cli.Short(value)
	}
	return value
}
