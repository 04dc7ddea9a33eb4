package shards

import (
	"path/filepath"
	"slices"
	"strings"
)

// litter are the names of files and folders that systems write beside data: Windows' folder
// settings, the resource forks in archives of macOS, thumbnails of network disks.
var litter = []string{"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "@eadir"}

// Hidden says whether a name is never data. Names with a dot first are not, as in a shell's
// patterns: macOS writes ._NAME beside every file on other systems' disks and into tars and zips.
func Hidden(name string) bool {
	return strings.HasPrefix(name, ".") && name != "." && name != ".." ||
		slices.Contains(litter, strings.ToLower(name))
}

// hiddenPath says whether a name in a path is Hidden. The path is one below a set's or pool's
// folder, or in an archive: what stands above that folder does not hide what it holds.
func hiddenPath(path string) bool {
	return slices.ContainsFunc(strings.Split(filepath.ToSlash(path), "/"), Hidden)
}
