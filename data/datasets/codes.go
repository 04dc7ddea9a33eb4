package datasets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"react/data/datasets/catalogue"
	"react/data/jsonfile"
)

// folderNames is the file that names the classes of folders that are called by codes: JSON,
// {"FOLDER": "name"} or {"FOLDER": ["name", "another name"]}. It may name more folders than there
// are, so that one file serves any part of a benchmark.
const folderNames = "classnames.json"

// nameFolders names the classes by the file beside their folders; without it they are called as
// their folders are.
func (s *Set) nameFolders() error {
	path := filepath.Join(s.Dir, folderNames)
	raw, err := os.ReadFile(path)
	if s.Layout != "folders" || errors.Is(err, os.ErrNotExist) {
		for _, c := range s.Classes {
			s.Names = append(s.Names, catalogue.Names{c})
		}
		return nil
	}
	if err != nil {
		return err
	}
	var names map[string]catalogue.Names
	if !utf8.Valid(raw) { // the decoder would replace what is not
		err = errors.New("not UTF-8")
	} else {
		err = jsonfile.Named(jsonfile.Unmarshal(raw, &names), `{"FOLDER": "name"}`)
	}
	for i := 0; i < len(s.Classes) && err == nil; i++ {
		of := names[s.Classes[i]]
		if len(of) == 0 || slices.ContainsFunc(of, func(n string) bool { return strings.TrimSpace(n) == "" }) {
			err = fmt.Errorf("no name for the folder %q", s.Classes[i])
		}
		s.Names = append(s.Names, of)
	}
	if err != nil {
		return fmt.Errorf("file %s: %w", path, err)
	}
	s.Classes = catalogue.Unique(s.Names)
	return nil
}

var (
	wordNetID = regexp.MustCompile(`^n\d{8}$`)
	codeName  = regexp.MustCompile(`(?i)^(class|classid|cls|label|category|cat|id|c)?[ _-]?\d+$`)
)

// codes says what is wrong where the names of classes are codes: WordNet ids or numbers, of which
// a text model knows nothing, so that prompts made of them score like chance. "" for names. The
// classes of a benchmark have names.
func (s *Set) codes() (what, do string) {
	if s.Entry != nil || s.known != nil || len(s.Classes) == 0 {
		return "", ""
	}
	all := func(r *regexp.Regexp) bool {
		return !slices.ContainsFunc(s.Classes, func(c string) bool { return !r.MatchString(c) })
	}
	byFile := fmt.Sprintf(`%s beside the folders, {"%s": "%%s", ...}, names them`, folderNames, s.Classes[0])
	if s.Layout != "folders" {
		byFile = "a list whose labels are names, %s, or " + labelFiles[0] + " names them"
	}
	if all(wordNetID) {
		return fmt.Sprintf("the %d classes are called by WordNet ids, such as %q, which no text model knows", len(s.Classes), s.Classes[0]), s.wordNetNames(byFile)
	}
	if all(codeName) {
		return fmt.Sprintf("the %d classes are called by numbers, such as %q, which say nothing of what is shown", len(s.Classes), s.Classes[0]),
			fmt.Sprintf(byFile, "its name") + "; benchmark: \"NAME\" where the set is one of runner data ls"
	}
	return "", ""
}

// CodesWarning is what plans and stages say of such a set; "" of any other.
func (s *Set) CodesWarning() string {
	what, do := s.codes()
	if what == "" {
		return ""
	}
	return fmt.Sprintf("set %s: %s (%s)", s.Dir, what, do)
}

// wordNetNames is the advice for classes called by WordNet ids.
func (s *Set) wordNetNames(byFile string) string {
	ids := catalogue.WordNetIDs()
	name, known := "its name", 0
	for _, c := range s.Classes {
		at := slices.Index(ids, c)
		if at < 0 {
			continue
		}
		if known++; c == s.Classes[0] {
			if e, err := catalogue.Find("imagenet-1k"); err == nil {
				name = e.Classes[at][0]
			}
		}
	}
	for _, e := range catalogue.All() {
		if e.Folders == "wnid" && e.NumClasses == len(s.Classes) && known == len(s.Classes) {
			return fmt.Sprintf("benchmark: %q gives their names; or %s", e.Name, fmt.Sprintf(byFile, name))
		}
	}
	return fmt.Sprintf(byFile, name) + "; benchmark: \"imagenet-1k\" gives the names of all its 1000 classes"
}
