// Package modality is the table of the ways to retrieve, retrieve.by of the spec: what of a class
// is asked with, and what of a row is searched. It lies below all that ask. What a search does is
// in package ops; the schema lists the names too, and a test of runner/spec holds them together.
package modality

// The names of the modalities.
const (
	T2T       = "t2t"
	T2I       = "t2i"
	TextMatch = "text-match"
)

// Modality is one way to retrieve.
type Modality struct {
	Name string

	// ByClass: a class is asked for once, by its names as they are written. Else each of its
	// prompts is, by its embedding.
	ByClass bool
	// Side of the pool's embeddings is searched: "text" or "image". "" compares strings with the
	// captions, and needs no model.
	Side string
}

// All are the modalities, in the order of their hits among those of several.
func All() []Modality {
	return []Modality{
		{Name: T2T, Side: "text"},
		{Name: T2I, Side: "image"},
		{Name: TextMatch, ByClass: true},
	}
}

// Of is the modality of a name; the zero Modality where there is none, which the schema refuses.
func Of(name string) Modality {
	for _, m := range All() {
		if m.Name == name {
			return m
		}
	}
	return Modality{}
}

// Searched are those that search embeddings.
func Searched() (some []Modality) {
	for _, m := range All() {
		if m.Side != "" {
			some = append(some, m)
		}
	}
	return some
}

// Names are those of all.
func Names() (names []string) {
	for _, m := range All() {
		names = append(names, m.Name)
	}
	return names
}

// Hits is the role of a search's output.
func (m Modality) Hits() string { return "hits." + m.Name }

// HitRoles are the roles of all searches' outputs.
func HitRoles() (roles []string) {
	for _, m := range All() {
		roles = append(roles, m.Hits())
	}
	return roles
}
