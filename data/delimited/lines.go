package delimited

import "strings"

// Split gives the lines of a text file, with or without a last newline, of any system.
func Split(raw []byte) []string {
	text := strings.TrimSuffix(strings.TrimPrefix(string(raw), "\ufeff"), "\n")
	all := strings.Split(text, "\n")
	for i := range all {
		all[i] = strings.TrimSuffix(all[i], "\r")
	}
	return all
}
