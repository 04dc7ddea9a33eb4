// Package fields has the values of an experiment by the dotted paths of their fields, such as
// tune.gamma: how paths are put together and apart, and what a value is as text, as a number and in
// Go. It does not know which fields there are.
package fields

import "strings"

// Join is the path of a field of a group; that of either is the other where one is empty.
func Join(path, name string) string {
	if path == "" {
		return name
	}
	if name == "" {
		return path
	}
	return path + "." + name
}

// Parent is the path of the group that a field stands in, "" for a section.
func Parent(path string) string {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return ""
	}
	return path[:i]
}

// Below reports whether path lies under dir.
func Below(path, dir string) bool {
	return len(path) > len(dir) && strings.HasPrefix(path, dir) && (path[len(dir)] == '.' || path[len(dir)] == '[')
}
