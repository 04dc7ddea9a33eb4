package datasets

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"react/data/shards"
)

// unpacking says how to unpack an archive, by the end of its name.
var unpacking = []struct{ ending, command string }{
	{".tar.gz", "tar xzf"}, {".tgz", "tar xzf"}, {".tar", "tar xf"}, {".zip", "unzip"}, {".rar", "unrar x"}, {".7z", "7z x"},
	{".h5.gz", ""}, {".h5", ""},
}

// packedBeside adds to an error that an archive lies in the folder as its publisher gives it out,
// and has not been unpacked: most sets are read from the files that archives hold.
func packedBeside(dir string, err error) error {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		for _, u := range unpacking {
			if shards.Hidden(e.Name()) || !strings.HasSuffix(strings.ToLower(e.Name()), u.ending) || !isFile(filepath.Join(dir, e.Name())) {
				continue
			}
			if u.command == "" {
				return fmt.Errorf("%w; %s is HDF5, which is not read (runner data show says how to convert a benchmark's files)", err, e.Name())
			}
			return fmt.Errorf("%w; is %s unpacked? (%s %s)", err, e.Name(), u.command, e.Name())
		}
	}
	return err
}
