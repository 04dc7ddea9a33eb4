package v1

import (
	"strconv"
	"strings"
)

// Axes are the rows or the columns of a table, by their old paths: what its other fields name lines
// by.
type Axes struct {
	Paths []string
	// Labels are those of the cases. A line of this name is the case's.
	Labels map[string]bool
	// Takes reports whether a field of today takes a value.
	Takes func(path, value string) bool
}

// renames reports whether a value of one of the axes has another name today.
func (a Axes) renames() bool {
	for _, p := range a.Paths {
		if Values(p) != nil {
			return true
		}
	}
	return false
}

// Entry is a value or a label in today's names. It is two where the text may be a value of two
// axes, of which one keeps it.
func (a Axes) Entry(text string) []string {
	if a.Labels[text] {
		return []string{text}
	}
	out, kept := []string{}, false
	for _, p := range a.Paths {
		now, renamed := Values(p)[text]
		switch {
		case renamed:
			out = append(out, now)
		case a.Takes(p, text):
			kept = true
		}
	}
	if kept || len(out) == 0 {
		out = append(out, text)
	}
	return out
}

// Line is the name of a line: its values in the order of the axes, or the label of a case with
// those of its values that vary. ok is false where that cannot be told.
func (a Axes) Line(name string) (now string, ok bool) {
	parts := strings.Split(name, ", ")
	if a.Labels[name] || !a.renames() {
		return name, true
	}
	if len(parts) == len(a.Paths) && !a.Labels[parts[0]] {
		for i, p := range a.Paths {
			parts[i], _ = value(p, parts[i]).(string)
		}
		return strings.Join(parts, ", "), true
	}
	for i, part := range parts {
		entries := a.Entry(part)
		if len(entries) > 1 {
			return name, false
		}
		parts[i] = entries[0]
	}
	return strings.Join(parts, ", "), true
}

// Assignment is "PATH=VALUE" in today's names; a text that is none, such as a label, is given back.
func Assignment(text string) string {
	path, v, ok := strings.Cut(text, "=")
	now, renamed := Path(path)
	if !ok || !renamed {
		return text
	}
	if s, err := strconv.Unquote(v); err == nil {
		s, _ = value(path, s).(string)
		return now + "=" + strconv.Quote(s)
	}
	v, _ = value(path, v).(string)
	return now + "=" + v
}
